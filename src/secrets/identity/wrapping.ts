// Response wrapping: an answer kept behind a token of one use, which ends with it.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { WrapInfo } from '../core/engine.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';
import { lastUse, wrappedKey } from './token-entry.ts';
import { readToken, removeToken } from './token-store.ts';
import type { Tokens } from './tokens.ts';

export interface Wrapped {
  readonly format: 1;
  /** The answer as it would have been sent; empty for one without a body. */
  readonly body: string;
  readonly creationPath: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Seconds. */
  readonly ttl: number;
  readonly wrappedAccessor?: string;
}

export interface WrapOptions {
  /** Seconds. */
  readonly ttl: number;
  readonly creationPath: string;
  readonly wrappedAccessor?: string | undefined;
}

export interface Wrapping {
  wrap(body: string, options: WrapOptions): Promise<WrapInfo>;
  /** Does not use it up; undefined for what is no wrapping token, or no longer one. */
  look(token: string): Promise<Wrapped | undefined>;
  /** Uses it up, in one commit. Throws Fault `invalid-request` for what is no wrapping token. */
  unwrap(token: string): Promise<Wrapped>;
  /** `unwrap`, and behind a new token again. */
  rewrap(token: string): Promise<WrapInfo>;
}

export interface WrappingParts {
  readonly storage: Storage;
  readonly tokens: Pick<Tokens, 'create' | 'keyOf'>;
  readonly clock: Clock;
}

export function createWrapping({ storage, tokens, clock }: WrappingParts): Wrapping {
  const keep = async (
    body: string,
    { ttl, creationPath, wrappedAccessor }: WrapOptions,
    alongWith: (transaction: Transaction) => Promise<void>,
  ): Promise<WrapInfo> => {
    const created = clock.now();
    const wrapped: Wrapped = { format: 1, body, creationPath, created, ttl, ...(wrappedAccessor === undefined ? {} : { wrappedAccessor }) };
    const made = await tokens.create({
      path: creationPath,
      policies: ['response-wrapping'],
      displayName: '',
      ttl,
      explicitMaxTtl: ttl,
      numUses: 1,
      renewable: false,
      wrapping: true,
      async also(transaction, key) {
        await alongWith(transaction);
        transaction.put(wrappedKey(key), encodeEntry(wrapped));
      },
    });
    return {
      token: made.token,
      accessor: made.entry.accessor,
      ttl,
      creation_time: rfc3339(created),
      creation_path: creationPath,
      ...(wrappedAccessor === undefined ? {} : { wrapped_accessor: wrappedAccessor }),
    };
  };
  const useUp = async (transaction: Transaction, key: string): Promise<Wrapped> => {
    const wrapped = await readWrapped(transaction, key, clock.now());
    const entry = await readToken(transaction, key);
    if (wrapped === undefined || entry === undefined) throw notValid();
    removeToken(transaction, key, entry, 'revoke');
    return wrapped;
  };

  return {
    wrap: (body, options) => keep(body, options, async () => {}),
    unwrap: (token) => storage.transact((transaction) => useUp(transaction, tokens.keyOf(token))),
    look: (token) => readWrapped(storage, tokens.keyOf(token), clock.now()),
    async rewrap(token) {
      const key = tokens.keyOf(token);
      const wrapped = await readWrapped(storage, key, clock.now());
      if (wrapped === undefined) throw notValid();
      // One commit for the old token's end and the new one's beginning: the answer is never behind neither.
      return keep(wrapped.body, wrapped, async (transaction) => void (await useUp(transaction, key)));
    },
  };
}

export function notValid(): Fault {
  return new Fault('invalid-request', 'wrapping token is not valid or does not exist');
}

async function readWrapped(reader: Pick<Transaction, 'get'>, key: string, now: number): Promise<Wrapped | undefined> {
  const entry = await readToken(reader, key);
  if (entry?.wrapping !== true || entry.numUses === lastUse || (entry.expires !== null && entry.expires <= now)) return undefined;
  const stored = await reader.get(wrappedKey(key));
  return stored === undefined ? undefined : decodeEntry<Wrapped>(stored, 'a wrapped answer');
}
