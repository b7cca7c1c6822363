// The form in which a cloud's ciphertext is stored, which data of every released version must keep.

import { describe, expect, it } from 'vitest';
import { innerOf, packed, unpacked } from './sealed-form.ts';

const name = { key: 'aws:arn', keyId: 'aws:arn#1' };
const zeros = (count: number) => new Uint8Array(count);
const blob = Buffer.from('blob');
const long = Buffer.alloc(129, 'x');

describe('the stored form', () => {
  it('never changes', () => {
    const header = '01a425e7e0b92bee105d52f70dc0c665de';
    const direct = packed(name, { ...innerOf(Buffer.from('data'), zeros), blob }, Buffer.from('data'), zeros);
    expect(Buffer.from(direct).toString('hex')).toBe(`434d43${header}${blob.toString('hex')}`);
    expect(unpacked(direct)?.open(Buffer.from('data'))?.toString()).toBe('data');
  });

  it.each([0, 129, 5000])('holds %i bytes under a key of its own, and refuses each changed byte', (length) => {
    const plaintext = Buffer.alloc(length, 'x');
    const { form, inner } = innerOf(plaintext, () => zeros(32));
    const stored = packed(name, { form, inner: Uint8Array.from(inner), blob }, plaintext, zeros);
    const opened = (bytes: Uint8Array) => unpacked(bytes)?.open(zeros(32));
    expect(opened(stored)).toStrictEqual(plaintext);
    for (let at = 0; at < Math.min(stored.length, 120); at++) {
      // The cloud's own ciphertext is the cloud's to check.
      if (at >= 22 && at < 26) continue;
      const changed = Uint8Array.from(stored);
      changed[at] = (changed[at] as number) ^ 1;
      // Form 1 in the place of form 2: what the cloud is asked to open is longer, and it refuses that.
      if (at !== 3) expect(opened(changed)).toBeUndefined();
    }
    expect(unpacked(stored)?.open(zeros(31))).toBeUndefined();
  });

  it('tells the key with and without its version', () => {
    const found = unpacked(packed(name, { ...innerOf(long, zeros), blob }, long, zeros));
    expect([found?.hasKey(name.key), found?.hasKey('aws:other'), found?.hasKeyId(name.keyId), found?.hasKeyId(name.key)]).toStrictEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it.each([0, 3, 4, 19])('is none of %i bytes', (length) => {
    const stored = packed(name, { ...innerOf(long, zeros), blob }, long, zeros);
    expect(unpacked(stored.subarray(0, length))).toBeUndefined();
  });
});
