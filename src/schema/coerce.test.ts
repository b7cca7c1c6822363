// What each field word takes: OpenBao's own answers, the tables of the contract, and that no refusal shows what was sent.

import { describe, expect, it } from 'vitest';
import { readVectors } from '../../test/vectors/vectors.ts';
import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import { coerce } from './coerce.ts';
import type { FieldKind } from './fields.ts';

const { cases } = readVectors<{ readonly cases: readonly (readonly [FieldKind, string, string | null])[] }>('openbao-coercion');

const read = (kind: FieldKind, value: unknown) => coerce('field', { kind, description: '' }, value);

function refusal(kind: FieldKind, value: unknown): string {
  try {
    read(kind, value);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('invalid-request');
    expect((thrown as Fault).message).toMatch(/^error converting input for field "field": /);
    return (thrown as Fault).message.slice('error converting input for field "field": '.length);
  }
  throw new Error(`${kind} took ${JSON.stringify(value)}`);
}

/** Where the answer is another one than OpenBao's, and why. Keys are kind and input; null is a refusal. */
const otherwise: Readonly<Record<string, string | null>> = {
  // Numbers beyond 2^53 cannot be counted with here.
  'integer "9223372036854775807"': null,
  'integers "9223372036854775807"': null,
  // Blanks around the numbers of a list harm nobody.
  'integers " 1"': '[1]',
  'integers "1, 2"': '[1,2]',
  // Nothing is an empty value, so that handlers need not ask twice.
  'duration null': '0',
  'map null': '{}',
  'pairs null': '{}',
  'pairs ""': '{}',
  // An object is no list, and a list of objects no object.
  'texts {}': null,
  'commas {}': null,
  'integers {}': null,
  'map [{"a":"b"}]': null,
  'pairs [{"a":"b"}]': null,
};

describe('inputs', () => {
  it('are taken as OpenBao takes them, but for the ones that are listed here', () => {
    const differing = new Set<string>();
    for (const [kind, input, theirs] of cases) {
      const name = `${kind} ${input}`;
      const expected = name in otherwise ? (otherwise[name] as string | null) : theirs;
      if (expected !== theirs) differing.add(name);
      if (expected === null) refusal(kind, parseJson(input));
      else expect(JSON.stringify(read(kind, parseJson(input))), name).toBe(expected);
    }
    expect(cases).toHaveLength(560);
    expect([...differing].sort()).toStrictEqual(Object.keys(otherwise).sort());
  });
});

describe('durations', () => {
  it.each([
    ['30', 30],
    ['"30"', 30],
    ['"1h30m"', 5400],
    ['"2d"', 172_800],
    ['"1500ms"', 1],
    ['"5000000us"', 5],
    ['""', 0],
    ['0', 0],
  ])('%s is %d seconds', (input, seconds) => expect(read('duration', parseJson(input))).toBe(seconds));

  it.each([
    ['-1', "cannot provide negative value '-1'"],
    ['"-1h"', "cannot provide negative value '-3600'"],
    ['"1y"', 'time: unknown unit "y" in duration "1y"'],
    ['"9999999h"', 'time: invalid duration "9999999h"'],
    ['1.5', 'time: missing unit in duration "1.5"'],
    ['1e300', 'time: unknown unit "e" in duration "1e300"'],
    ['true', 'could not parse duration from input'],
    ['[]', 'could not parse duration from input'],
    ['{}', 'could not parse duration from input'],
  ])('%s is refused', (input, message) => expect(refusal('duration', parseJson(input))).toBe(message));
});

