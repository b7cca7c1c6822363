// The mount table: enable, disable, tune and move mounts; every change is one transaction on one entry.

import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Cached, EngineKind } from '../core/engine.ts';
import {
  decodeTable,
  encodeTable,
  type MountConfig,
  type MountRecord,
  type MountTable,
  type MountTableName,
  requestPath,
} from './record.ts';

export const tableKey = 'core/mounts';
/** Mounts that were disabled and whose entries are still to be deleted: `core/purge/<uuid>`. */
export const purgePrefix = 'core/purge/';

export interface NewMount {
  readonly table: MountTableName;
  readonly path: string;
  readonly type: string;
  readonly description?: string;
  readonly options?: Readonly<Record<string, string>> | null;
  readonly config?: Partial<MountConfig>;
  readonly local?: boolean;
  readonly sealWrap?: boolean;
}

export interface Tuning {
  readonly description?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly config: Partial<MountConfig>;
}

export interface Mounts {
  /** The table as it stands; the same object for as long as it does not change. */
  table(): MountTable | Promise<MountTable>;
  enable(mount: NewMount): Promise<MountRecord>;
  /** Resolves to the record that is gone, undefined when there was none. Its entries are still to be purged. */
  disable(table: MountTableName, path: string): Promise<MountRecord | undefined>;
  /** `also` writes in the same commit. */
  tune(
    table: MountTableName,
    path: string,
    tuning: Tuning,
    also?: (transaction: Transaction, before: MountRecord) => void,
  ): Promise<MountRecord>;
  move(from: string, to: string): Promise<void>;
  /** Writes the table of a new store. */
  initialize(): Promise<void>;
}

export interface MountsParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly kinds: ReadonlyMap<string, EngineKind>;
  /** Seconds. */
  readonly systemTtl: () => { readonly default: number; readonly max: number };
}

const aliases = new Map([
  ['kv-v1', '1'],
  ['kv-v2', '2'],
]);
const reserved = ['auth/', 'sys/', 'cubbyhole/', 'identity/'];
const single = new Set(['cubbyhole', 'system', 'identity', 'token']);

