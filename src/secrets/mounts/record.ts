// What the mount table holds: one record per mounted engine or auth method, and its stored form.

import { Fault } from '../../base/fault.ts';
import type { LockoutTuning } from '../core/engine.ts';

export interface MountConfig {
  /** Seconds; 0 means the system's. */
  readonly default_lease_ttl: number;
  readonly max_lease_ttl: number;
  readonly force_no_cache: boolean;
  readonly listing_visibility?: string;
  readonly audit_non_hmac_request_keys?: readonly string[];
  readonly audit_non_hmac_response_keys?: readonly string[];
  readonly passthrough_request_headers?: readonly string[];
  readonly allowed_response_headers?: readonly string[];
  readonly token_type?: string;
  readonly user_lockout_config?: LockoutTuning;
}

export type MountTableName = 'secret' | 'auth';

export interface MountRecord {
  readonly table: MountTableName;
  /** Within its table, with the trailing slash: `secret/`, `token/`. */
  readonly path: string;
  readonly type: string;
  readonly uuid: string;
  readonly accessor: string;
  readonly description: string;
  /** null where the mount was made by the server itself. */
  readonly options: Readonly<Record<string, string>> | null;
  readonly config: MountConfig;
  readonly local: boolean;
  readonly sealWrap: boolean;
}

export interface MountTable {
  readonly format: 1;
  readonly mounts: readonly MountRecord[];
}

export function encodeTable(table: MountTable): Uint8Array {
  return Buffer.from(JSON.stringify(table));
}

/** Throws Fault `corrupted` for a table that this version cannot read. */
export function decodeTable(bytes: Uint8Array): MountTable {
  const table = JSON.parse(Buffer.from(bytes).toString()) as MountTable;
  if (table.format !== 1) throw new Fault('corrupted', 'the mount table was written by a newer version; start that version again');
  return table;
}

/** The path that requests use: `auth/token/`, `secret/`. */
export function requestPath(mount: Pick<MountRecord, 'table' | 'path'>): string {
  return mount.table === 'auth' ? `auth/${mount.path}` : mount.path;
}

const builtIn = new Set(['system', 'identity', 'cubbyhole', 'token']);

/** The record as `sys/mounts` and `sys/auth` show it. */
export function describeMount(mount: MountRecord, version: string): Record<string, unknown> {
  return {
    accessor: mount.accessor,
    config: mount.config,
    ...(builtIn.has(mount.type) ? {} : { deprecation_status: 'supported' }),
    description: mount.description,
    external_entropy_access: false,
    local: mount.local,
    options: mount.options,
    plugin_version: '',
    running_plugin_version: `v${version}+builtin.casemate`,
    running_sha256: '',
    seal_wrap: mount.sealWrap,
    type: mount.type,
    uuid: mount.uuid,
  };
}
