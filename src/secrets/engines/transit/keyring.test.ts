// The keyring of a mount: changes one after the other, across processes too, and rotation when its time has come.

import { beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { systemRandom } from '../../../crypto/random.ts';
import { openMemory } from '../../../storage/backends/memory.ts';
import type { Backend } from '../../../storage/storage.ts';
import type { Host } from '../../core/engine.ts';
import { createSerialiser } from '../../core/serialise.ts';
import { decodeStored } from './key-record.ts';
import type { NewKeyTerms } from './key-settings.ts';
import { createKeyring, type Keyring } from './keyring.ts';

const terms: NewKeyTerms = {
  type: 'aes256-gcm96',
  derived: false,
  convergent: false,
  exportable: false,
  plaintextBackup: false,
  autoRotatePeriod: 0,
};
const hour = 3_600_000;

let clock: ReturnType<typeof manualClock>;
let storage: Backend;
let keyring: Keyring;

/** Another process over the same store. Nothing is remembered, as where the cache is switched off. */
function openKeyring(over: Partial<Host> = {}): Keyring {
  const host: Host = {
    mount: () => ({ uuid: '', accessor: '', type: 'transit', path: 'transit/', options: {} }),
    storage,
    cached: async (key, decode) => {
      const stored = await storage.get(key);
      return stored === undefined ? undefined : decode(stored);
    },
    cachedWithin: async (transaction, key, decode) => {
      const stored = await transaction.get(key);
      return stored === undefined ? undefined : decode(stored);
    },
    putCached: (transaction, key, value, encode) => transaction.put(key, encode(value)),
    serialise: createSerialiser(),
    ttl: () => ({ default: 0, max: 0 }),
    clock,
    random: systemRandom,
    log: silentLog,
    ...over,
  };
  return createKeyring(host);
}

beforeEach(() => {
  clock = manualClock();
  storage = openMemory();
  keyring = openKeyring();
});

const versionsOf = async (name: string) => [...((await keyring.find(name))?.versions.keys() ?? [])];

describe('a key', () => {
  it('is made once, however often and from wherever it is asked for at the same time', async () => {
    const rings = [keyring, openKeyring(), openKeyring()];
    const made = await Promise.all(rings.flatMap((ring) => [ring.make('k', terms), ring.make('k', terms)]));
    const bytes = made.map(({ newest }) => newest.key.export().toString('hex'));
    expect(new Set(bytes).size).toBe(1);
    expect(made.every(({ newest }) => newest.number === 1)).toBe(true);
  });

  it('loses no version when it is rotated from several processes at the same time', async () => {
    await keyring.make('k', terms);
    const rings = [keyring, openKeyring(), openKeyring()];
    const rotated = await Promise.all(rings.flatMap((ring) => Array.from({ length: 5 }, () => ring.rotate('k'))));
    expect(rotated.map(({ newest }) => newest.number).sort((one, other) => one - other)).toStrictEqual(
      Array.from({ length: 15 }, (_, index) => index + 2),
    );
    expect(await versionsOf('k')).toHaveLength(16);
  });

  it('is not written when nothing of it changes', async () => {
    await keyring.make('k', terms);
    const before = await storage.feed.head();
    await keyring.make('k', { ...terms, exportable: true });
    await keyring.change('k', 'absent', (key) => key);
    expect(await storage.feed.head()).toBe(before);
    await keyring.rotate('k');
    expect(await storage.feed.head()).not.toBe(before);
  });

  it('stays as it was when a change is refused', async () => {
    await keyring.make('k', terms);
    const before = await storage.get('key/k');
    await expect(
      keyring.change('k', 'absent', () => {
        throw new TypeError('refused');
      }),
    ).rejects.toThrow('refused');
    // No version of it could be used any more.
    await expect(keyring.change('k', 'absent', (key) => ({ ...key, versions: [] }))).rejects.toThrow('no version that may be used');
    expect(await storage.get('key/k')).toStrictEqual(before);
  });

  it('that does not exist is neither changed nor deleted', async () => {
    await expect(keyring.change('k', 'no such key', (key) => key)).rejects.toThrow('no such key');
    await expect(keyring.rotate('k')).rejects.toThrow('key not found');
    await expect(keyring.remove('k')).rejects.toThrow('error deleting policy k: could not delete key; not found');
    expect(await keyring.names({})).toStrictEqual([]);
  });
});

describe('a key that rotates by itself', () => {
  beforeEach(() => keyring.make('k', { ...terms, autoRotatePeriod: 3600 }));

  it('gets its next version at the first use that makes something new after its time', async () => {
    clock.advance(hour - 1);
    expect((await keyring.findToSeal('k'))?.newest.number).toBe(1);
    clock.advance(1);
    expect((await keyring.find('k'))?.newest.number).toBe(1);
    expect((await keyring.findToSeal('k'))?.newest.number).toBe(2);
    expect((await keyring.findToSeal('k'))?.newest.number).toBe(2);
    clock.advance(5 * hour);
    expect((await keyring.findToSeal('k'))?.newest.number).toBe(3);
    expect(await versionsOf('k')).toStrictEqual([1, 2, 3]);
  });

  it('gets one version, however many ask at the same time', async () => {
    clock.advance(hour);
    const rings = [keyring, openKeyring(), openKeyring()];
    const found = await Promise.all(rings.flatMap((ring) => Array.from({ length: 5 }, () => ring.findToSeal('k'))));
    expect(found.map((key) => key?.newest.number)).toStrictEqual(new Array(15).fill(2));
    expect(await versionsOf('k')).toStrictEqual([1, 2]);
  });

  it('goes on with its old version, and says so, when the store takes no new one', async () => {
    const warnings: string[] = [];
    const full = openKeyring({
      storage: { ...storage, transact: () => Promise.reject(new Error('the disk is full')) },
      log: { ...silentLog, warn: (message) => void warnings.push(message) },
    });
    clock.advance(hour);
    expect((await full.findToSeal('k'))?.newest.number).toBe(1);
    expect(warnings).toStrictEqual(['a key that is due could not be given a new version']);
  });

  it('is gone when it was deleted meanwhile', async () => {
    clock.advance(hour);
    const key = await keyring.find('k');
    await storage.delete('key/k');
    const late = openKeyring({ cached: (<T>() => key as T) as Host['cached'] });
    expect(await late.findToSeal('k')).toBeUndefined();
  });

  it('does not rotate when it was imported without leave to', async () => {
    const key = (await storage.get('key/k')) as Uint8Array;
    for (const [name, rotatable] of Object.entries({ kept: false, rotated: true }))
      await keyring.restore({ ...decodeStored(key), name, imported: { rotatable } }, false);
    clock.advance(hour);
    expect((await keyring.findToSeal('kept'))?.newest.number).toBe(1);
    expect((await keyring.findToSeal('rotated'))?.newest.number).toBe(2);
    expect((await keyring.find('rotated'))?.settings).not.toHaveProperty('imported');
  });

  it('does not rotate where no period was set', async () => {
    await keyring.make('other', terms);
    clock.advance(1_000_000 * hour);
    expect((await keyring.findToSeal('other'))?.newest.number).toBe(1);
  });
});
