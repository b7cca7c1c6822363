// Handlers of sys/mounts, sys/auth, sys/remount and the listings for user interfaces.

import { sysMounts } from '../../api/sys-mounts.ts';
import { parseDurationSeconds } from '../../base/durations.ts';
import { Fault } from '../../base/fault.ts';
import { coerce } from '../../schema/coerce.ts';
import { commas, type Field } from '../../schema/fields.ts';
import { type Answer, type EngineRequest, engine, type OpenEngine } from '../core/engine.ts';
import { firstStep, upgradeKey } from '../engines/kv/upgrade-mark.ts';
import type { Mounts, Tuning } from '../mounts/mounts.ts';
import { describeMount, type MountConfig, type MountRecord, type MountTableName, requestPath } from '../mounts/record.ts';
import { mountPrefix } from '../mounts/retirement.ts';
import type { Router } from '../mounts/router.ts';
import type { Acl } from '../policies/acl.ts';
import { tunedLockout } from './lockout-tuning.ts';
import { describeAcl } from './resultant-acl.ts';

export interface MountParts {
  readonly mounts: Mounts;
  readonly router: Router;
  readonly version: string;
  readonly uuid: () => string;
  /** Seconds. */
  readonly systemTtl: () => { readonly default: number; readonly max: number };
  /** undefined for a request without a valid token. */
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
  /** Takes back leases and tokens below the path and deletes the entries, in the background. */
  readonly retire: (mount: MountRecord) => void;
}

