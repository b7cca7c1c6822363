// The barrier is a Storage like any other while it is open, and tells nothing while it is sealed; rotation and rekeying lose nothing.

import { beforeEach, describe, expect, it } from 'vitest';
import { exerciseStorage } from '../../../test/suites/storage.ts';
import { exerciseRandomly } from '../../../test/suites/storage-random.ts';
import { bytes, expectFault, text } from '../../../test/suites/storage-values.ts';
import { manualClock } from '../../base/clock.ts';
import type { Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend, ListOptions, Storage, Transaction } from '../../storage/storage.ts';
import { type Barrier, openBarrier } from './barrier.ts';
import { termOf } from './entry.ts';

const rootKey = keyFromBytes(systemRandom(32));
const clock = manualClock();

function over(storage: Storage): Barrier {
  return openBarrier({ storage, random: systemRandom, clock });
}

async function newBarrier(storage: Storage): Promise<Barrier> {
  const barrier = over(storage);
  await barrier.initialize(rootKey);
  await barrier.settle(() => {});
  return barrier;
}

async function openedAgain(storage: Storage): Promise<Barrier> {
  const barrier = over(storage);
  await barrier.unseal(rootKey);
  return barrier;
}

/** The barrier as a store that owns what lies below it, without the barrier's own entries in its lists. */
function asBackend(barrier: Barrier, below: Backend): Backend {
  const listing =
    (reader: Pick<Storage, 'list'>) =>
    async (prefix: string, options?: ListOptions): Promise<string[]> =>
      (await reader.list(prefix, options)).filter((name) => prefix !== '' || name !== 'core/');
  const within = (transaction: Transaction): Transaction => ({ ...transaction, list: listing(transaction) });
  return {
    get: barrier.get,
    read: barrier.read,
    put: barrier.put,
    delete: barrier.delete,
    list: listing(barrier),
    transact: (work) => barrier.transact((transaction) => work(within(transaction))),
    feed: barrier.feed,
    close: () => below.close(),
  };
}

exerciseStorage('a barrier over memory', async (options) => {
  const below = openMemory(options);
  const storage = asBackend(await newBarrier(below), below);
  return { storage, cleanup: () => storage.close() };
});

it('answers random operations as a store in memory does', async () => {
  const below = openMemory();
  await exerciseRandomly({ memory: openMemory(), barrier: asBackend(await newBarrier(below), below) }, 40);
});

let below: Backend;
let barrier: Barrier;
beforeEach(async () => {
  below = openMemory();
  barrier = await newBarrier(below);
});

async function raw(key: string): Promise<Uint8Array> {
  return (await below.get(key)) as Uint8Array;
}

describe('entries below the barrier', () => {
  it('show their keys and nothing of their values', async () => {
    await barrier.put('secret/a', bytes('the value'));
    await barrier.transact(async (transaction) => transaction.put('secret/b', bytes('the value')));
    expect(await below.list('secret/')).toEqual(['a', 'b']);
    for (const key of ['secret/a', 'secret/b', 'core/keyring']) expect(text(await raw(key))).not.toContain('the value');
  });

  it('do not open when they were moved to another key', async () => {
    await barrier.put('secret/a', bytes('mine'));
    await below.put('secret/b', await raw('secret/a'));
    const fault = await barrier.get('secret/b').then(
      () => undefined,
      (thrown: Fault) => thrown,
    );
    expect([fault?.code, fault?.fields]).toEqual(['corrupted', { storage_key: 'secret/b' }]);
    await expectFault('corrupted', () => barrier.transact(async (transaction) => transaction.get('secret/b')));
    expect(text(await barrier.get('secret/a'))).toBe('mine');
  });

  it('are damaged, not absent, when somebody wrote something else in their place', async () => {
    for (const garbage of [new Uint8Array(0), bytes('garbage'), new Uint8Array(100), systemRandom(100)]) {
      await below.put('secret/a', garbage);
      await expectFault('corrupted', () => barrier.get('secret/a'));
    }
  });

  it('can be read by another process over the same store, which never uses the same subkey', async () => {
    const other = await openedAgain(below);
    const salts = new Set<string>();
    for (const [index, writer] of [barrier, other, await openedAgain(below)].entries()) {
      await writer.put(`k/${index}`, bytes(String(index)));
      salts.add(Buffer.from(await raw(`k/${index}`)).toString('hex', 5, 21));
    }
    for (const index of [0, 1, 2]) for (const reader of [barrier, other]) expect(text(await reader.get(`k/${index}`))).toBe(String(index));
    expect(salts.size).toBe(3);
  });
});

