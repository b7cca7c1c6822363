// Handlers of sys/quotas.

import { sysQuotas } from '../../api/sys-quotas.ts';
import { Fault } from '../../base/fault.ts';
import { engine, type OpenEngine } from '../core/engine.ts';
import type { Mounts } from '../mounts/mounts.ts';
import { type MountRecord, requestPath } from '../mounts/record.ts';
import type { Router } from '../mounts/router.ts';
import type { Quotas } from '../quotas/quotas.ts';
import type { QuotaRule } from '../quotas/rules.ts';

export interface QuotaRouteParts {
  readonly quotas: Quotas;
  readonly mounts: Mounts;
  readonly router: Router;
}

export function openQuotas({ quotas, mounts, router }: QuotaRouteParts): OpenEngine {
  const placeOf = async (path: string): Promise<{ readonly mount: MountRecord | undefined; readonly suffix: string }> => {
    if (path === '') return { mount: undefined, suffix: '' };
    const mount = router.locate(await mounts.table(), path);
    if (mount === undefined) throw new Fault('invalid-request', `invalid mount path ${JSON.stringify(path)}`);
    return { mount, suffix: path.slice(requestPath(mount).length).replace(/\/$/, '') };
  };
  const checkRole = async (mount: MountRecord | undefined, suffix: string): Promise<void> => {
    if (suffix !== '')
      throw new Fault(
        'invalid-request',
        'Quotas cannot contain both a path suffix and a role. If a role is provided, path must be a valid auth mount with a concept of roles',
      );
    const path = JSON.stringify(mount === undefined ? '' : requestPath(mount));
    if (mount?.table !== 'auth')
      throw new Fault(
        'invalid-request',
        `Mount path ${path} is not a valid auth method and therefore unsuitable for use with role-based quotas`,
      );
    if ((await router.open(mount)).engine.loginRole === undefined)
      throw new Fault('invalid-request', `Mount path ${path} does not support use with role-based quotas`);
  };
  const describe = async (rule: QuotaRule): Promise<Record<string, unknown>> => {
    const mount = (await mounts.table()).mounts.find(({ uuid }) => uuid === rule.mount);
    return {
      block_interval: rule.blockInterval,
      inheritable: rule.inheritable,
      interval: rule.interval,
      name: rule.name,
      path: mount === undefined ? '' : `${requestPath(mount)}${rule.suffix}`,
      rate: rule.rate,
      role: rule.role,
      type: 'rate-limit',
    };
  };

  return engine<typeof sysQuotas>({
    contract: sysQuotas,
    handlers: {
      config: {
        read: async () => {
          const { settings } = await quotas.table();
          return {
            data: {
              enable_rate_limit_audit_logging: settings.auditLogging,
              enable_rate_limit_response_headers: settings.responseHeaders,
              rate_limit_exempt_paths: settings.exemptPaths,
            },
          };
        },
        write: async (input) => {
          await quotas.configure({
            auditLogging: input.enable_rate_limit_audit_logging ?? false,
            responseHeaders: input.enable_rate_limit_response_headers ?? false,
            exemptPaths: input.rate_limit_exempt_paths ?? [],
          });
          return undefined;
        },
      },
      rateLimits: { list: async () => ({ data: { keys: (await quotas.table()).rules.map(({ name }) => name).sort() } }) },
      rateLimit: {
        read: async ({ name }) => {
          const rule = (await quotas.table()).rules.find((one) => one.name === name);
          return rule === undefined ? undefined : { data: await describe(rule) };
        },
        write: async ({ name = '', ...input }) => {
          const rate = rateOf(input.rate);
          const { mount, suffix } = await placeOf(sanitized(input.path ?? ''));
          const role = input.role ?? '';
          if (role !== '') await checkRole(mount, suffix);
          await quotas.write({
            name,
            mount: mount?.uuid ?? '',
            suffix,
            role,
            rate,
            interval: input.interval || 1,
            blockInterval: input.block_interval ?? 0,
            inheritable: input.inheritable ?? mount === undefined,
          });
          return undefined;
        },
        delete: async ({ name = '' }) => {
          await quotas.delete(name);
          return undefined;
        },
      },
    },
  });
}

/** With a slash at its end and none in front; empty stays empty. */
function sanitized(path: string): string {
  const bare = path.replace(/^\/+|\/+$/g, '');
  return bare === '' ? '' : `${bare}/`;
}

/** A number, or its text, as command lines send it. */
function rateOf(given: unknown): number {
  const rate = typeof given === 'string' && given.trim() !== '' ? Number(given) : given;
  const number = JSON.isRawJSON(rate) ? Number((rate as { readonly rawJSON: string }).rawJSON) : rate;
  if (typeof number !== 'number' || !Number.isFinite(number) || number <= 0) throw new Fault('invalid-request', "'rate' is invalid");
  return number;
}