export function openMounts(parts: MountParts): OpenEngine {
  const { mounts, router, version } = parts;

  const listTable = async (table: MountTableName): Promise<Answer> => ({
    data: Object.fromEntries(
      (await mounts.table()).mounts.filter((mount) => mount.table === table).map((mount) => [mount.path, describeMount(mount, version)]),
    ),
  });
  const find = async (table: MountTableName, path: string): Promise<MountRecord | undefined> =>
    (await mounts.table()).mounts.find((mount) => mount.table === table && mount.path === path);
  const show = async (table: MountTableName, path: string): Promise<Answer> => {
    const mount = await find(table, path);
    if (mount === undefined)
      throw new Fault('invalid-request', `No ${table === 'auth' ? 'auth engine' : 'secret engine mount'} at ${path}`);
    return { data: describeMount(mount, version) };
  };
  const enable = async (table: MountTableName, input: EnableInput): Promise<undefined> => {
    const type = input.type === undefined || input.type === '' ? (input.plugin_name ?? '') : input.type;
    if (type === '') throw new Fault('invalid-request', 'backend type must be specified as a string');
    await mounts.enable({
      table,
      path: mountPath(input.path),
      type,
      description: input.description ?? '',
      options: input.options ?? {},
      config: configOf(input.config ?? {}),
      local: input.local ?? false,
      sealWrap: input.seal_wrap ?? false,
    });
    return undefined;
  };
  const disable = async (table: MountTableName, path: string): Promise<undefined> => {
    const gone = await mounts.disable(table, path);
    if (gone !== undefined) parts.retire(gone);
    return undefined;
  };
  const showTuning = async (table: MountTableName, path: string): Promise<Answer> => {
    const mount = await find(table, path);
    if (mount === undefined)
      throw new Fault('invalid-request', `cannot fetch sysview for path ${JSON.stringify(table === 'auth' ? `auth/${path}` : path)}`);
    const { config } = mount;
    const system = parts.systemTtl();
    return {
      data: {
        default_lease_ttl: config.default_lease_ttl === 0 ? system.default : config.default_lease_ttl,
        description: mount.description,
        force_no_cache: config.force_no_cache,
        ...optional(config),
        max_lease_ttl: config.max_lease_ttl === 0 ? system.max : config.max_lease_ttl,
        ...(mount.options === null || Object.keys(mount.options).length === 0 ? {} : { options: mount.options }),
        ...(config.token_type === undefined ? {} : { token_type: config.token_type }),
        ...config.user_lockout_config,
      },
    };
  };
  const tune = async (table: MountTableName, path: string, input: TuneInput): Promise<Answer | undefined> => {
    const before = await find(table, path);
    if (before === undefined) throw new Fault('invalid-request', `tune of path ${JSON.stringify(path)} failed: no mount entry found`);
    const upgrades = isUpgrade(before, input);
    const tuned = await mounts.tune(table, path, tuningOf(input, before), (transaction, found) => {
      if (isUpgrade(found, input)) transaction.put(`${mountPrefix(found.uuid)}${upgradeKey}`, firstStep);
    });
    // Opening it begins the upgrade.
    if (upgrades) await router.open(tuned);
    return upgrades
      ? {
          warnings: [
            'Upgrading mount from version 1 to version 2. This mount will be unavailable for a brief period and will resume service shortly.',
          ],
        }
      : undefined;
  };

  /** Told to clients that ask how far a move is, for as long as this process lives. */
  const moves = new Map<string, Readonly<Record<string, string>>>();

  return engine<typeof sysMounts>({
    contract: sysMounts,
    handlers: {
      mounts: { read: () => listTable('secret') },
      mountTune: {
        read: ({ path }) => showTuning(...placeOf(path)),
        write: ({ path, ...input }) => tune(...placeOf(path), input),
      },
      mount: {
        read: ({ path }) => show('secret', mountPath(path)),
        write: (input) => enable('secret', input),
        delete: ({ path }) => disable('secret', mountPath(path)),
      },
      auths: { read: () => listTable('auth') },
      authTune: {
        read: ({ path }) => showTuning('auth', mountPath(path)),
        write: ({ path, ...input }) => tune('auth', mountPath(path), input),
      },
      auth: {
        read: ({ path }) => show('auth', mountPath(path)),
        write: (input) => enable('auth', input),
        delete: ({ path }) => disable('auth', mountPath(path)),
      },
      remount: {
        write: async ({ from, to }) => {
          await mounts.move(mountPath(from), mountPath(to));
          const id = parts.uuid();
          moves.set(id, { source_mount: mountPath(from), status: 'success', target_mount: mountPath(to) });
          if (moves.size > keptMoves) moves.delete(moves.keys().next().value as string);
          return {
            data: { migration_id: id },
            warnings: ['The mount was moved. What was stored is found under the new path already.'],
          };
        },
      },
      remountStatus: {
        read: ({ migration_id = '' }) => {
          const info = moves.get(migration_id);
          return info === undefined ? undefined : { data: { migration_id, migration_info: info } };
        },
      },
      uiMounts: {
        read: async (_input, request) => {
          const acl = await parts.aclOf(request);
          const shown = (await mounts.table()).mounts.filter((mount) => visible(mount, acl));
          const listed = (table: MountTableName) =>
            Object.fromEntries(
              shown
                .filter((mount) => mount.table === table)
                .map((mount) => [
                  mount.path,
                  acl === undefined
                    ? { description: mount.description, options: mount.options, type: mount.type }
                    : describeMount(mount, version),
                ]),
            );
          return { data: { auth: listed('auth'), secret: listed('secret') } };
        },
      },
      uiMount: {
        read: async ({ path = '' }, request) => {
          const acl = await parts.aclOf(request);
          if (acl === undefined) throw new Fault('permission-denied', 'permission denied');
          const mount = router.locate(await mounts.table(), path);
          if (mount === undefined || !(acl.touches(requestPath(mount)) || acl.touches(path))) {
            const shown = path.endsWith('/') ? path : `${path}/`;
            throw new Fault(
              'permission-denied',
              `preflight capability check returned 403, please ensure client's policies grant access to path ${JSON.stringify(shown)}`,
            );
          }
          return { data: { ...describeMount(mount, version), path: requestPath(mount) } };
        },
      },
      resultantAcl: {
        read: async (_input, request) => {
          const acl = await parts.aclOf(request);
          return acl === undefined ? undefined : { data: describeAcl(acl) };
        },
      },
    },
  });
}

const keptMoves = 100;

function isUpgrade(mount: MountRecord, input: TuneInput): boolean {
  return mount.type === 'kv' && mount.options?.['version'] !== '2' && input.options?.['version'] === '2';
}