describe('a sealed barrier', () => {
  it('does nothing but unseal', async () => {
    await barrier.put('a', bytes('x'));
    barrier.seal();
    expect(barrier.sealed).toBe(true);
    const acts: Record<string, () => Promise<unknown>> = {
      get: () => barrier.get('a'),
      read: () => barrier.read('a'),
      list: () => barrier.list(''),
      put: () => barrier.put('a', bytes('y')),
      delete: () => barrier.delete('a'),
      transact: async () => barrier.transact(async () => {}),
      rotate: () => barrier.rotate(),
      rekey: () => barrier.rekey(rootKey),
      settle: () => barrier.settle(() => {}),
      keyInfo: async () => barrier.keyInfo(),
    };
    for (const [name, act] of Object.entries(acts)) {
      const fault = await Promise.resolve()
        .then(act)
        .then(
          () => undefined,
          (thrown: Fault) => thrown,
        );
      expect([name, fault?.code, fault?.message]).toEqual([name, 'sealed', 'Vault is sealed']);
    }
    expect(await barrier.initialized()).toBe(true);
    await barrier.unseal(rootKey);
    expect(text(await barrier.get('a'))).toBe('x');
  });

  it('does not even tell a transaction that began before whether an entry has changed', async () => {
    await barrier.put('a', bytes('x'));
    const asking = barrier.transact(async (transaction) => {
      barrier.seal();
      return transaction.unchanged('a', 0);
    });
    await expectFault('sealed', () => asking);
  });

  it('does not open with another root key', async () => {
    barrier.seal();
    await expectFault('invalid-request', () => barrier.unseal(keyFromBytes(systemRandom(32))));
    expect(barrier.sealed).toBe(true);
  });

  it('does not open over a store without a keyring', async () => {
    const empty = over(openMemory());
    expect(await empty.initialized()).toBe(false);
    await expectFault('not-initialized', () => empty.unseal(rootKey));
  });

  it('does not open with a keyring that has changed, or of a newer format', async () => {
    const keyring = await raw('core/keyring');
    for (const at of [1, 13, keyring.length - 1]) {
      const changed = Uint8Array.from(keyring);
      changed[at] = (changed[at] as number) ^ 1;
      await below.put('core/keyring', changed);
      await expectFault('invalid-request', () => over(below).unseal(rootKey));
    }
    await below.put('core/keyring', Buffer.concat([Buffer.from([2]), keyring.subarray(1)]));
    await expectFault('corrupted', () => over(below).unseal(rootKey));
    await below.put('core/keyring', new Uint8Array(0));
    await expectFault('corrupted', () => over(below).unseal(rootKey));
  });

  it('stays sealed whatever was under way when it was sealed', async () => {
    const gates: (() => void)[] = [];
    const slow: Storage = {
      ...below,
      get: async (key) => {
        const found = await below.get(key);
        if (key === 'core/keyring') await new Promise<void>((resolve) => gates.push(resolve));
        return found;
      },
      transact: async (work) => {
        const result = await below.transact(work);
        await new Promise<void>((resolve) => gates.push(resolve));
        return result;
      },
      feed: below.feed,
    };
    const pass = async (): Promise<void> => {
      while (gates.length === 0) await new Promise((resolve) => setImmediate(resolve));
      gates.shift()?.();
    };
    const late = over(slow);
    const unsealing = late.unseal(rootKey);
    late.seal();
    await Promise.all([expectFault('sealed', () => unsealing), pass()]);
    expect(late.sealed).toBe(true);

    await Promise.all([late.unseal(rootKey), pass()]);
    await barrier.rotate();
    await barrier.put('a', bytes('of a term that it has to look up'));
    for (const act of [() => late.get('a'), () => late.rotate()]) {
      const working = act();
      while (gates.length === 0) await new Promise((resolve) => setImmediate(resolve));
      late.seal();
      await Promise.all([expectFault('sealed', () => working), pass()]);
      expect(late.sealed).toBe(true);
      await Promise.all([late.unseal(rootKey), pass()]);
    }
  });
});

