// A key backend brings the root key back without people: with the newest key, the one before, and never with another.

import { beforeEach, describe, expect, it } from 'vitest';
import { initialised, keptOver, wanting } from '../../../test/suites/seal.ts';
import { expectFault, text } from '../../../test/suites/storage-values.ts';
import { fromHex, readVectors } from '../../../test/vectors/vectors.ts';
import { Fault } from '../../base/fault.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import { localBackend } from '../../keys/backends/local.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend } from '../../storage/storage.ts';
import { decodeSeal, decodeSealedRoot } from './stored.ts';

const { signal } = new AbortController();
const older = keyFromBytes(systemRandom(32));
const newer = keyFromBytes(systemRandom(32));
const withOlder = localBackend({ current: older }, systemRandom);
const rotated = localBackend({ current: newer, previous: older }, systemRandom);

let storage: Backend;
beforeEach(() => {
  storage = openMemory();
});

function unreachable(): KeyBackend {
  const refuse = async (): Promise<never> => {
    throw new Fault('unavailable', 'the key service does not answer');
  };
  return { type: 'static', current: () => ({ keyId: 'none', healthy: false }), seal: refuse, open: refuse, probe: refuse, close: () => {} };
}

describe('a key backend', () => {
  it('initialises and is open at once; a restart opens by itself', async () => {
    const kept = keptOver(storage, withOlder);
    expect(await initialised(kept, {})).toEqual([]);
    expect(await kept.keeper.status()).toMatchObject({ type: 'static', initialized: true, sealed: false, t: 0, n: 0, recoverySeal: true });
    const restarted = keptOver(storage, withOlder);
    expect(restarted.barrier.sealed).toBe(true);
    expect(await restarted.keeper.unsealWithBackend(signal)).toBe(true);
    expect(text(await restarted.barrier.get('secret/a'))).toBe('kept');
    expect(await restarted.keeper.unsealWithBackend(signal)).toBe(false);
  });

  it('has nothing to unseal before the store is initialised, and none does without a backend', async () => {
    expect(await keptOver(storage, withOlder).keeper.unsealWithBackend(signal)).toBe(false);
    await initialised(keptOver(storage, withOlder), {});
    expect(await keptOver(storage).keeper.unsealWithBackend(signal)).toBe(false);
  });

  it('keeps the root key in the store only as it sealed it', async () => {
    await initialised(keptOver(storage, withOlder), {});
    const rootKey = await withOlder.open(decodeSealedRoot((await storage.get('core/seal-root')) as Uint8Array), signal);
    for (const name of await storage.list('core/')) {
      const entry = Buffer.from((await storage.get(`core/${name}`)) as Uint8Array);
      for (const form of [Buffer.from(rootKey), Buffer.from(rootKey).toString('hex'), Buffer.from(rootKey).toString('base64')])
        expect([name, entry.includes(form)]).toEqual([name, false]);
    }
  });

  it('opens with the key before the last rotation, and needs it no longer after that', async () => {
    await initialised(keptOver(storage, withOlder), {});
    expect(await keptOver(storage, rotated).keeper.unsealWithBackend(signal)).toBe(true);
    const sealed = decodeSealedRoot((await storage.get('core/seal-root')) as Uint8Array);
    expect(sealed.keyId).toBe(rotated.current().keyId);
    const alone = keptOver(storage, localBackend({ current: newer }, systemRandom));
    expect(await alone.keeper.unsealWithBackend(signal)).toBe(true);
    expect(text(await alone.barrier.get('secret/a'))).toBe('kept');
  });

  it('opens although what it opened cannot be sealed with the newer key at the moment', async () => {
    await initialised(keptOver(storage, withOlder), {});
    const before = await storage.get('core/seal-root');
    const full: Backend = {
      ...storage,
      put: async () => {
        throw new Fault('storage-failed', 'the disk is full');
      },
    };
    for (const [store, backend] of [
      [full, rotated],
      [storage, { ...rotated, seal: unreachable().seal }],
    ] as const) {
      const kept = keptOver(store, backend);
      expect([await kept.keeper.unsealWithBackend(signal), kept.barrier.sealed]).toEqual([true, false]);
    }
    expect(await storage.get('core/seal-root')).toEqual(before);
  });

  it('does not open with another key, nor when what it sealed is damaged', async () => {
    await initialised(keptOver(storage, withOlder), {});
    const other = keptOver(storage, localBackend({ current: newer }, systemRandom));
    await expectFault('invalid-request', () => other.keeper.unsealWithBackend(signal));
    const stored = Buffer.from((await storage.get('core/seal-root')) as Uint8Array).toString();
    const changed = stored.replace(/"ciphertext":"(.)/, (_, first) => `"ciphertext":"${first === 'A' ? 'B' : 'A'}`);
    for (const damaged of [changed, '', 'garbage', stored.replace('"format":1', '"format":2')]) {
      await storage.put('core/seal-root', Buffer.from(damaged));
      const kept = keptOver(storage, withOlder);
      await expectFault('corrupted', () => kept.keeper.unsealWithBackend(signal));
      expect(kept.barrier.sealed).toBe(true);
    }
  });

  it('says that the store is damaged when the root key that it opened is that of another store', async () => {
    const another = openMemory();
    await initialised(keptOver(another, withOlder), {});
    await initialised(keptOver(storage, withOlder), {});
    await storage.put('core/seal-root', (await another.get('core/seal-root')) as Uint8Array);
    const kept = keptOver(storage, withOlder);
    await expectFault('corrupted', () => kept.keeper.unsealWithBackend(signal));
    expect(kept.barrier.sealed).toBe(true);
  });

  it('that cannot be reached leaves the server sealed, to be tried again', async () => {
    await initialised(keptOver(storage, withOlder), {});
    let reachable = false;
    const kept = keptOver(storage, { ...withOlder, open: (sealed, on) => (reachable ? withOlder : unreachable()).open(sealed, on) });
    await expectFault('unavailable', () => kept.keeper.unsealWithBackend(signal));
    expect((await kept.keeper.status()).sealed).toBe(true);
    reachable = true;
    expect(await kept.keeper.unsealWithBackend(signal)).toBe(true);
  });

  it('that cannot be reached initialises nothing', async () => {
    await expectFault('unavailable', () => initialised(keptOver(storage, unreachable()), {}));
    expect(await storage.list('')).toEqual([]);
    await initialised(keptOver(storage, withOlder), {});
  });

  it('unseals once when it is asked for twice at the same moment', async () => {
    await initialised(keptOver(storage, withOlder), {});
    const { keeper } = keptOver(storage, withOlder);
    expect(await Promise.all([keeper.unsealWithBackend(signal), keeper.unsealWithBackend(signal)])).toEqual([true, false]);
  });
});

describe('recovery shares', () => {
  it('are as many as wanted, and do not unseal', async () => {
    const shares = await initialised(keptOver(storage, withOlder), { recoveryShares: 3, recoveryThreshold: 2 });
    expect(shares.map((share) => share.length)).toEqual([33, 33, 33]);
    const config = decodeSeal((await storage.get('core/seal-config')) as Uint8Array);
    expect(config).toMatchObject({ type: 'static', shares: 3, threshold: 2, recoveryDigest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    for (const kept of [keptOver(storage, withOlder), keptOver(storage)]) {
      await expectFault('invalid-request', () => kept.keeper.submit(shares[0] as Uint8Array));
      expect((await kept.keeper.status()).progress).toBe(0);
    }
  });

  it('are refused under the names of other shares, and within the same bounds', async () => {
    const { keeper } = keptOver(storage, withOlder);
    const messages: Record<string, string> = {};
    for (const wanted of [{ shares: 1 }, { threshold: 1 }, { recoveryShares: 3, recoveryThreshold: 4 }])
      await keeper
        .initialize(wanting(wanted), async () => {})
        .catch((thrown: Fault) => {
          messages[JSON.stringify(wanted)] = thrown.message;
        });
    expect(messages).toEqual({
      '{"shares":1}': 'parameters secret_shares,secret_threshold not applicable to seal type static',
      '{"threshold":1}': 'parameters secret_shares,secret_threshold not applicable to seal type static',
      '{"recoveryShares":3,"recoveryThreshold":4}': 'invalid seal configuration: threshold cannot be larger than shares',
    });
    expect(await storage.list('')).toEqual([]);
  });
});

describe('a store of shares', () => {
  it('says so to a server that was started with a key, and unseals with its shares there', async () => {
    const shares = await initialised(keptOver(storage), { shares: 1, threshold: 1 });
    const kept = keptOver(storage, withOlder);
    await expectFault('usage', () => kept.keeper.unsealWithBackend(signal));
    expect(await kept.keeper.status()).toMatchObject({ type: 'shamir', recoverySeal: false });
    expect(await kept.keeper.submit(shares[0] as Uint8Array)).toBe(true);
  });
});

describe('version 1 of what the seal stores', () => {
  interface Stored {
    readonly name: string;
    readonly keys: readonly string[];
    readonly recoveryKeys: readonly string[];
    readonly localKey?: string;
    readonly stored: Readonly<Record<string, string>>;
  }
  const vectors = readVectors<{ readonly value: string; readonly stores: readonly Stored[] }>('seal-v1');

  it.each(vectors.stores)('unseals: $name', async ({ keys, localKey, stored }) => {
    for (const [key, entry] of Object.entries(stored)) await storage.put(key, fromHex(entry));
    const backend = localKey === undefined ? undefined : localBackend({ current: keyFromBytes(fromHex(localKey)) }, systemRandom);
    const { keeper, barrier } = keptOver(storage, backend);
    const { t } = await keeper.status();
    if (backend === undefined) for (const share of keys.slice(-t)) await keeper.submit(fromHex(share));
    else await keeper.unsealWithBackend(signal);
    expect(text(await barrier.get('secret/a'))).toBe(vectors.value);
  });
});
