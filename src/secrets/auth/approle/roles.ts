// The roles of one mount in its store: found by name and by role id, changed and deleted as one commit each.

import { Fault } from '../../../base/fault.ts';
import { hmacSha256Hex } from '../../../crypto/hash.ts';
import { type KeyObject, keyFromBytes } from '../../../crypto/keys.ts';
import type { ListOptions, Transaction } from '../../../storage/storage.ts';
import type { Host } from '../../core/engine.ts';
import { decodeRole, encodeRole, type OpenRole, openRole, type StoredRole } from './role.ts';

/** Where things lie in the mount's store. Role ids and secret ids stand there as keyed digests alone. */
export const layout = {
  salt: 'salt',
  roles: 'role/',
  byRoleId: 'role-id/',
  secretIds: 'secret-id/',
  accessors: 'accessor/',
  /** `due/<time>/<uid>-<digest>`: secret ids by when they end. */
  due: 'due/',
  /** Roles that are gone, and whose secret ids are still to be deleted. */
  purge: 'purge/',
} as const;

export interface Roles {
  find(name: string): OpenRole | undefined | Promise<OpenRole | undefined>;
  byRoleId(roleId: string): Promise<OpenRole | undefined>;
  names(options: ListOptions): Promise<string[]>;
  /**
   * `change` gets undefined for a role that does not exist, and may run again. Throws what it throws, and Fault
   * `engine-failed` for a role id that another role has; then nothing was written.
   */
  change(name: string, change: (before: StoredRole | undefined) => StoredRole): Promise<void>;
  /** Its secret ids are useless with the same commit. Resolves to the uid of what is still to be deleted. */
  remove(name: string): Promise<string | undefined>;
}

/** The key is in the entry's value, since an object is what is remembered. */
interface Salt {
  readonly key: KeyObject;
}

export function createRoles(host: Host): Roles {
  const { storage, cached, random } = host;

  const saltIn = async (transaction: Transaction): Promise<Salt> => {
    const stored = await transaction.get(layout.salt);
    if (stored !== undefined) return decodeSalt(stored);
    const made = encodeEntry({ key: Buffer.from(random(32)).toString('base64') });
    transaction.put(layout.salt, made);
    return decodeSalt(made);
  };

  return {
    find: (name) => cached(layout.roles + name, openRole),
    async byRoleId(roleId) {
      const salt = await cached(layout.salt, decodeSalt);
      if (salt === undefined) return undefined;
      const index = await cached(roleIdKey(salt, roleId), decodeIndex);
      if (index === undefined) return undefined;
      const role = await cached(layout.roles + index.name, openRole);
      return role?.roleId === roleId ? role : undefined;
    },
    names: (options) => storage.list(layout.roles, options),
    change: (name, change) =>
      storage.transact(async (transaction) => {
        const stored = await transaction.get(layout.roles + name);
        const before = stored === undefined ? undefined : decodeRole(stored);
        const after = change(before);
        const salt = await saltIn(transaction);
        const holder = await transaction.get(roleIdKey(salt, after.roleId));
        if (holder !== undefined && decodeIndex(holder).name !== name) throw new Fault('engine-failed', 'role_id already in use');
        if (before !== undefined && before.roleId !== after.roleId) transaction.delete(roleIdKey(salt, before.roleId));
        transaction.put(roleIdKey(salt, after.roleId), encodeEntry({ name }));
        transaction.put(layout.roles + name, encodeRole(after));
      }),
    remove: (name) =>
      storage.transact(async (transaction) => {
        const stored = await transaction.get(layout.roles + name);
        if (stored === undefined) return undefined;
        const { uid, roleId } = decodeRole(stored);
        transaction.delete(roleIdKey(await saltIn(transaction), roleId));
        transaction.delete(layout.roles + name);
        transaction.put(layout.purge + uid, encodeEntry({}));
        return uid;
      }),
  };
}

function roleIdKey({ key }: Salt, roleId: string): string {
  return layout.byRoleId + hmacSha256Hex(key, roleId);
}

export function encodeEntry(entry: object): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, ...entry }));
}

/** Throws Fault `corrupted` for an entry of a later version. */
export function decodeEntry<T extends object>(bytes: Uint8Array): T {
  const { format, ...entry } = JSON.parse(Buffer.from(bytes).toString()) as T & { readonly format: number };
  if (format !== 1) throw new Fault('corrupted', 'an entry of approle was written by a newer version; start that version again');
  return entry as unknown as T;
}

const decodeIndex = (bytes: Uint8Array) => decodeEntry<{ readonly name: string }>(bytes);

function decodeSalt(bytes: Uint8Array): Salt {
  const { key } = decodeEntry<{ readonly key: string }>(bytes);
  return { key: keyFromBytes(Buffer.from(key, 'base64')) };
}
