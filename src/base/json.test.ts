// JSON from strangers: what is read, what is refused and in which words, and that nothing of it can do harm.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors } from '../../test/vectors/vectors.ts';
import { Fault } from './fault.ts';
import { describeSyntaxError, parseJson } from './json.ts';

const go = readVectors<{ readonly cases: readonly { readonly input: string; readonly error: string }[] }>('go-json-errors');

const prefix = 'failed to decode JSON input: ';

function refusal(text: string, ...limits: [] | [{ depth: number; members: number }]): string {
  try {
    parseJson(text, ...limits);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('invalid-request');
    expect((thrown as Fault).message.startsWith(prefix)).toBe(true);
    return (thrown as Fault).message.slice(prefix.length);
  }
  throw new Error('the text was accepted');
}

/** What comes out when the value is sent on. */
const again = (text: string) => JSON.stringify(parseJson(text));

describe('numbers', () => {
  it.each([
    '12345678901234567890',
    '-12345678901234567890',
    '9007199254740993',
    '0.1',
    '1.0',
    '1.10',
    '-0',
    '-0.0',
    '1e5',
    '1E400',
    '-1e-400',
    '1e+2',
    '3.141592653589793238462643383279',
    `1${'0'.repeat(5000)}`,
  ])('stay as they were typed: %s', (number) => {
    expect(again(number)).toBe(number);
    expect(again(`{"a":[${number}]}`)).toBe(`{"a":[${number}]}`);
  });

  it('are plain numbers where nothing is lost', () => {
    expect(parseJson('{"a":[1,-5,0,1.5,123456789012345,9007199254740992]}')).toStrictEqual({
      a: [1, -5, 0, 1.5, 123_456_789_012_345, 9_007_199_254_740_992],
    });
  });

  it('are not confused with objects that look like kept numbers', () => {
    expect(parseJson('{"rawJSON":"1.0"}')).toStrictEqual({ rawJSON: '1.0' });
    expect(JSON.isRawJSON(parseJson('{"rawJSON":"1.0"}'))).toBe(false);
    expect(JSON.isRawJSON(parseJson('1.0'))).toBe(true);
  });

  it('inside strings are left alone', () => {
    expect(parseJson('["12345678901234567890","1.0"]')).toStrictEqual(['12345678901234567890', '1.0']);
  });
});

describe('errors', () => {
  it("are told in the words of Go's decoder", () => {
    for (const { input, error } of go.cases) expect(refusal(input), JSON.stringify(input)).toBe(error);
    expect(go.cases).toHaveLength(97);
  });

  it('show one character at most of what was sent', () => {
    expect(refusal('{"password":hunter2}')).toBe("invalid character 'h' looking for beginning of value");
    expect(refusal('{"token":"hvs.secret')).toBe('unexpected EOF');
  });
});

