// sys/quotas: how many requests each client may send, to everything, a mount, a path or as a role.

import { contract } from '../schema/contract.ts';
import { any, bool, duration, integer, text, texts } from '../schema/fields.ts';

const name = text('Name of the rule');

const output = {
  name: text('Name of the rule'),
  type: text('Always rate-limit'),
  path: text('What it counts for; empty for everything'),
  role: text('The role whose logins it counts'),
  rate: any('Requests per interval and client address'),
  interval: integer('Seconds'),
  block_interval: integer('Seconds'),
  inheritable: bool('Whether it counts for namespaces below'),
} as const;

export const sysQuotas = contract({
  name: 'system',
  description: 'Rate limits.',
  routes: {
    config: {
      path: 'quotas/config',
      summary: 'Settings of all quotas.',
      help: 'A write replaces all settings: what is left out is off, and without exempt paths no path is exempt.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the settings.',
          output: {
            rate_limit_exempt_paths: texts('Beginnings of paths that no rule counts for'),
            enable_rate_limit_audit_logging: bool('Whether refusals are written to the audit devices'),
            enable_rate_limit_response_headers: bool('Whether answers say what is left of a rule'),
          },
        },
        write: {
          summary: 'Replace the settings.',
          input: {
            rate_limit_exempt_paths: texts('Beginnings of paths that no rule counts for'),
            enable_rate_limit_audit_logging: bool('Write refusals to the audit devices'),
            enable_rate_limit_response_headers: bool('Say in answers what is left of a rule'),
          },
        },
      },
    },
    rateLimits: {
      path: 'quotas/rate-limit',
      summary: 'The rate limits.',
      help: 'Names of the rules, of all mounts.',
      fields: {},
      operations: { list: { summary: 'List the names.', output: { keys: texts('Names') } } },
    },
    rateLimit: {
      path: 'quotas/rate-limit/{name}',
      summary: 'One rate limit.',
      help: 'Each client address may send `rate` requests per `interval`; the next one is answered with 429. Of several rules the most specific counts: role, path, beginning of a path, mount, everything. Every server counts for itself what it answers; the rules are the same on all servers over the store.',
      fields: { name },
      operations: {
        read: { summary: 'Read the rule.', output },
        write: {
          summary: 'Make or replace the rule.',
          input: {
            type: text('Accepted: rate-limit'),
            path: text('A mount, or a path below one; `*` at its end covers all that begins so; empty for everything'),
            role: text('Count the logins of this role only; the path must be an auth method with roles'),
            rate: any('Requests per interval and client address, more than 0'),
            interval: duration('Seconds or a duration; 1 second when left out'),
            block_interval: duration('How long a client that went past the rate is refused; 0 until the interval is over'),
            inheritable: bool('Accepted: there are no namespaces below the root'),
          },
        },
        delete: { summary: 'Delete the rule.' },
      },
    },
  },
});
