// Revoking a tree of tokens: nothing is left behind, wherever the process ends.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, termsFor, tokenPrefixes } from '../../../test/foundation/tokens-and-leases.ts';
import { Fault } from '../../base/fault.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Storage } from '../../storage/storage.ts';

let bank: Bank;

beforeEach(() => {
  bank = openBank();
});

const child = async (parent?: string, at: Bank = bank): Promise<string> => (await at.tokens.create(termsFor({ parent, ttl: 100_000 }))).key;
const lend = async (name: string, tokenKey: string, at: Bank = bank): Promise<unknown> =>
  at.leases.issue(
    { ttl: 3_600, maxTtl: 3_600, renewable: true, internal: { name } },
    { path: 'db/creds/app', mountUuid: 'mount', tokenKey },
  );
const left = (at: Bank = bank): Promise<string[]> => keysBelow(at.storage, ...tokenPrefixes);

describe('revoking a token', () => {
  it('takes its children, their leases and their cubbyholes along', async () => {
    const root = await child();
    const [a, b] = [await child(root), await child(root)];
    const deep = await child(a);
    await Promise.all([lend('root', root), lend('b', b), lend('deep', deep)]);
    expect(await bank.tokens.revoke(root)).toBe(true);
    expect(await Promise.all([root, a, b, deep].map((key) => bank.tokens.look(key)))).toEqual([undefined, undefined, undefined, undefined]);
    expect(bank.takenBack.sort()).toEqual(['b', 'deep', 'root']);
    expect(bank.forgotten.sort()).toEqual([root, a, b, deep].sort());
    expect(await left()).toEqual([]);
  });

  it('leaves its parent, its siblings and orphans alone', async () => {
    const root = await child();
    const [a, b] = [await child(root), await child(root)];
    const orphan = await child();
    await bank.tokens.revoke(a);
    expect(await Promise.all([root, b, orphan].map((key) => bank.tokens.look(key)))).not.toContain(undefined);
    await bank.tokens.revoke(root);
    expect(await bank.tokens.look(orphan)).toBeDefined();
  });

  it('can leave its children to themselves, as orphans', async () => {
    const root = await child();
    const [a, deep] = await (async () => {
      const first = await child(root);
      return [first, await child(first)] as const;
    })();
    await lend('root', root);
    await lend('a', a);
    await bank.tokens.revoke(root, { orphanChildren: true });
    expect(await bank.tokens.look(a)).toMatchObject({ orphan: true });
    expect((await bank.tokens.look(a))?.parent).toBeUndefined();
    expect(await bank.tokens.look(deep)).toMatchObject({ orphan: false, parent: a });
    expect(bank.takenBack).toEqual(['root']);
    await bank.tokens.revoke(a);
    expect(await left()).toEqual([]);
  });

  it('says whether there was one', async () => {
    const key = await child();
    expect([await bank.tokens.revoke('none'), await bank.tokens.revoke(key), await bank.tokens.revoke(key)]).toEqual([false, true, false]);
  });

  it('reaches through a long chain and over many children', async () => {
    let key = await child();
    const root = key;
    for (let depth = 0; depth < 100; depth++) key = await child(key);
    await Promise.all(Array.from({ length: 100 }, () => child(root)));
    await bank.tokens.revoke(root);
    expect(await left()).toEqual([]);
  });

  it('makes the token useless before anything is taken back, and resolves only after', async () => {
    const key = await child();
    await lend('a', key);
    const seen: boolean[] = [];
    bank.engine = async () => {
      seen.push((await bank.tokens.look(key)) !== undefined);
      await new Promise((resolve) => setTimeout(resolve, 10));
      seen.push(true);
    };
    await bank.tokens.revoke(key);
    expect(seen).toEqual([false, true]);
  });

  it('waits for it also where somebody else has begun', async () => {
    const key = await child();
    await lend('a', key);
    let release = (): void => {};
    bank.engine = () => new Promise((resolve) => (release = resolve));
    const first = bank.tokens.revoke(key);
    while (bank.takenBack.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    let finished = false;
    const second = bank.tokens.revoke(key).then(() => (finished = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(finished).toBe(false);
    release();
    await Promise.all([first, second]);
  });

  it('does not wait for it when it is not asked to', async () => {
    const key = await child();
    await lend('a', key);
    let release = (): void => {};
    bank.engine = () => new Promise((resolve) => (release = resolve));
    expect(await bank.tokens.revoke(key, { sync: false })).toBe(true);
    expect(await bank.tokens.look(key)).toBeUndefined();
    while (bank.takenBack.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    release();
    await bank.revocations.finish(key);
    expect(await left()).toEqual([]);
  });
});

describe('a revocation that was interrupted', () => {
  it('is finished later, wherever the power went', async () => {
    let interrupted = 0;
    for (let writes = 1; ; writes++) {
      const storage = openMemory();
      const before = openBank({ storage });
      const root = await child(undefined, before);
      const [a, b] = [await child(root, before), await child(root, before)];
      const all = [root, a, b, await child(a, before)];
      await Promise.all(all.map((key, at) => lend(`secret ${at}`, key, before)));
      const orphan = await child(undefined, before);

      const dying = openBank({ storage: endingAfter(storage, writes), clock: before.clock });
      const outcome = await dying.tokens.revoke(root).catch((thrown: unknown) => thrown);
      // The first commit ends the token itself; the others follow.
      expect(await before.tokens.look(root)).toBeUndefined();

      const next = openBank({ storage, clock: before.clock });
      await next.revocations.resume();
      expect(await Promise.all(all.map((key) => next.tokens.look(key)))).toEqual([undefined, undefined, undefined, undefined]);
      expect([...new Set([...dying.takenBack, ...next.takenBack])].sort()).toEqual(['secret 0', 'secret 1', 'secret 2', 'secret 3']);
      expect([...new Set([...dying.forgotten, ...next.forgotten])].sort()).toEqual([...all].sort());
      expect(await next.tokens.look(orphan)).toBeDefined();
      await next.tokens.revoke(orphan);
      expect(await left(next)).toEqual([]);
      if (outcome === true) break;
      interrupted += 1;
    }
    // One commit each for the root and its three descendants, and at least one for each lease and each record.
    expect(interrupted).toBeGreaterThan(10);
  });

  it('stops between two commits when the server is sealed, and the next start finishes it', async () => {
    const root = await child();
    const keys = [await child(root), await child(root)];
    await Promise.all(keys.map((key, at) => lend(`secret ${at}`, key)));
    bank.engine = async () => bank.seal();
    await expect(bank.tokens.revoke(root)).rejects.toThrow();
    const next = openBank({ storage: bank.storage, clock: bank.clock });
    await next.revocations.resume();
    expect([...new Set([...bank.takenBack, ...next.takenBack])].sort()).toEqual(['secret 0', 'secret 1']);
    expect(await left(next)).toEqual([]);
  });

  it('does not keep the others from being finished', async () => {
    const roots = await Promise.all(Array.from({ length: 70 }, () => child()));
    const idle = openBank({ storage: endingAfter(bank.storage, 70), clock: bank.clock });
    await Promise.all(roots.map((key) => idle.tokens.revoke(key).catch(() => undefined)));
    expect(await bank.storage.list('sys/revocation/')).toHaveLength(70);
    let failures = 0;
    const flaky: Storage = {
      ...bank.storage,
      async delete(key) {
        if (failures++ === 0) throw new Fault('storage-failed', 'the disk is full');
        await bank.storage.delete(key);
      },
    };
    await openBank({ storage: flaky, clock: bank.clock }).revocations.resume();
    expect(await bank.storage.list('sys/revocation/')).toHaveLength(1);
    await bank.revocations.resume();
    expect(await left()).toEqual([]);
  });
});

/** As if the power went after so many writes: what was written stays, everything later fails. */
function endingAfter(storage: Storage, writes: number): Storage {
  let remaining = writes;
  const spend = (): void => {
    if (remaining <= 0) throw new Fault('storage-failed', 'the power is gone');
    remaining -= 1;
  };
  return {
    ...storage,
    async put(key, value) {
      spend();
      await storage.put(key, value);
    },
    async delete(key) {
      spend();
      await storage.delete(key);
    },
    async transact(work) {
      if (remaining <= 0) throw new Fault('storage-failed', 'the power is gone');
      const result = await storage.transact(work);
      remaining -= 1;
      return result;
    },
  };
}