interface EnableInput {
  readonly path?: string | undefined;
  readonly type?: string | undefined;
  readonly plugin_name?: string | undefined;
  readonly description?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly local?: boolean | undefined;
  readonly seal_wrap?: boolean | undefined;
}

interface TuneInput {
  readonly description?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly user_lockout_config?: Readonly<Record<string, unknown>> | undefined;
  readonly [setting: string]: unknown;
}

/** With one slash at the end and none in front. */
function mountPath(path: string | undefined): string {
  return `${(path ?? '').replace(/^\/+|\/+$/g, '')}/`;
}

/** Vault's clients tune auth methods below sys/mounts/auth/. */
function placeOf(path: string | undefined): [MountTableName, string] {
  const whole = mountPath(path);
  return whole.startsWith('auth/') ? ['auth', whole.slice('auth/'.length)] : ['secret', whole];
}

function visible(mount: MountRecord, acl: Acl | undefined): boolean {
  if (acl === undefined) return mount.config.listing_visibility === 'unauth';
  return mount.config.listing_visibility === 'unauth' || acl.touches(requestPath(mount));
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const lists = [
  'audit_non_hmac_request_keys',
  'audit_non_hmac_response_keys',
  'passthrough_request_headers',
  'allowed_response_headers',
] as const;
const aList: Field = commas('A list of names');

/** Settings that are given, and no others. Throws Fault `invalid-request`. */
function configOf(given: Readonly<Record<string, unknown>>): Partial<MountConfig> {
  const config: Partial<Writable<MountConfig>> = {};
  for (const name of ['default_lease_ttl', 'max_lease_ttl'] as const) {
    const value = given[name];
    // Clients send an empty text for what they leave as it is.
    if (value !== undefined && value !== '') config[name] = ttlOf(value, name);
  }
  if (given['force_no_cache'] !== undefined) config.force_no_cache = given['force_no_cache'] === true || given['force_no_cache'] === 'true';
  const visibility = given['listing_visibility'];
  if (visibility !== undefined) {
    if (visibility !== '' && visibility !== 'hidden' && visibility !== 'unauth')
      throw new Fault('invalid-request', 'listing_visibility must be "unauth", "hidden" or empty');
    config.listing_visibility = visibility;
  }
  for (const name of lists) if (given[name] !== undefined) config[name] = coerce(name, aList, given[name]) as string[];
  const tokenType = given['token_type'];
  if (tokenType !== undefined && tokenType !== '') {
    if (typeof tokenType !== 'string' || !['default-service', 'default-batch', 'service', 'batch'].includes(tokenType))
      throw new Fault('invalid-request', "invalid 'token_type' value");
    config.token_type = tokenType;
  }
  return config;
}

function ttlOf(value: unknown, name: string): number {
  if (value === 'system' || value === null) return 0;
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new Fault('invalid-request', `unable to parse ${name}: it must be a duration`);
  const seconds = parseDurationSeconds(value);
  if (seconds < 0) throw new Fault('invalid-request', `unable to parse ${name}: it cannot be negative`);
  return seconds;
}

function tuningOf(input: TuneInput, before: MountRecord): Tuning {
  const lockout = tunedLockout(before.type, before.config.user_lockout_config, input.user_lockout_config);
  return {
    ...(input.description === undefined ? {} : { description: input.description }),
    ...(input.options === undefined ? {} : { options: input.options }),
    config: { ...configOf(input), ...(lockout === undefined ? {} : { user_lockout_config: lockout }) },
  };
}

/** What is shown only where it is set. */
function optional(config: MountConfig): Partial<MountConfig> {
  const {
    listing_visibility,
    audit_non_hmac_request_keys,
    audit_non_hmac_response_keys,
    passthrough_request_headers,
    allowed_response_headers,
  } = config;
  return Object.fromEntries(
    Object.entries({
      listing_visibility,
      audit_non_hmac_request_keys,
      audit_non_hmac_response_keys,
      passthrough_request_headers,
      allowed_response_headers,
    }).filter(([, value]) => value !== undefined),
  );
}