describe('lists', () => {
  it('of texts are never split, so that a comma may stand in one', () => {
    expect(read('texts', 'name:X,type:System')).toStrictEqual(['name:X,type:System']);
    expect(read('texts', ['name:X,type:System', 'b'])).toStrictEqual(['name:X,type:System', 'b']);
    expect(read('texts', '["a"]')).toStrictEqual(['["a"]']);
  });

  it('with commas may be an array, a text with commas or a text that is a JSON array', () => {
    for (const input of [['a', 'b'], 'a,b', ' a , b ', '["a","b"]', '["a", " b "]', ['a ', ' b']])
      expect(read('commas', input)).toStrictEqual(['a', 'b']);
    expect(read('commas', '[a,b')).toStrictEqual(['[a', 'b']);
    expect(read('commas', '["a",1]')).toStrictEqual(['a', '1']);
    expect(read('commas', '[]')).toStrictEqual([]);
    expect(read('commas', '[12345678901234567890]')).toStrictEqual(['12345678901234567890']);
    expect(read('commas', ['a,b'])).toStrictEqual(['a,b']);
  });

  it('of integers take the same forms', () => {
    for (const input of [[1, '2'], '1,2', '[1,2]', '["1","2"]']) expect(read('integers', input)).toStrictEqual([1, 2]);
    expect(read('integers', 7)).toStrictEqual([7]);
    expect(read('integers', '')).toStrictEqual([]);
  });
});

describe('objects', () => {
  it('of texts may be written as key=value', () => {
    expect(read('pairs', ['a=1', 'b=c=d', 'e='])).toStrictEqual({ a: '1', b: 'c=d', e: '' });
    expect(read('pairs', 'a=1')).toStrictEqual({ a: '1' });
    expect(read('pairs', { a: 1, b: true, c: null })).toStrictEqual({ a: '1', b: '1', c: '' });
    expect(refusal('pairs', { a: { b: 1 } })).toBe("'' expected type 'string', got unconvertible type 'map[string]interface {}'");
  });

  it('may have any key and keep their prototype', () => {
    const made = read('pairs', JSON.parse('{"__proto__":"x","constructor":"y"}')) as object;
    expect(Object.keys(made)).toStrictEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(Object.getPrototypeOf(read('pairs', ['__proto__=x']) as object)).toBe(Object.prototype);
  });

  it('of any values are handed on as they came', () => {
    const value = { a: [1, { b: null }] };
    expect(read('map', value)).toBe(value);
    expect(read('any', value)).toBe(value);
    expect(read('any', null)).toBeNull();
  });
});

describe('texts, names, numbers and booleans', () => {
  it('keep the digits of long numbers', () => {
    expect(read('text', parseJson('12345678901234567890'))).toBe('12345678901234567890');
    expect(read('text', parseJson('1.50'))).toBe('1.50');
    expect(read('time', '2026-01-01T00:00:00Z')).toBe('2026-01-01T00:00:00Z');
  });

  it('fold names and leave texts as they are', () => {
    expect(read('name', 'My-Role')).toBe('my-role');
    expect(read('text', 'My-Role')).toBe('My-Role');
  });

  it.each(['9007199254740991', '-9007199254740991', '0', '+7', '007'])('count with %s', (digits) => {
    expect(read('integer', digits)).toBe(Number(digits));
  });

  it.each([
    ['9007199254740992', 'value out of range'],
    ['1e3', 'invalid syntax'],
    ['1.0', 'invalid syntax'],
    ['0x10', 'invalid syntax'],
    ['1_000', 'invalid syntax'],
    [' 1', 'invalid syntax'],
    ['-', 'invalid syntax'],
  ])('do not count with %j', (digits, reason) => {
    expect(refusal('integer', digits)).toBe(`'' cannot parse value as 'int': strconv.ParseInt: ${reason}`);
  });
});

it('never shows the value that it refuses', () => {
  const secret = 'hunter2';
  for (const kind of ['integer', 'bool', 'map', 'integers', 'pairs'] as const) expect(refusal(kind, secret)).not.toContain(secret);
  for (const kind of ['text', 'integer', 'bool', 'duration', 'texts', 'commas', 'integers'] as const)
    expect(refusal(kind, { [secret]: [secret] })).not.toContain(secret);
});

it('lets a failure that is none of the input pass', () => {
  const field = { kind: 'texts', description: '' } as const;
  const trap = new Proxy([1], {
    get() {
      throw new TypeError('trap');
    },
  });
  expect(() => coerce('field', field, trap)).toThrow(TypeError);
});