export function createMounts(parts: MountsParts): Mounts {
  const { storage, uuid } = parts;

  const change = <T>(edit: (mounts: MountRecord[], transaction: Transaction) => T): Promise<T> =>
    storage.transact(async (transaction) => {
      const stored = await transaction.get(tableKey);
      const mounts = stored === undefined ? [] : [...decodeTable(stored).mounts];
      const result = edit(mounts, transaction);
      transaction.put(tableKey, encodeTable({ format: 1, mounts }));
      return result;
    });

  const make = (mount: NewMount): MountRecord => {
    const version = aliases.get(mount.type);
    const type = version === undefined ? mount.type : 'kv';
    return {
      table: mount.table,
      path: mount.path,
      type,
      uuid: uuid(),
      accessor: `${mount.table === 'auth' ? 'auth_' : ''}${type}_${randomBase62(parts.random, 8).toLowerCase()}`,
      description: mount.description ?? '',
      options: version === undefined ? (mount.options === undefined ? {} : mount.options) : { ...mount.options, version },
      config: {
        default_lease_ttl: 0,
        force_no_cache: false,
        max_lease_ttl: 0,
        ...mount.config,
        ...(mount.table === 'auth' && mount.config?.token_type === undefined ? { token_type: 'default-service' } : {}),
      },
      local: mount.local ?? false,
      sealWrap: mount.sealWrap ?? false,
    };
  };

  return {
    table() {
      const table = parts.cached(tableKey, decodeTable);
      return table instanceof Promise ? table.then(present) : present(table);
    },
    enable(mount) {
      const record = make(mount);
      checkNew(record, parts.kinds);
      checkTtls(record.config, parts.systemTtl());
      return change((mounts) => {
        const taken = mounts.find((other) => nested(requestPath(other), requestPath(record)));
        if (taken !== undefined) throw new Fault('invalid-request', `path is already in use at ${taken.path}`);
        mounts.push(record);
        return record;
      });
    },
    async disable(table, path) {
      checkRemoval(table, path);
      const present = (await this.table()).mounts.some((mount) => mount.table === table && mount.path === path);
      if (!present) return undefined;
      return change((mounts, transaction) => {
        const index = mounts.findIndex((mount) => mount.table === table && mount.path === path);
        if (index < 0) return undefined;
        const [record] = mounts.splice(index, 1) as [MountRecord];
        transaction.put(`${purgePrefix}${record.uuid}`, encodeTable({ format: 1, mounts: [record] }));
        return record;
      });
    },
    tune(table, path, tuning, also) {
      return change((mounts, transaction) => {
        const index = mounts.findIndex((mount) => mount.table === table && mount.path === path);
        const found = mounts[index];
        if (found === undefined) throw new Fault('invalid-request', `tune of path ${JSON.stringify(path)} failed: no mount entry found`);
        const config = { ...found.config, ...tuning.config };
        checkTtls(config, parts.systemTtl());
        const tuned: MountRecord = {
          ...found,
          config,
          ...(tuning.description === undefined ? {} : { description: tuning.description }),
          ...(tuning.options === undefined ? {} : { options: tunedOptions(found, tuning.options) }),
        };
        mounts[index] = tuned;
        also?.(transaction, found);
        return tuned;
      });
    },
    move(from, to) {
      return change((mounts) => {
        const index = mounts.findIndex((mount) => requestPath(mount) === from);
        const found = mounts[index];
        if (found === undefined) throw new Fault('invalid-request', `no matching mount at ${JSON.stringify(from)}`);
        if (single.has(found.type)) throw new Fault('invalid-request', `cannot remount ${JSON.stringify(from)}`);
        const moved = { ...found, path: found.table === 'auth' ? to.replace(/^auth\//, '') : to };
        if (found.table !== (to.startsWith('auth/') ? 'auth' : 'secret'))
          throw new Fault('invalid-request', `cannot remount ${JSON.stringify(from)}: secrets and auth mounts do not change places`);
        checkNew(moved, parts.kinds);
        const taken = mounts.find((other) => other !== found && nested(requestPath(other), to));
        if (taken !== undefined) throw new Fault('invalid-request', `path already in use at ${JSON.stringify(requestPath(taken))}`);
        mounts[index] = moved;
      });
    },
    async initialize() {
      await change((mounts) => {
        for (const mount of builtInMounts) mounts.push(make(mount));
      });
    },
  };
}

function present(table: MountTable | undefined): MountTable {
  if (table === undefined) throw new Fault('corrupted', 'the mount table is missing');
  return table;
}

const builtInMounts: readonly NewMount[] = [
  {
    table: 'secret',
    path: 'cubbyhole/',
    type: 'cubbyhole',
    description: 'per-token private secret storage',
    options: null,
    local: true,
  },
  {
    table: 'secret',
    path: 'identity/',
    type: 'identity',
    description: 'identity store',
    options: null,
    config: { passthrough_request_headers: ['Authorization'] },
  },
  {
    table: 'secret',
    path: 'sys/',
    type: 'system',
    description: 'system endpoints used for control, policy and debugging',
    options: null,
    sealWrap: true,
    config: { passthrough_request_headers: ['Accept'] },
  },
  { table: 'auth', path: 'token/', type: 'token', description: 'token based credentials', options: null },
];

/** Bytes; what is stored under a mount carries its id, but leases carry its path. */
const longestPath = 512;

function nested(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function isPath(path: string): boolean {
  if (path.startsWith('/') || path.includes('//') || path.split('/').includes('..')) return false;
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u001f\u007f]/.test(path) && Buffer.byteLength(path) <= longestPath;
}

function checkNew(record: MountRecord, kinds: ReadonlyMap<string, EngineKind>): void {
  const { path, type, table } = record;
  if (!isPath(path)) throw new Fault('invalid-request', `invalid mount path ${JSON.stringify(path.slice(0, longestPath))}`);
  if (table === 'secret' && reserved.some((prefix) => path.startsWith(prefix)))
    throw new Fault('invalid-request', `cannot mount ${JSON.stringify(path)}`);
  if (single.has(type)) throw new Fault('invalid-request', `mount type of ${JSON.stringify(type)} is not mountable`);
  if (kinds.get(type)?.table !== table) throw new Fault('invalid-request', `plugin not found in the catalog: ${type}`);
}

function checkTtls(config: MountConfig, system: { readonly default: number; readonly max: number }): void {
  const max = config.max_lease_ttl === 0 ? system.max : config.max_lease_ttl;
  const least = config.default_lease_ttl;
  if (max < least)
    throw new Fault('invalid-request', `backend max lease TTL of ${max} would be less than backend default lease TTL of ${least}`);
}

function checkRemoval(table: MountTableName, path: string): void {
  if (table === 'auth' && path === 'token/') throw new Fault('invalid-request', 'token credential backend cannot be disabled');
  if (table === 'secret' && reserved.includes(path)) throw new Fault('invalid-request', `cannot unmount ${JSON.stringify(path)}`);
}

function tunedOptions(found: MountRecord, wanted: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const before = found.options?.['version'];
  const after = wanted['version'];
  if (found.type === 'kv' && before === '2' && after !== undefined && after !== '2')
    throw new Fault('invalid-request', 'cannot downgrade mount from version 2: versions would be lost');
  return { ...found.options, ...wanted };
}
