// Shares unseal, in any order and form; wrong ones start over; nothing an interrupted initialisation leaves stands in the way.

import { beforeEach, describe, expect, it } from 'vitest';
import { initialised, type Kept, keptOver, wanting } from '../../../test/suites/seal.ts';
import { bytes, expectFault, text } from '../../../test/suites/storage-values.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend } from '../../storage/storage.ts';
import type { InitialShares } from './keeper.ts';
import { parseShare } from './shares.ts';

let storage: Backend;
let kept: Kept;
beforeEach(() => {
  storage = openMemory();
  kept = keptOver(storage);
});

async function messageOf(act: () => Promise<unknown>): Promise<string> {
  const thrown = await act().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Fault);
  expect((thrown as Fault).code).toBe('invalid-request');
  return (thrown as Fault).message;
}

async function submitAll({ keeper }: Kept, shares: readonly Uint8Array[]): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (const share of shares) answers.push(await keeper.submit(share));
  return answers;
}

describe('initialisation', () => {
  const bounds: readonly [Partial<InitialShares>, string][] = [
    [{}, 'invalid seal configuration: shares must be at least one'],
    [{ shares: 0, threshold: 1 }, 'invalid seal configuration: shares must be at least one'],
    [{ shares: 1 }, 'invalid seal configuration: threshold must be at least one'],
    [{ shares: 5, threshold: 1 }, 'invalid seal configuration: threshold must be greater than one for multiple shares'],
    [{ shares: 256, threshold: 2 }, 'invalid seal configuration: shares must be less than 256'],
    [{ shares: 255, threshold: 256 }, 'invalid seal configuration: threshold must be less than 256'],
    [{ shares: 3, threshold: 4 }, 'invalid seal configuration: threshold cannot be larger than shares'],
    [{ shares: -1, threshold: -1 }, 'invalid seal configuration: shares must be at least one'],
    [{ shares: 1, threshold: 1, recoveryShares: 1 }, 'parameters recovery_shares,recovery_threshold not applicable to seal type shamir'],
  ];
  it.each(bounds)('refuses %j, and writes nothing', async (wanted, message) => {
    expect(await messageOf(() => kept.keeper.initialize(wanting(wanted), async () => {}))).toBe(message);
    expect(await storage.list('')).toEqual([]);
    expect(await kept.keeper.status()).toMatchObject({ initialized: false, sealed: true, type: 'shamir' });
  });

  it('gives as many shares as wanted, each of its own, and ends sealed', async () => {
    const shares = await initialised(kept, { shares: 5, threshold: 3 });
    expect(shares.map((share) => share.length)).toEqual([33, 33, 33, 33, 33]);
    expect(new Set(shares.map((share) => Buffer.from(share).toString('hex'))).size).toBe(5);
    expect(kept.barrier.sealed).toBe(true);
    expect(await kept.keeper.status()).toEqual({
      type: 'shamir',
      initialized: true,
      sealed: true,
      t: 3,
      n: 5,
      progress: 0,
      nonce: '',
      recoverySeal: false,
    });
  });

  it('happens once', async () => {
    const shares = await initialised(kept, { shares: 3, threshold: 2 });
    for (const server of [kept, keptOver(storage)])
      expect(await messageOf(() => initialised(server, { shares: 1, threshold: 1 }))).toBe('Vault is already initialized');
    await submitAll(kept, shares.slice(0, 2));
    expect(await messageOf(() => initialised(kept, { shares: 1, threshold: 1 }))).toBe('Vault is already initialized');
    expect([kept.barrier.sealed, text(await kept.barrier.get('secret/a'))]).toEqual([false, 'kept']);
  });

  it('happens once when it is asked for twice at the same moment', async () => {
    let filled = 0;
    const ask = () =>
      kept.keeper.initialize(wanting({ shares: 1, threshold: 1 }), async () => {
        filled += 1;
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        await kept.barrier.put('secret/a', bytes('kept'));
      });
    const asked = await Promise.allSettled([ask(), ask(), ask()]);
    const shares = asked.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.keys : []));
    expect([shares.length, filled]).toEqual([1, 1]);
    expect(await submitAll(keptOver(storage), shares)).toEqual([true]);
  });

  it('by several servers at the same moment leaves one store that the shares of one of them open', async () => {
    for (let round = 0; round < 10; round++) {
      const shared = openMemory();
      const servers = Array.from({ length: 3 }, () => keptOver(shared));
      const asked = await Promise.allSettled(
        servers.map(async (server, index) => {
          const pause = async (): Promise<void> => {
            for (let turn = (round * (index + 1)) % 5; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
          };
          await pause();
          const { keys } = await server.keeper.initialize(wanting({ shares: 1, threshold: 1 }), async () => {
            for (const key of ['secret/a', 'core/mounts', 'core/policies']) {
              await pause();
              await server.barrier.put(key, bytes(`of ${index}`));
            }
          });
          return { keys, index };
        }),
      );
      const winners = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
      expect(winners.length).toBe(1);
      const restarted = keptOver(shared);
      expect(await submitAll(restarted, winners[0]?.keys ?? [])).toEqual([true]);
      for (const key of ['secret/a', 'core/mounts', 'core/policies'])
        expect(text(await restarted.barrier.get(key))).toBe(`of ${winners[0]?.index}`);
    }
  });

  it('that failed to fill the store counts for nothing, and can be done again', async () => {
    const reason = new Error('no');
    const failing = kept.keeper.initialize(wanting({ shares: 1, threshold: 1 }), async () => {
      await kept.barrier.put('secret/left', bytes('x'));
      throw reason;
    });
    await expect(failing).rejects.toBe(reason);
    expect(await kept.keeper.status()).toMatchObject({ initialized: false, sealed: true });
    expect(kept.barrier.sealed).toBe(true);
    expect(await submitAll(kept, await initialised(kept, { shares: 1, threshold: 1 }))).toEqual([true]);
    expect(await kept.barrier.list('secret/')).toEqual(['a']);
  });

  it('that ended at any write is either not done, and can be done again, or done', async () => {
    let done = false;
    for (let writes = 0; !done; writes++) {
      const shared = openMemory();
      let left = writes;
      const spend = (): void => {
        if (left === 0) throw new Error('the process ended');
        left -= 1;
      };
      const ending: Backend = {
        ...shared,
        async put(key, value) {
          spend();
          await shared.put(key, value);
        },
        async transact(work) {
          spend();
          return shared.transact(work);
        },
      };
      done = await initialised(keptOver(ending), { shares: 1, threshold: 1 }).then(
        () => true,
        () => false,
      );
      const restarted = keptOver(shared);
      expect((await restarted.keeper.status()).initialized).toBe(done);
      if (done) expect(writes).toBeGreaterThan(2);
      else expect(await submitAll(restarted, await initialised(restarted, { shares: 1, threshold: 1 }))).toEqual([true]);
    }
  });

  it('refuses a store that has entries but has lost its seal configuration, and keeps them', async () => {
    await initialised(kept, { shares: 1, threshold: 1 });
    await storage.delete('core/seal-config');
    await expectFault('conflict', () => initialised(keptOver(storage), { shares: 1, threshold: 1 }));
    expect(await storage.list('secret/')).toEqual(['a']);
  });
});

