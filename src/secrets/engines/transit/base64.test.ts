// Base64: what is taken, what is refused, and where the refusal says that the fault lies.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors } from '../../../../test/vectors/vectors.ts';
import { base64Bytes, bytesInBase64, decodeBase64, isPlainBase64 } from './base64.ts';

const { cases } = readVectors<{ readonly cases: readonly { readonly input: string; readonly offset: number }[] }>('go-base64-errors');

describe('a text of base64', () => {
  it.each(cases)('$input is refused at byte $offset, as by Go', ({ input, offset }) => {
    if (offset < 0) expect(decodeBase64(input)).toStrictEqual(Buffer.from(input, 'base64'));
    else expect(() => decodeBase64(input)).toThrow(`illegal base64 data at input byte ${offset}`);
    expect(base64Bytes(input) === undefined).toBe(offset >= 0);
  });

  it('is plain where Node reads it as Go does, and says how many bytes it stands for', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(isPlainBase64(text)).toBe(true);
        expect(bytesInBase64(text)).toBe(bytes.length);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('A', 'b', '9', '+', '/', '=', '-', '_', '\n', 'Ł') }), (text) => {
        if (isPlainBase64(text)) expect(decodeBase64(text)).toHaveLength(bytesInBase64(text));
      }),
    );
  });

  it('has 24 published cases', () => expect(cases).toHaveLength(24));

  it.each([
    ['not base64!', 3],
    ['AAAA-AAA', 4],
    ['AAAA_AAA', 4],
    ['AA AA', 2],
    ['ŁŁŁŁ', 0],
    ['AAAŁ', 3],
    ['éAAA', 0],
    ['AAAA\0AAA', 4],
    ['AA=\n=\nA', 6],
  ])('%j is refused at byte %d', (input, offset) => {
    expect(() => decodeBase64(input, 'unable to decode input as base64: ')).toThrow(
      `unable to decode input as base64: illegal base64 data at input byte ${offset}`,
    );
  });

  it('may be broken into lines', () => {
    expect(decodeBase64('c3\nVy\r\nZQ\n=\r=\n').toString()).toBe('sure');
  });

  it('comes back as the bytes that it was made of, broken into lines or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, place) => {
        const text = Buffer.from(bytes).toString('base64');
        const at = place % (text.length + 1);
        expect(decodeBase64(text)).toStrictEqual(Buffer.from(bytes));
        expect(decodeBase64(`${text.slice(0, at)}\r\n${text.slice(at)}`)).toStrictEqual(Buffer.from(bytes));
      }),
    );
  });

  it('is refused without being shown', () => {
    expect(() => decodeBase64('my secret is hunter2')).toThrow(/^illegal base64 data at input byte 2$/);
  });
});
