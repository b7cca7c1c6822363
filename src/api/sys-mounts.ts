// sys/mounts, sys/auth, sys/remount and the listings for user interfaces.

import { contract } from '../schema/contract.ts';
import { any, bool, commas, integer, map, name, pairs, text } from '../schema/fields.ts';

const path = text('Path of the mount');

const enableInput = {
  type: text('Type of the engine, such as kv'),
  description: text('For people'),
  config: map(
    'default_lease_ttl, max_lease_ttl, force_no_cache, listing_visibility, audit_non_hmac_request_keys, audit_non_hmac_response_keys, passthrough_request_headers, allowed_response_headers, token_type',
  ),
  options: pairs("The engine's own options, such as version"),
  local: bool('Accepted: there is no replication'),
  seal_wrap: bool('Accepted: every entry is sealed'),
  external_entropy_access: bool('Accepted and without effect'),
  plugin_name: text('Accepted instead of type by old clients', { deprecated: true }),
  plugin_version: text('Accepted and without effect'),
} as const;

const mountOutput = {
  type: text('Type of the engine'),
  description: text('For people'),
  accessor: text('Names the mount in policies and audit lines'),
  config: map('TTLs and visibility'),
  options: pairs("The engine's options"),
  local: bool('As given'),
  seal_wrap: bool('As given'),
  external_entropy_access: bool('Always false'),
  plugin_version: text('Always empty'),
  running_plugin_version: text('Version of the built-in engine'),
  running_sha256: text('Always empty'),
  deprecation_status: text('Always supported'),
  uuid: text('Names the mount for ever'),
} as const;

const tuneInput = {
  default_lease_ttl: text('Seconds or a duration; "system" or 0 for the system default'),
  max_lease_ttl: text('Seconds or a duration; "system" or 0 for the system maximum'),
  description: text('For people'),
  audit_non_hmac_request_keys: commas('Keys of requests that audit lines show in clear'),
  audit_non_hmac_response_keys: commas('Keys of answers that audit lines show in clear'),
  options: pairs("The engine's options, such as version"),
  listing_visibility: name('unauth shows the mount to everybody, hidden or empty does not'),
  passthrough_request_headers: commas('Headers that the engine gets to see'),
  allowed_response_headers: commas('Headers that the engine may set'),
  token_type: text('Kind of token of an auth method'),
  user_lockout_config: map(
    'When failed logins lock users out: lockout_threshold, lockout_duration, lockout_counter_reset_duration, lockout_disable',
  ),
  plugin_version: text('Accepted and without effect'),
} as const;

const tuneOutput = {
  default_lease_ttl: integer('Effective, seconds'),
  max_lease_ttl: integer('Effective, seconds'),
  description: text('For people'),
  force_no_cache: bool('As given'),
  listing_visibility: text('As given'),
  options: pairs("The engine's options"),
  token_type: text('Kind of token of an auth method'),
  user_lockout_threshold: integer('Failed logins that lock a user out; 0 for what the server is set to'),
  user_lockout_duration: integer('How long, seconds'),
  user_lockout_counter_reset_duration: integer('Without a failed login for as long the count starts anew, seconds'),
  user_lockout_disable: bool('Nobody is locked out'),
} as const;

const table = (what: string) => ({ summary: `List the ${what}.`, output: { '<path>': map(`One ${what} per key`) } });

export const sysMounts = contract({
  name: 'system',
  description: 'Where engines and auth methods are mounted.',
  routes: {
    mounts: {
      path: 'mounts',
      summary: 'The mounted engines.',
      help: 'One key per mount, with its type, options and configuration.',
      fields: {},
      injected: true,
      operations: { read: table('mounts') },
    },
    mountTune: {
      path: 'mounts/{path...}/tune',
      summary: 'Configuration of a mounted engine.',
      help: 'Changes TTLs, description, options and visibility of a mount that is in use.',
      fields: { path },
      injected: true,
      operations: {
        read: { summary: 'Read the configuration.', output: tuneOutput },
        write: { summary: 'Change the configuration.', input: tuneInput },
      },
    },
    mount: {
      path: 'mounts/{path...}',
      summary: 'Mount an engine, show or unmount it.',
      help: 'A path may have several segments but lies neither above nor below another mount. Unmounting deletes what the engine stored.',
      fields: { path },
      injected: true,
      operations: {
        read: { summary: 'Show the mount.', output: mountOutput },
        write: { summary: 'Mount an engine.', input: enableInput },
        delete: { summary: 'Unmount and delete what is stored there.' },
      },
    },
    auths: {
      path: 'auth',
      summary: 'The enabled auth methods.',
      help: 'One key per auth method, with its type, options and configuration.',
      fields: {},
      injected: true,
      operations: { read: table('auth methods') },
    },
    authTune: {
      path: 'auth/{path...}/tune',
      summary: 'Configuration of an auth method.',
      help: 'Changes TTLs, description, options and visibility of an auth method that is in use.',
      fields: { path },
      sudo: true,
      injected: true,
      operations: {
        read: { summary: 'Read the configuration.', output: tuneOutput },
        write: { summary: 'Change the configuration.', input: tuneInput },
      },
    },
    auth: {
      path: 'auth/{path...}',
      summary: 'Enable an auth method, show or disable it.',
      help: 'Disabling a method revokes the tokens that it gave.',
      fields: { path },
      sudo: true,
      injected: true,
      operations: {
        read: { summary: 'Show the auth method.', output: mountOutput },
        write: { summary: 'Enable an auth method.', input: enableInput },
        delete: { summary: 'Disable the auth method.' },
      },
    },
    remount: {
      path: 'remount',
      summary: 'Move a mount to another path.',
      help: 'What is stored is found under the new path at once: entries carry the id of the mount, not its path.',
      fields: {},
      sudo: true,
      injected: true,
      operations: {
        write: {
          summary: 'Move a mount.',
          input: { from: text('Path of today'), to: text('Path from now on') },
          output: { migration_id: text('Names the move') },
        },
      },
    },
    remountStatus: {
      path: 'remount/status/{migration_id}',
      summary: 'How far a move is.',
      help: 'A move is done when it is answered; clients of servers that queue moves ask all the same.',
      fields: { migration_id: text('As the move was answered') },
      sudo: true,
      operations: {
        read: {
          summary: 'Read it.',
          output: { migration_id: text('Names the move'), migration_info: map('source_mount, target_mount, status') },
        },
      },
    },
    uiMounts: {
      path: 'internal/ui/mounts',
      summary: 'The mounts that the caller may see.',
      help: 'Without a token: those that are tuned to be listed for everybody.',
      fields: {},
      unauthenticated: true,
      operations: { read: { summary: 'List the mounts.', output: { secret: map('Engines'), auth: map('Auth methods') } } },
    },
    uiMount: {
      path: 'internal/ui/mounts/{path...}',
      summary: 'The mount that a path belongs to.',
      help: 'Asked by the kv commands to learn the version of the engine.',
      fields: { path: text('Any path below the mount') },
      unauthenticated: true,
      operations: { read: { summary: 'Find the mount.', output: { ...mountOutput, path: text('Path of the mount') } } },
    },
    resultantAcl: {
      path: 'internal/ui/resultant-acl',
      summary: "What the caller's policies add up to.",
      help: 'Rules by exact path and by prefix, for user interfaces that show only what may be done.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the rules.',
          output: { root: bool('Whether everything is allowed'), exact_paths: any('Rules by path'), glob_paths: any('Rules by prefix') },
        },
      },
    },
  },
});