describe('shares', () => {
  it.each([
    [2, 2],
    [5, 3],
    [255, 2],
    [255, 20],
  ])('of %i, any %i unseal, in any order', async (shares, threshold) => {
    const all = await initialised(kept, { shares, threshold });
    for (const chosen of [all.slice(0, threshold), all.slice(-threshold).reverse()]) {
      const restarted = keptOver(storage);
      expect(await submitAll(restarted, chosen)).toEqual([...Array.from({ length: threshold - 1 }, () => false), true]);
      expect(text(await restarted.barrier.get('secret/a'))).toBe('kept');
      expect(await restarted.keeper.status()).toMatchObject({ sealed: false, progress: 0, nonce: '', t: threshold, n: shares });
    }
  });

  it('a single one is the root key itself', async () => {
    const [share] = (await initialised(kept, { shares: 1, threshold: 1 })) as [Uint8Array];
    expect(share.length).toBe(32);
    expect(await kept.keeper.submit(share)).toBe(true);
    expect(text(await kept.barrier.get('secret/a'))).toBe('kept');
  });

  it('show their progress under a nonce that stays for one attempt', async () => {
    const [a, b, c] = (await initialised(kept, { shares: 3, threshold: 3 })) as [Uint8Array, Uint8Array, Uint8Array];
    await kept.keeper.submit(a);
    const first = await kept.keeper.status();
    await kept.keeper.submit(b);
    const second = await kept.keeper.status();
    expect([first.progress, second.progress, first.nonce === second.nonce, first.nonce === '']).toEqual([1, 2, true, false]);
    kept.keeper.reset();
    expect(await kept.keeper.status()).toMatchObject({ progress: 0, nonce: '', sealed: true });
    await kept.keeper.submit(c);
    expect((await kept.keeper.status()).nonce).not.toBe(first.nonce);
    expect(await submitAll(kept, [a, b])).toEqual([false, true]);
  });

  it('count once, however often they are given', async () => {
    const [a, b] = (await initialised(kept, { shares: 3, threshold: 2 })) as [Uint8Array, Uint8Array];
    expect(await submitAll(kept, [a, a, Uint8Array.from(a)])).toEqual([false, false, false]);
    expect((await kept.keeper.status()).progress).toBe(1);
    expect(await kept.keeper.submit(b)).toBe(true);
  });

  it('that are wrong start over, with a sentence, and the right ones still unseal', async () => {
    const all = await initialised(kept, { shares: 3, threshold: 2 });
    const [a, b] = all as [Uint8Array, Uint8Array];
    const foreign = (await initialised(keptOver(openMemory()), { shares: 3, threshold: 2 }))[0] as Uint8Array;
    const sameX = Uint8Array.from(a, (byte, index) => (index === 0 ? byte ^ 1 : byte));
    for (const wrong of [foreign, systemRandom(33), sameX, new Uint8Array(33)]) {
      await kept.keeper.submit(a);
      expect(await messageOf(() => kept.keeper.submit(wrong))).toBe(
        'the given shares do not make the root key of this store; progress was reset',
      );
      expect(await kept.keeper.status()).toMatchObject({ progress: 0, nonce: '', sealed: true });
    }
    expect(await submitAll(kept, [b, a])).toEqual([false, true]);
  });

  it('of another length are refused, and do not count', async () => {
    const [a, b] = (await initialised(kept, { shares: 3, threshold: 2 })) as [Uint8Array, Uint8Array];
    await kept.keeper.submit(a);
    const lengths: readonly [number, string][] = [
      [0, 'invalid key: key is shorter than minimum 16 bytes'],
      [15, 'invalid key: key is shorter than minimum 16 bytes'],
      [16, 'invalid key: a share of this store has 33 bytes'],
      [32, 'invalid key: a share of this store has 33 bytes'],
      [34, 'invalid key: key is longer than maximum 33 bytes'],
    ];
    for (const [length, message] of lengths) expect(await messageOf(() => kept.keeper.submit(systemRandom(length)))).toBe(message);
    expect((await kept.keeper.status()).progress).toBe(1);
    expect(await kept.keeper.submit(b)).toBe(true);
  });

  it('are refused by a store that is not initialised', async () => {
    expect(await messageOf(() => kept.keeper.submit(systemRandom(33)))).toBe('Vault is not initialized');
  });

  it('given at the same moment unseal once, and leave nothing behind', async () => {
    const shares = await initialised(kept, { shares: 5, threshold: 3 });
    const answers = await Promise.all(shares.map((share) => kept.keeper.submit(share)));
    expect(answers.filter(Boolean).length).toBe(1);
    expect(await kept.keeper.status()).toMatchObject({ sealed: false, progress: 0, nonce: '' });
  });

  it('given to an open server change nothing', async () => {
    const shares = await initialised(kept, { shares: 3, threshold: 2 });
    expect(await submitAll(kept, [...shares, ...shares, systemRandom(33)])).toEqual([false, true, false, false, false, false, false]);
    expect(await kept.keeper.status()).toMatchObject({ sealed: false, progress: 0 });
  });

  it('are forgotten when the server is sealed', async () => {
    const [a, b, c] = (await initialised(kept, { shares: 3, threshold: 2 })) as [Uint8Array, Uint8Array, Uint8Array];
    await submitAll(kept, [a, b]);
    kept.keeper.seal();
    expect(await kept.keeper.status()).toMatchObject({ sealed: true, progress: 0 });
    await kept.keeper.submit(c);
    kept.keeper.seal();
    expect(await submitAll(kept, [a, b])).toEqual([false, true]);
  });
});

describe('the text of a share', () => {
  const share = systemRandom(33);

  it('is hex in either case, or base64', () => {
    const hex = Buffer.from(share).toString('hex');
    for (const form of [
      hex,
      hex.toUpperCase(),
      Buffer.from(share).toString('base64'),
      Buffer.from(share.subarray(0, 32)).toString('base64'),
    ])
      expect(Buffer.compare(parseShare(form), form.length === 44 && form.endsWith('=') ? share.subarray(0, 32) : share)).toBe(0);
  });

  it('is hex where it could be both', () => {
    expect(Buffer.from(parseShare('abcdef00')).toString('hex')).toBe('abcdef00');
  });

  it.each(['zz', 'abc', 'a b=', 'YWJj\n', 'YWI', 'YW_-', ' abcd', '====', 'Ω'])('is refused as %j', async (form) => {
    expect(await messageOf(async () => parseShare(form))).toBe("'key' must be a valid hex or base64 string");
  });
});
