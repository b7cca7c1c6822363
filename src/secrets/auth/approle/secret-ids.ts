// Secret ids in the store: made, looked up, used by logins, destroyed, and cleared away when their time is over.

import { Fault } from '../../../base/fault.ts';
import { randomUuid } from '../../../base/random.ts';
import { hmacSha256Hex } from '../../../crypto/hash.ts';
import { keyFromBytes } from '../../../crypto/keys.ts';
import type { ListOptions, Transaction } from '../../../storage/storage.ts';
import type { Host } from '../../core/engine.ts';
import { decodeRole, type OpenRole } from './role.ts';
import { decodeEntry, encodeEntry, layout } from './roles.ts';

export interface SecretId {
  readonly accessor: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cidrs: readonly string[];
  readonly tokenCidrs: readonly string[];
  /** Logins that are left; 0 is any number. */
  readonly uses: number;
  /** Seconds, as given. */
  readonly ttl: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly updated: number;
  readonly expires: number | null;
}

export type SecretIdTerms = Pick<SecretId, 'metadata' | 'cidrs' | 'tokenCidrs' | 'uses' | 'ttl'>;

export interface SecretIds {
  /** Throws Fault `engine-failed` for one that the role has already, `unsupported-path` when the role is gone. */
  make(role: OpenRole, secretId: string, terms: SecretIdTerms): Promise<SecretId>;
  /** undefined for one that is not known or no longer good. */
  find(role: OpenRole, secretId: string): Promise<SecretId | undefined>;
  findByAccessor(role: OpenRole, accessor: string): Promise<SecretId | undefined>;
  /**
   * Takes one use off, in the store, so that no two logins share the last one. `check` runs before that and may throw: what
   * is refused costs no use. undefined for a secret id that is not known; `spent` for one that was good once, as far as the
   * store still knows.
   */
  use(role: OpenRole, secretId: string, check: (found: SecretId) => void): Promise<SecretId | 'spent' | undefined>;
  /** As long as looking for a secret id that does not exist, where there is no role to look in. */
  pretend(secretId: string): Promise<void>;
  /** False: there was none. */
  destroy(role: OpenRole, secretId: string): Promise<boolean>;
  destroyByAccessor(role: OpenRole, accessor: string): Promise<boolean>;
  accessors(role: OpenRole, options: ListOptions): Promise<string[]>;
  /** Deletes what is over, one commit for each step of at most 64. Resolves to how many entries it worked off. */
  expireDue(signal: AbortSignal): Promise<number>;
  /** Deletes what belonged to a role that is gone. */
  purge(uid: string, signal: AbortSignal): Promise<void>;
}

/** Bytes. Longer ones are digested as if nothing had been sent: nobody has them, and the work must be bounded. */
export const longestSecretId = 4_096;
const stepSize = 64;
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Place {
  readonly uid: string;
  readonly digest: string;
}

