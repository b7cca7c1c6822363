// What hangs on a revoked token is taken back from a queue in the store: children, leases, cubbyhole. A crash resumes it.

import type { Log } from '../../base/log.ts';
import type { Storage } from '../../storage/storage.ts';
import { childKey, revocationKey, tokenLayout } from './token-entry.ts';
import { decodeRevocation, orphanToken, type RevocationRecord, readToken, removeToken } from './token-store.ts';

export interface RevocationParts {
  readonly storage: Storage;
  readonly log: Log;
  /** Takes back what was leased to the token. What fails is tried again by the leases themselves. */
  readonly revokeLeases: (tokenKey: string) => Promise<void>;
  /** Others that keep something per token: the cubbyhole. Doing it twice must be the same as doing it once. */
  readonly forget: readonly ((tokenKey: string) => Promise<void>)[];
  /** Ends the work between two commits; what is left waits in the store. */
  readonly signal: AbortSignal;
}

export interface Revocations {
  /** Resolves when nothing hangs on the token any more, nor on any of its descendants. */
  finish(key: string): Promise<void>;
  /** `finish` in the background; what fails is left in the queue. */
  begin(key: string): void;
  /** Finishes what an earlier process, or an earlier failure, left in the queue. */
  resume(): Promise<void>;
}

/** Children of one token that are released side by side: their commits share a flush. */
const pageSize = 32;
/** Tokens that are finished side by side. */
const width = 16;

export function createRevocations(parts: RevocationParts): Revocations {
  const { storage, log, signal } = parts;
  const running = new Map<string, Promise<void>>();

  const finish = (key: string): Promise<void> => {
    const known = running.get(key);
    if (known !== undefined) return known;
    const work = finishTree(parts, key).finally(() => running.delete(key));
    running.set(key, work);
    return work;
  };

  const failed = (thrown: unknown): void => {
    if (!signal.aborted) log.error('a revocation could not be finished and is tried again later', { error: thrown });
  };

  return {
    finish,
    begin: (key) => void finish(key).catch(failed),
    async resume() {
      let after: string | undefined;
      let resumed = 0;
      for (;;) {
        const page = await storage.list(tokenLayout.revocations, { limit: pageSize, ...(after === undefined ? {} : { after }) });
        for (const key of page) {
          if (signal.aborted) return;
          try {
            await finish(key);
            resumed++;
          } catch (thrown) {
            failed(thrown);
          }
        }
        if (page.length < pageSize) break;
        after = page.at(-1);
      }
      if (resumed > 0) log.info('revocations that were left unfinished are finished', { count: resumed });
    },
  };
}

/** Without recursion, since chains of tokens may be long, and a few at a time, since their commits share a flush. */
async function finishTree(parts: RevocationParts, root: string): Promise<void> {
  const pending = [root];
  while (pending.length > 0) {
    const revoked = await Promise.all(pending.splice(-width).map((key) => finishOne(parts, key)));
    for (const children of revoked) pending.push(...children);
  }
}

/** Resolves to the children that were revoked with it and wait for the same. */
async function finishOne(parts: RevocationParts, key: string): Promise<string[]> {
  const stored = await parts.storage.get(revocationKey(key));
  if (stored === undefined) return [];
  const children = await releaseChildren(parts, key, decodeRevocation(stored).children);
  parts.signal.throwIfAborted();
  await parts.revokeLeases(key);
  for (const forget of parts.forget) await forget(key);
  parts.signal.throwIfAborted();
  await parts.storage.delete(revocationKey(key));
  return children;
}

/** No child can be added any more: making one reads the parent's entry in its commit. Resolves to the revoked ones. */
async function releaseChildren(
  { storage, signal }: RevocationParts,
  parent: string,
  mode: RevocationRecord['children'],
): Promise<string[]> {
  const revoked: string[] = [];
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.list(`${tokenLayout.children}${parent}/`, { limit: pageSize });
    if (page.length === 0) return revoked;
    await Promise.all(page.map((child) => releaseChild(storage, parent, child, mode)));
    if (mode === 'revoke') revoked.push(...page);
  }
}

async function releaseChild(storage: Storage, parent: string, child: string, mode: RevocationRecord['children']): Promise<void> {
  await storage.transact(async (transaction) => {
    const entry = await readToken(transaction, child);
    // Always, or one damaged entry would be listed for ever.
    transaction.delete(childKey(parent, child));
    if (entry === undefined) return;
    if (mode === 'revoke') removeToken(transaction, child, entry, 'revoke');
    else orphanToken(transaction, child, entry);
  });
}