describe('rotation', () => {
  it('seals what is new with a new term, and leaves what is old as it lies and readable', async () => {
    await barrier.put('old', bytes('1'));
    const before = await raw('old');
    clock.advance(60_000);
    expect(barrier.keyInfo()).toMatchObject({ term: 1, encryptions: 1 });
    expect(await barrier.rotate()).toEqual({ term: 2, installTime: rfc3339(clock.now()), encryptions: 0 });
    await barrier.put('new', bytes('2'));
    expect([termOf(await raw('old')), termOf(await raw('new'))]).toEqual([1, 2]);
    expect(Buffer.compare(await raw('old'), before)).toBe(0);
    for (const reader of [barrier, await openedAgain(below)])
      expect([text(await reader.get('old')), text(await reader.get('new'))]).toEqual(['1', '2']);
    expect(barrier.keyInfo().encryptions).toBe(1);
    expect((await openedAgain(below)).keyInfo()).toEqual({ ...barrier.keyInfo(), encryptions: 0 });
  });

  it('is noticed by another process when it reads an entry of the new term', async () => {
    const other = await openedAgain(below);
    await barrier.rotate();
    await barrier.put('a', bytes('new'));
    expect(text(await other.get('a'))).toBe('new');
    await other.put('b', bytes('also new'));
    expect(termOf(await raw('b'))).toBe(2);
    expect(other.keyInfo().term).toBe(2);
  });

  it('by two processes at once gives two terms, and loses neither', async () => {
    const other = await openedAgain(below);
    await Promise.all([barrier.rotate(), other.rotate(), barrier.rotate(), other.rotate()]);
    await Promise.all([barrier.put('a', bytes('1')), other.put('b', bytes('2'))]);
    for (const reader of [barrier, other, await openedAgain(below)])
      expect([text(await reader.get('a')), text(await reader.get('b'))]).toEqual(['1', '2']);
    expect((await barrier.rotate()).term).toBe(6);
  });
});

describe('another root key', () => {
  const newer = keyFromBytes(systemRandom(32));

  it('opens everything from then on, and the older one nothing', async () => {
    await barrier.put('a', bytes('1'));
    await barrier.rekey(newer);
    await barrier.rotate();
    await barrier.put('b', bytes('2'));
    await expectFault('invalid-request', () => over(below).unseal(rootKey));
    const again = over(below);
    await again.unseal(newer);
    expect([text(await again.get('a')), text(await again.get('b'))]).toEqual(['1', '2']);
  });

  it('leaves another process what it has, until it needs the keyring again', async () => {
    const other = await openedAgain(below);
    await barrier.put('a', bytes('1'));
    await barrier.rekey(newer);
    expect(text(await other.get('a'))).toBe('1');
    await expectFault('sealed', () => other.rotate());
    await barrier.rotate();
    await barrier.put('b', bytes('2'));
    await expectFault('sealed', () => other.get('b'));
    await other.unseal(newer);
    expect(text(await other.get('b'))).toBe('2');
  });
});

describe('initialisation', () => {
  it('clears away one that was not settled, and nothing else', async () => {
    const store = openMemory();
    const first = over(store);
    await first.initialize(rootKey);
    await first.put('core/mounts', bytes('half'));
    const second = over(store);
    await second.initialize(keyFromBytes(systemRandom(32)));
    expect(await second.list('core/')).toEqual(['founding', 'keyring']);
    await second.put('core/mounts', bytes('whole'));
    await second.settle((transaction) => transaction.put('core/seal-config', bytes('done')));
    expect(await store.list('core/')).toEqual(['keyring', 'mounts', 'seal-config']);
    for (const late of [() => over(store).initialize(rootKey), () => first.put('core/mounts', bytes('late')), () => first.settle(() => {})])
      await expectFault('conflict', late);
    expect(text(await second.get('core/mounts'))).toBe('whole');
  });

  it('takes no write of a process whose initialisation another one has replaced', async () => {
    const store = openMemory();
    const first = over(store);
    const second = over(store);
    await first.initialize(rootKey);
    await second.initialize(rootKey);
    const late: Record<string, () => Promise<unknown>> = {
      put: () => first.put('a', bytes('x')),
      delete: () => first.delete('core/keyring'),
      transact: () => first.transact(async (transaction) => transaction.put('a', bytes('x'))),
      settle: () => first.settle((transaction) => transaction.put('core/seal-config', bytes('x'))),
    };
    for (const act of Object.values(late)) await expectFault('conflict', act);
    expect(await second.list('')).toEqual(['core/']);
    expect(await store.list('core/')).toEqual(['founding', 'keyring']);
  });

  it('refuses a store that holds anything, even when its keyring is gone', async () => {
    await barrier.put('secret/a', bytes('precious'));
    for (const key of ['core/keyring', 'core/seal-config']) await below.delete(key);
    await expectFault('conflict', () => over(below).initialize(rootKey));
    expect(await below.list('secret/')).toEqual(['a']);
  });
});
