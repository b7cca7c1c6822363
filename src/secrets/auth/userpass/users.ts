// The users of one mount in its store: the hash of a password, and what tokens the user gets.

import { Fault } from '../../../base/fault.ts';
import type { ListOptions } from '../../../storage/storage.ts';
import type { Host } from '../../core/engine.ts';
import type { StoredLimits } from '../../core/login-limits.ts';

export interface User {
  /** Bcrypt. */
  readonly hash: string;
  readonly limits: StoredLimits;
}

export interface Users {
  find(name: string): User | undefined | Promise<User | undefined>;
  names(options: ListOptions): Promise<string[]>;
  /** `change` gets undefined for a user that does not exist, and may run again. */
  change(name: string, change: (before: User | undefined) => User): Promise<void>;
  remove(name: string): Promise<void>;
}

const prefix = 'user/';

export function createUsers({ storage, cached }: Pick<Host, 'storage' | 'cached'>): Users {
  return {
    find: (name) => cached(prefix + name, decodeUser),
    names: (options) => storage.list(prefix, options),
    change: (name, change) =>
      storage.transact(async (transaction) => {
        const stored = await transaction.get(prefix + name);
        transaction.put(prefix + name, encodeUser(change(stored === undefined ? undefined : decodeUser(stored))));
      }),
    remove: (name) => storage.delete(prefix + name),
  };
}

function encodeUser(user: User): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, ...user }));
}

function decodeUser(bytes: Uint8Array): User {
  const { format, ...user } = JSON.parse(Buffer.from(bytes).toString()) as User & { readonly format: number };
  if (format !== 1) throw new Fault('corrupted', 'a user was written by a newer version; start that version again');
  return user;
}
