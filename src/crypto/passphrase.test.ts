// Argon2id: the published vector, and that neither a careless cost nor another way to type a letter changes what a passphrase means.

import { describe, expect, it } from 'vitest';
import { fromHex, readVectors, toHex } from '../../test/vectors/vectors.ts';
import { exportKey } from './keys.ts';
import { argon2id, keyFromPassphrase, passphraseCost, saltBytes } from './passphrase.ts';

interface Case {
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly message: string;
  readonly salt: string;
  readonly secret: string;
  readonly associated: string;
  readonly tag: string;
}

describe('Argon2id', () => {
  const { cases } = readVectors<{ readonly cases: readonly Case[] }>('argon2id');

  it.each(cases)('gives the published tag', async ({ message, salt, secret, associated, tag, ...cost }) => {
    const more = { secret: fromHex(secret), associated: fromHex(associated) };
    expect(toHex(await argon2id(fromHex(message), fromHex(salt), cost, 32, more))).toBe(tag);
  });

  it('has one published case', () => expect(cases).toHaveLength(1));
});

describe('a passphrase', () => {
  const salt = new Uint8Array(saltBytes).fill(5);
  const cheap = { memory: 8_192, passes: 1, lanes: 1 };
  const keyOf = async (passphrase: string, of = salt) => toHex(exportKey(await keyFromPassphrase(passphrase, of, cheap, 32)));

  it('makes the same key again, and another with another letter or salt', async () => {
    const key = await keyOf('correct horse');
    expect(await keyOf('correct horse')).toBe(key);
    expect(await keyOf('correct horsf')).not.toBe(key);
    expect(await keyOf('correct horse', new Uint8Array(saltBytes).fill(6))).not.toBe(key);
  });

  it('is the same however an accented letter is written', async () => {
    expect(await keyOf('caf\u00e9')).toBe(await keyOf('cafe\u0301'));
  });

  it.each([
    ['memory', { ...passphraseCost, memory: 8_191 }],
    ['memory', { ...passphraseCost, memory: 2 ** 32 }],
    ['passes', { ...passphraseCost, passes: 0 }],
    ['passes', { ...passphraseCost, passes: 1000 }],
    ['lanes', { ...passphraseCost, lanes: 0 }],
    ['lanes', { ...passphraseCost, lanes: 1.5 }],
  ])('is not taken at a cost out of bounds: %s', async (name, cost) => {
    await expect(keyFromPassphrase('a', salt, cost, 32)).rejects.toMatchObject({
      code: 'corrupted',
      message: expect.stringContaining(`the ${name} of Argon2id`),
    });
  });

  it('is not taken with a short salt', async () => {
    await expect(keyFromPassphrase('a', new Uint8Array(8), cheap, 32)).rejects.toMatchObject({ code: 'corrupted' });
  });
});