export function createSecretIds(host: Host): SecretIds {
  const { storage, cached, clock } = host;
  const nobody = { uid: 'nobody', secretIdKey: keyFromBytes(host.random(32)) };

  const placeOf = ({ uid, secretIdKey }: Pick<OpenRole, 'uid' | 'secretIdKey'>, secretId: string): Place => ({
    uid,
    digest: hmacSha256Hex(secretIdKey, Buffer.byteLength(secretId) > longestSecretId ? '' : secretId),
  });
  const good = (found: SecretId | undefined): found is SecretId =>
    found !== undefined && (found.expires === null || found.expires > clock.now());
  const look = async (place: Place): Promise<SecretId | undefined> => {
    const found = await cached(secretKey(place), decodeSecretId);
    return good(found) ? found : undefined;
  };
  const placeByAccessor = async ({ uid }: OpenRole, accessor: string): Promise<Place | undefined> => {
    if (!uuidPattern.test(accessor)) return undefined;
    const stored = await storage.get(accessorKey(uid, accessor));
    return stored === undefined ? undefined : { uid, digest: decodeEntry<{ readonly digest: string }>(stored).digest };
  };
  const destroy = (place: Place): Promise<boolean> =>
    storage.transact(async (transaction) => {
      const stored = await transaction.get(secretKey(place));
      if (stored === undefined) return false;
      const found = decodeSecretId(stored);
      erase(transaction, place, found);
      return good(found);
    });

  return {
    async make(role, secretId, terms) {
      if (Buffer.byteLength(secretId) > longestSecretId)
        throw new Fault('invalid-request', `secret_id is longer than maximum of ${longestSecretId} bytes`);
      const place = placeOf(role, secretId);
      const now = clock.now();
      const ttl = Math.min(terms.ttl, host.ttl().max);
      const made: SecretId = {
        ...terms,
        accessor: randomUuid(host.random),
        created: now,
        updated: now,
        expires: ttl === 0 ? null : now + ttl * 1000,
      };
      await storage.transact(async (transaction) => {
        // Read in this commit, so that none is made beside the deletion of the role and outlives it.
        const parent = await transaction.get(layout.roles + role.name);
        if (parent === undefined || decodeRole(parent).uid !== role.uid) throw new Fault('unsupported-path', 'unsupported path');
        const stored = await transaction.get(secretKey(place));
        const before = stored === undefined ? undefined : decodeSecretId(stored);
        if (good(before)) throw new Fault('engine-failed', 'failed to store secret_id: SecretID is already registered');
        if (before !== undefined) erase(transaction, place, before);
        transaction.put(secretKey(place), encodeEntry(made));
        transaction.put(accessorKey(role.uid, made.accessor), encodeEntry({ digest: place.digest }));
        if (made.expires !== null) transaction.put(dueKey(place, made.expires), encodeEntry({}));
      });
      return made;
    },
    find: (role, secretId) => look(placeOf(role, secretId)),
    async findByAccessor(role, accessor) {
      const place = await placeByAccessor(role, accessor);
      return place === undefined ? undefined : look(place);
    },
    async use(role, secretId, check) {
      const place = placeOf(role, secretId);
      const found = await cached(secretKey(place), decodeSecretId);
      if (found === undefined) return undefined;
      if (!good(found)) return 'spent';
      check(found);
      if (found.uses === 0) return found;
      // In turn within this process: logins that lose to one another would only start again.
      return host.serialise(secretKey(place), () =>
        storage.transact(async (transaction) => {
          const stored = await transaction.get(secretKey(place));
          const current = stored === undefined ? undefined : decodeSecretId(stored);
          if (!good(current)) return 'spent';
          if (current.uses === 1) erase(transaction, place, current);
          else transaction.put(secretKey(place), encodeEntry({ ...current, uses: current.uses - 1, updated: clock.now() }));
          return current;
        }),
      );
    },
    async pretend(secretId) {
      await look(placeOf(nobody, secretId));
    },
    destroy: (role, secretId) => destroy(placeOf(role, secretId)),
    async destroyByAccessor(role, accessor) {
      const place = await placeByAccessor(role, accessor);
      return place === undefined ? false : destroy(place);
    },
    accessors: ({ uid }, options) => storage.list(accessorKey(uid, ''), options),
    async expireDue(signal) {
      let count = 0;
      for (;;) {
        signal.throwIfAborted();
        const due = await dueKeys(host);
        if (due.length === 0) return count;
        await storage.transact((transaction) => expireStep(transaction, due, clock.now()));
        count += due.length;
      }
    },
    async purge(uid, signal) {
      for (const prefix of [`${layout.secretIds}${uid}/`, `${layout.accessors}${uid}/`])
        for (;;) {
          signal.throwIfAborted();
          const names = await storage.list(prefix, { limit: stepSize });
          if (names.length === 0) break;
          await storage.transact(async (transaction) => {
            for (const name of names) transaction.delete(prefix + name);
          });
        }
      await storage.delete(layout.purge + uid);
    },
  };
}

function secretKey({ uid, digest }: Place): string {
  return `${layout.secretIds}${uid}/${digest}`;
}

function accessorKey(uid: string, accessor: string): string {
  return `${layout.accessors}${uid}/${accessor}`;
}

/** Milliseconds with leading zeros, so that the order of keys is that of time. */
function dueKey({ uid, digest }: Place, expires: number): string {
  return `${layout.due}${String(expires).padStart(16, '0')}/${uid}-${digest}`;
}

function placeIn(key: string): Place {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dash = name.lastIndexOf('-');
  return { uid: name.slice(0, dash), digest: name.slice(dash + 1) };
}

function erase(transaction: Transaction, place: Place, { accessor, expires }: SecretId): void {
  transaction.delete(secretKey(place));
  transaction.delete(accessorKey(place.uid, accessor));
  if (expires !== null) transaction.delete(dueKey(place, expires));
}

async function dueKeys({ storage, clock }: Host): Promise<string[]> {
  const keys: string[] = [];
  for (const level of await storage.list(layout.due, { limit: stepSize })) {
    if (Number(level.slice(0, -1)) > clock.now() || keys.length >= stepSize) break;
    for (const name of await storage.list(layout.due + level, { limit: stepSize - keys.length })) keys.push(layout.due + level + name);
  }
  return keys;
}

/** A secret id may be gone already, or have been made anew with another end. */
async function expireStep(transaction: Transaction, due: readonly string[], now: number): Promise<void> {
  for (const key of due) {
    const place = placeIn(key);
    const stored = await transaction.get(secretKey(place));
    const found = stored === undefined ? undefined : decodeSecretId(stored);
    if (found !== undefined && found.expires !== null && found.expires <= now) erase(transaction, place, found);
    transaction.delete(key);
  }
}

const decodeSecretId = (bytes: Uint8Array): SecretId => decodeEntry<SecretId>(bytes);
