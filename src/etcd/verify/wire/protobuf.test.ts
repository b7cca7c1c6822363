// Protocol Buffers by hand: numbers of all sizes come back, and no bytes whatsoever do more harm than a Fault.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fault } from '../../../base/fault.ts';
import { message, readFields } from './protobuf.ts';

function fieldsOf(bytes: Buffer): readonly (readonly [number, bigint | string])[] {
  const fields: [number, bigint | string][] = [];
  readFields(bytes, {
    whole: (number, value) => fields.push([number, value]),
    bytes: (number, value) => fields.push([number, value.toString('hex')]),
  });
  return fields;
}

test('a published message reads as its documentation says', () => {
  // protobuf.dev/programming-guides/encoding: Test1 { a: 150 }, Test2 { b: "testing" }.
  expect(fieldsOf(Buffer.from('089601', 'hex'))).toEqual([[1, 150n]]);
  expect(fieldsOf(Buffer.from('120774657374696e67', 'hex'))).toEqual([[2, Buffer.from('testing').toString('hex')]]);
  expect(message([[1, 150n]]).toString('hex')).toBe('089601');
  expect(message([[2, Buffer.from('testing')]]).toString('hex')).toBe('120774657374696e67');
});

test('numbers around every boundary come back', () => {
  const boundaries = [1n, 127n, 128n, (1n << 28n) - 1n, 1n << 28n, (1n << 31n) - 1n, 1n << 32n, (1n << 63n) - 1n, (1n << 64n) - 1n];
  for (const value of boundaries) expect(fieldsOf(message([[3, value]]))).toEqual([[3, value]]);
  expect(fieldsOf(message([[3, -1n]])).map(([, value]) => BigInt.asIntN(64, value as bigint))).toEqual([-1n]);
});

test('what is empty, zero or false is left out', () => {
  expect(
    message([
      [1, 0n],
      [2, false],
      [3, Buffer.alloc(0)],
      [4, undefined],
    ]),
  ).toHaveLength(0);
  expect(fieldsOf(message([[1, true]]))).toEqual([[1, 1n]]);
});

test('fields of other kinds are stepped over, also by a reader that asks for nothing', () => {
  const bytes = Buffer.concat([Buffer.from('0900000000000000000d00000000', 'hex'), message([[2, 7n]])]);
  expect(fieldsOf(bytes)).toEqual([[2, 7n]]);
  expect(() => readFields(bytes, {})).not.toThrow();
});

test.each([
  ['a number that breaks off', '0896'],
  ['bytes that break off', '120774'],
  ['a number without end', '08ffffffffffffffffffffff01'],
  ['a field without a number', '00'],
  ['a group', '0b'],
  ['a length beyond 32 bits', '12ffffffffff7f'],
  ['eight bytes that are not there', '0901'],
])('%s is refused', (_, hex) => {
  expect(() => fieldsOf(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'corrupted' }));
});

test('noise gives fields or a Fault, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      try {
        for (const [number] of fieldsOf(Buffer.from(noise))) expect(number).toBeGreaterThan(0);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Fault);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('any fields come back as they were written', () => {
  const field = fc.tuple(
    fc.integer({ min: 1, max: 1_000 }),
    fc.oneof(fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }), fc.uint8Array({ minLength: 1 })),
  );
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const wanted = fields.map(([number, value]) => [number, typeof value === 'bigint' ? value : Buffer.from(value).toString('hex')]);
      expect(fieldsOf(message(fields))).toEqual(wanted);
    }),
  );
});