describe('hostile texts', () => {
  it('may be nested as deep as allowed and no deeper', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(300))).toBeInstanceOf(Array);
    expect(refusal(nested(301))).toBe('nested deeper than 300 levels');
    expect(refusal('{"a":'.repeat(301))).toBe('nested deeper than 300 levels');
    expect(refusal('['.repeat(5_000_000))).toBe('nested deeper than 300 levels');
    expect(refusal('[[1]]', { depth: 1, members: 9 })).toBe('nested deeper than 1 levels');
    expect(parseJson('[[1]]', { depth: 2, members: 9 })).toStrictEqual([[1]]);
  });

  it('may have as many members as allowed and no more', () => {
    const many = (count: number) => `[${Array.from({ length: count }, () => 0).join(',')}]`;
    expect(parseJson(many(100_000))).toHaveLength(100_000);
    expect(refusal(many(100_001))).toBe('more than 100000 members');
    expect(refusal(`{${many(3).slice(1, -1).replaceAll('0', '"a":[1,2]')}}`, { depth: 9, members: 5 })).toBe('more than 5 members');
  });

  it('do not count what stands in strings', () => {
    const limits = { depth: 2, members: 3 };
    expect(parseJson('["[[[[[[{{{{{,,,,,,,"]', limits)).toStrictEqual(['[[[[[[{{{{{,,,,,,,']);
    expect(parseJson('["\\"[[[[,,,,,","\\\\"]', limits)).toStrictEqual(['"[[[[,,,,,', '\\']);
    expect(refusal('["\\\\",[[[]]]]', limits)).toBe('nested deeper than 2 levels');
  });

  it('leave every object its prototype', () => {
    const read = parseJson('{"__proto__":{"admin":true},"constructor":1,"n":1.0}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.keys(read)).toStrictEqual(['__proto__', 'constructor', 'n']);
    expect('admin' in read).toBe(false);
    expect('admin' in {}).toBe(false);
  });

  it('keep NUL, lone surrogates and every escape', () => {
    expect(parseJson('"\\u0000\\ud800x\\udc00\\b\\f\\n\\r\\t\\/\\"\\\\"')).toBe('\0\ud800x\udc00\b\f\n\r\t/"\\');
    expect(again('"\\ud800"')).toBe('"\\ud800"');
    expect(refusal('"\ud800')).toBe('unexpected EOF');
    expect(refusal('\ud800')).toBe("invalid character 'ï' looking for beginning of value");
  });

  it('let the last of two equal keys win, as Go does', () => {
    expect(parseJson('{"a":1,"a":2}')).toStrictEqual({ a: 2 });
  });

  it.each([
    ['quotes after backslashes', `"${'\\\\'.repeat(2_000_000)}`],
    ['escaped quotes', `["${'\\"'.repeat(2_000_000)}`],
    ['digits', `${'1'.repeat(4_000_000)}x`],
    ['spaces', ' '.repeat(4_000_000)],
    ['a broken end', `["${'a'.repeat(4_000_000)}",]`],
  ])('take no more than a moment: %s', (_what, text) => {
    const started = performance.now();
    refusal(text);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('any text', () => {
  it('that is JSON is read as JSON.parse reads it, numbers apart', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), fc.constantFrom('', ' ', '\n\t\r '), (json, space) => {
        const text = `${space}${json}${space}`;
        expect(JSON.parse(JSON.stringify(parseJson(text)))).toStrictEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  const fragments = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '"a"',
    '1',
    '-',
    '.',
    'e',
    'true',
    'nul',
    ' ',
    '\n',
    '\0',
    'é',
    '😀',
    '\\u12',
    '0',
  );
  const noise = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragments, { maxLength: 20 }).map((parts) => parts.join('')),
  );
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.nat({ max: 2 }), fragments)
    .map(([json, at, cut, extra]) => json.slice(0, at % (json.length + 1)) + extra + json.slice((at % (json.length + 1)) + cut));

  it('is read or refused with a fault, just as JSON.parse decides', () => {
    fc.assert(
      fc.property(fc.oneof(noise, broken), (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        if (valid) expect(() => parseJson(text)).not.toThrow();
        else expect(refusal(text)).not.toBe('');
      }),
      { numRuns: 2000 },
    );
  });

  it('that ended too early, and no other, is called so', () => {
    fc.assert(
      fc.property(fc.oneof(noise, broken), (text) => {
        if (isJson(text)) return;
        const told = describeSyntaxError(text);
        // A character that can stand nowhere outside a string shows whether the scanner had come to the end.
        const atEnd = told === 'EOF' || told === 'unexpected EOF';
        expect(describeSyntaxError(`${text}\u0001`) !== told).toBe(atEnd);
      }),
      { numRuns: 2000 },
    );
  });

  it('can be described, however deep', () => {
    expect(describeSyntaxError('['.repeat(1_000_000))).toBe('nested too deeply');
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof describeSyntaxError(text) === 'string'));
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
