// One role: its stored form, how it is changed by what was sent, and how it is shown.

import type { approle } from '../../../api/approle.ts';
import { Fault } from '../../../base/fault.ts';
import { type KeyObject, keyFromBytes } from '../../../crypto/keys.ts';
import type { InputOf } from '../../../schema/contract.ts';
import { changeLimits, describeLimits, freshLimits, type StoredLimits } from '../../core/login-limits.ts';
import { checkCidrs } from '../../identity/cidrs.ts';

/** TTLs in seconds; 0 is without end, and 0 uses are any number. */
export interface Role {
  readonly name: string;
  /** Names what belongs to it: a role that is made anew under the name of another has none of its secret ids. */
  readonly uid: string;
  readonly roleId: string;
  readonly bindSecretId: boolean;
  /** null until it is written. */
  readonly boundCidrs: readonly string[] | null;
  readonly secretIdUses: number;
  readonly secretIdTtl: number;
  readonly localSecretIds: boolean;
  readonly limits: StoredLimits;
}

export interface StoredRole extends Role {
  /** Base64 of the key that its secret ids are digested with. */
  readonly secretIdKey: string;
}

/** As it is used: with the key made once, and nothing of it in clear. */
export interface OpenRole extends Role {
  readonly secretIdKey: KeyObject;
}

export type RoleInput = InputOf<(typeof approle)['routes']['role'], 'write'>;

export function freshRole(name: string, ids: { readonly uid: string; readonly roleId: string; readonly key: Uint8Array }): StoredRole {
  return {
    name,
    uid: ids.uid,
    roleId: ids.roleId,
    bindSecretId: true,
    boundCidrs: null,
    secretIdUses: 0,
    secretIdTtl: 0,
    localSecretIds: false,
    limits: freshLimits,
    secretIdKey: Buffer.from(ids.key).toString('base64'),
  };
}

/** What was not sent stays. Throws Fault `invalid-request`. */
export function changeRole(before: StoredRole, input: RoleInput): StoredRole {
  const after: StoredRole = {
    ...before,
    roleId: input.role_id ?? before.roleId,
    bindSecretId: input.bind_secret_id ?? before.bindSecretId,
    boundCidrs: input.secret_id_bound_cidrs ?? input.bound_cidr_list ?? before.boundCidrs,
    secretIdUses: input.secret_id_num_uses ?? before.secretIdUses,
    secretIdTtl: input.secret_id_ttl ?? before.secretIdTtl,
    localSecretIds: input.local_secret_ids ?? before.localSecretIds,
    limits: changeLimits(before.limits, input),
  };
  if (after.roleId === '') throw new Fault('invalid-request', 'invalid role_id supplied, or failed to generate a role_id');
  return checked(after);
}

/** Throws Fault `invalid-request`; `engine-failed` for a role that asks for nothing. */
export function checked<R extends Role>(role: R): R {
  checkCidrs(role.boundCidrs ?? []);
  if (role.secretIdUses < 0) throw new Fault('invalid-request', 'secret_id_num_uses cannot be negative');
  const asksForNothing = !role.bindSecretId && (role.boundCidrs ?? []).length === 0 && role.limits.boundCidrs.length === 0;
  if (asksForNothing) throw new Fault('engine-failed', 'at least one constraint should be enabled on the role');
  return role;
}

/** Sorted by name, as on the wire. */
export function describeRole(role: Role): Record<string, unknown> {
  return {
    bind_secret_id: role.bindSecretId,
    local_secret_ids: role.localSecretIds,
    ...describeLimits(role.limits),
    secret_id_bound_cidrs: role.boundCidrs,
    secret_id_num_uses: role.secretIdUses,
    secret_id_ttl: role.secretIdTtl,
  };
}

export function encodeRole(role: StoredRole): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, ...role }));
}

/** Throws Fault `corrupted` for a role of a later version. */
export function decodeRole(bytes: Uint8Array): StoredRole {
  const { format, ...role } = JSON.parse(Buffer.from(bytes).toString()) as StoredRole & { readonly format: number };
  if (format !== 1) throw new Fault('corrupted', 'a role was written by a newer version; start that version again');
  return role;
}

export function openRole(bytes: Uint8Array): OpenRole {
  const role = decodeRole(bytes);
  return { ...role, secretIdKey: keyFromBytes(Buffer.from(role.secretIdKey, 'base64')) };
}
