// The list of keys: names that never come again, retired keys that only the archive opens, and copies of which none shortens another.

import { expect, test } from 'vitest';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { EncryptionConfig } from '../config/encryption-config.ts';
import { archivedKeys, emptyRing, type KeyRing, newKey, ringOfText, withKeys, withRetired } from './key-ring.ts';
import { changeUnderWay, newestRing, textOfRing } from './state-files.ts';

const signal = AbortSignal.timeout(10_000);
const secretOf = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const configOf = (...keys: { name: string; secret: string }[]): EncryptionConfig => ({
  resources: [{ resources: ['secrets'], providers: [{ type: 'aescbc', keys }] }],
});
const [k1, k2] = [
  { name: 'k1', secret: secretOf(1) },
  { name: 'k2', secret: secretOf(2) },
];

/** Seals by turning bytes round: what is looked at is who is asked, and with what. */
const archive: KeyBackend = {
  type: 'test',
  current: () => ({ keyId: 'a1', healthy: true }),
  seal: async (plaintext) => ({ keyId: 'a1', ciphertext: Buffer.from(plaintext).map((byte) => byte ^ 0xff), annotations: {} }),
  open: async ({ ciphertext }) => Buffer.from(ciphertext).map((byte) => byte ^ 0xff),
  probe: async () => undefined,
  close: () => undefined,
};

test('a new key has 32 bytes, and a name that no key of the list or of the configuration has', () => {
  const ring = withKeys(emptyRing, configOf(k1), '2026-01-01T00:00:00Z');
  const random = (count: number) => Buffer.alloc(count, 7);
  const first = newKey(ring, configOf(k1), random, []);
  expect(first).toEqual({ name: expect.stringMatching(/^cm-2-[0-9a-f]{8}$/), secret: secretOf(7) });
  const taken = configOf(k1, first);
  expect(newKey(ring, taken, random, []).name).not.toBe(first.name);
  expect(newKey(ring, configOf(k1), random, [first.name]).name).not.toBe(first.name);
});

test('a key that a configuration no longer holds is sealed, and comes back from the archive alone', async () => {
  const ring = await withRetired(emptyRing, { before: configOf(k2, k1), after: configOf(k2) }, archive, '2026-02-02T00:00:00Z', signal);
  expect(ring.keys.map(({ name, retired }) => [name, retired])).toEqual([
    ['k2', undefined],
    ['k1', '2026-02-02T00:00:00Z'],
  ]);
  expect(textOfRing(ring)).not.toContain(k1.secret);
  expect(textOfRing(ring)).not.toContain(k2.secret);
  expect(await archivedKeys(ring, archive, signal)).toEqual([{ type: 'aescbc', ...k1 }]);
  const again = await withRetired(ring, { before: configOf(k2), after: configOf(k2) }, archive, '2026-03-03T00:00:00Z', signal);
  expect(again).toEqual(ring);
});

test('an archive that opens something else is found out', async () => {
  const ring = await withRetired(emptyRing, { before: configOf(k1), after: configOf(k2) }, archive, '2026-02-02T00:00:00Z', signal);
  const other: KeyBackend = { ...archive, open: async () => Buffer.alloc(32, 9) };
  await expect(archivedKeys(ring, other, signal)).rejects.toThrow(/archived key k1 is another one/);
});

test('of several copies nothing is lost, whichever is the newest', () => {
  const older = withKeys({ ...emptyRing, epoch: 1 }, configOf(k1), '2026-01-01T00:00:00Z');
  const newer: KeyRing = withKeys({ ...emptyRing, epoch: 2 }, configOf(k2), '2026-01-02T00:00:00Z');
  for (const copies of [
    [older, newer, undefined],
    [newer, undefined, older],
  ]) {
    const { epoch, keys } = newestRing(copies);
    expect(epoch).toBe(2);
    expect(keys.map(({ name }) => name).toSorted()).toEqual(['k1', 'k2']);
  }
  expect(newestRing([])).toEqual(emptyRing);
});

test('a list that is damaged or newer is refused with its place', () => {
  expect(ringOfText(textOfRing({ ...emptyRing, epoch: 4 }), 'p')).toEqual({ ...emptyRing, epoch: 4 });
  for (const text of ['', '{}', '[]', 'null', '{"version":1,"epoch":"1","keys":[]}'])
    expect(() => ringOfText(text, '/p/keys.json')).toThrow('/p/keys.json is damaged');
  expect(() => ringOfText('{"version":2,"epoch":1,"keys":[]}', '/p/keys.json')).toThrow('newer Casemate');
});

test('the change under way is told by any copy, and one that has ended by no copy that was away', () => {
  const record = (id: string, state: 'running' | 'finished') => ({
    version: 1 as const,
    id,
    kind: 'etcd-encryption',
    state,
    change: {},
    at: '',
  });
  expect(changeUnderWay([undefined, record('a', 'running')])?.id).toBe('a');
  expect(changeUnderWay([record('a', 'finished'), record('a', 'running')])).toBeUndefined();
  expect(changeUnderWay([record('a', 'finished'), record('b', 'running')])?.id).toBe('b');
  expect(() => changeUnderWay([record('a', 'running'), record('b', 'running')])).toThrow('2 changes');
});
