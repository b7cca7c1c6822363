// HCL as a tree, in both its forms; what is refused, with line and column; and that no text takes long.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readVectors } from '../../../test/vectors/vectors.ts';
import { Fault } from '../fault.ts';
import { blocksOf, type HclItem, type HclValue, parseHcl } from './parser.ts';

type PlainValue =
  | { readonly kind: string; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly PlainValue[] }
  | { readonly kind: 'object'; readonly items: readonly PlainItem[] };

interface PlainItem {
  readonly keys: readonly string[];
  readonly value: PlainValue;
}

interface HclCases {
  readonly cases: readonly ({ readonly input: string } & (
    | { readonly items: readonly PlainItem[]; readonly refused?: undefined }
    | { readonly refused: string; readonly items?: undefined }
  ))[];
}

const go = readVectors<HclCases>('hcl1');

/** Without positions. */
function plain(items: readonly HclItem[]): PlainItem[] {
  return items.map(({ keys, value }) => ({ keys, value: plainValue(value) }));
}

function plainValue(value: HclValue): PlainValue {
  if (value.kind === 'list') return { kind: 'list', items: value.items.map(plainValue) };
  if (value.kind === 'object') return { kind: 'object', items: plain(value.items) };
  return { kind: value.kind, text: value.text };
}

function refusal(source: string): string {
  try {
    parseHcl(source);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('invalid-request');
    return (thrown as Fault).message;
  }
  throw new Error(`${JSON.stringify(source.slice(0, 80))} was accepted`);
}

describe("Go's HCL 1", () => {
  it('reads the same from what it accepts', () => {
    const accepted = go.cases.filter(({ items }) => items !== undefined);
    for (const { input, items } of accepted) expect(plain(parseHcl(input)), JSON.stringify(input)).toStrictEqual(items);
    expect(accepted).toHaveLength(42);
  });

  it('and this one refuse the same texts', () => {
    const refused = go.cases.filter(({ input, refused }) => refused !== undefined && input !== '{ a = 1 }');
    for (const { input } of refused) expect(refusal(input), JSON.stringify(input)).toMatch(/^At \d+:\d+: /);
    expect(refused).toHaveLength(29);
  });
});

describe('what is refused', () => {
  it.each([
    ['a = ', 'At 1:5: Unknown token: 1:5 EOF'],
    ['a', "At 1:2: key 'a' expected start of object ('{') or assignment ('=')"],
    ['a\nb', "At 2:2: key 'a b' expected start of object ('{') or assignment ('=')"],
    ['a = b', 'At 1:5: Unknown token: 1:5 IDENT b'],
    ['= 1', 'At 1:1: expected: IDENT | STRING got: ASSIGN'],
    ['a = [1 2]', 'At 1:8: error parsing list, expected comma or list end, got: NUMBER'],
    ['a = [1', 'At 1:7: error parsing list, expected comma or list end, got: EOF'],
    ['a = [1,,2]', 'At 1:8: Unknown token: 1:8 COMMA ,'],
    ['path "x" {\n  capabilities = ["read"\n', 'At 3:1: error parsing list, expected comma or list end, got: EOF'],
    ['path "x" {\n  a = 1\n', 'At 3:1: object expected closing RBRACE got: EOF'],
    ['a = 1\n}', 'At 2:1: expected: IDENT | STRING got: RBRACE'],
    ['a "b" = 1', 'At 1:7: nested object expected: LBRACE got: ASSIGN'],
    ['1 = a', 'At 1:1: expected: IDENT | STRING got: NUMBER'],
    ['a : 1', "At 1:3: key 'a' expected start of object ('{') or assignment ('=')"],
    ['path "x" {\n  capabilities = ["read", "l\nist"]\n}', 'At 2:27: literal not terminated'],
    [`a = ${'['.repeat(65)}`, 'At 1:69: nested deeper than 64 levels'],
    [`${'a {\n'.repeat(65)}`, 'At 65:3: nested deeper than 64 levels'],
    ['{"a": }', "failed to decode JSON input: invalid character '}' looking for beginning of value"],
    [`{"a":${'['.repeat(64)}`, 'failed to decode JSON input: nested deeper than 64 levels'],
    [' '.repeat(4 * 1024 * 1024 + 1), 'At 1:1: the text is longer than 4 MiB'],
  ])('%j', (source, message) => {
    expect(refusal(source)).toBe(message);
  });

  it('may be 64 levels deep', () => {
    expect(parseHcl(`a = ${'['.repeat(64)}${']'.repeat(64)}`)).toHaveLength(1);
    expect(parseHcl(`${'a {'.repeat(64)}${'}'.repeat(64)}`)).toHaveLength(1);
    expect(parseHcl(`a = ${'['.repeat(64)}${']'.repeat(64)}\nb = ${'['.repeat(64)}${']'.repeat(64)}`)).toHaveLength(2);
  });
});

describe('the JSON form', () => {
  it('is the same tree as the other one', () => {
    const json = `{
      "path": {
        "secret/*": { "capabilities": ["read", "list"], "min_wrapping_ttl": 60, "long": 12345678901234567890, "on": true },
        "sys/*": { "policy": "write" }
      }
    }`;
    const hcl = `path {
      "secret/*" { capabilities = ["read", "list"] min_wrapping_ttl = 60 long = 12345678901234567890 on = true }
      "sys/*" { policy = "write" }
    }`;
    expect(plain(parseHcl(json))).toStrictEqual(plain(parseHcl(hcl)));
  });

  it('repeats a block for each object of a list', () => {
    expect(plain(parseHcl('{"path": [{"a": {"policy": "read"}}, {"b": {"policy": "write"}}]}'))).toStrictEqual(
      plain(parseHcl('path { a { policy = "read" } } path { b { policy = "write" } }')),
    );
    expect(plain(parseHcl('{"a": [], "b": [1, {}]}'))).toStrictEqual(plain(parseHcl('a = [] b = [1, {}]')));
  });

  it('has a text for every value', () => {
    expect(plain(parseHcl('{"a":null,"b":1.50,"c":false,"d":"","e":[null]}'))).toStrictEqual(
      plain(parseHcl('a = "" b = 1.50 c = false d = "" e = [""]')),
    );
  });

  it('knows where a key stands', () => {
    const [item] = parseHcl('{\n  "path": {\n    "a": 1\n  }\n}');
    expect(item?.position).toMatchObject({ line: 2, column: 3 });
    const inner = item?.value.kind === 'object' ? item.value.items[0] : undefined;
    expect(inner?.position).toMatchObject({ line: 3, column: 5 });
    expect(parseHcl('{"\\u0061": 1}')[0]?.position).toMatchObject({ line: 1, column: 1 });
  });

  it('leaves every object its prototype', () => {
    expect(plain(parseHcl('{"__proto__": {"a": 1}}'))).toStrictEqual(plain(parseHcl('__proto__ { a = 1 }')));
  });
});

describe('blocks', () => {
  const found = (source: string, labels: number) =>
    parseHcl(source).flatMap((item) => blocksOf(item, labels).map((block) => [block.labels, plain(block.body).map(({ keys }) => keys[0])]));

  it('have their labels beside the key or as keys inside', () => {
    const expected = [[['a'], ['policy', 'min']]];
    expect(found('path "a" { policy = "read" min = 1 }', 1)).toStrictEqual(expected);
    expect(found('path { "a" { policy = "read" min = 1 } }', 1)).toStrictEqual(expected);
    expect(found('path = { a = { policy = "read" min = 1 } }', 1)).toStrictEqual(expected);
    expect(found('path = [{ a = { policy = "read" min = 1 } }]', 1)).toStrictEqual(expected);
    expect(found('{"path": {"a": {"policy": "read", "min": 1}}}', 1)).toStrictEqual(expected);
    expect(found('{"path": [{"a": [{"policy": "read", "min": 1}]}]}', 1)).toStrictEqual(expected);
  });

  it('may have none or several', () => {
    expect(found('listener { x = 1 }', 0)).toStrictEqual([[[], ['x']]]);
    expect(found('a "b" { c { x = 1 } d { y = 1 } }', 2)).toStrictEqual([
      [['b', 'c'], ['x']],
      [['b', 'd'], ['y']],
    ]);
    expect(found('path {}', 1)).toStrictEqual([]);
  });

  it('are refused where a value stands', () => {
    const told = (source: string, labels: number) => {
      try {
        return parseHcl(source).flatMap((item) => blocksOf(item, labels));
      } catch (thrown) {
        return (thrown as Fault).message;
      }
    };
    expect(told('\n path = "a"', 1)).toBe('At 2:2: path must be a block');
    expect(told('path { a = 1 }', 1)).toBe('At 1:1: path must be a block');
    expect(told('path = [1]', 1)).toBe('At 1:1: path must be a block');
    expect(told('{"x": {},\n "path": {"a": true}}', 1)).toBe('At 2:2: path must be a block');
  });
});

describe('any text', () => {
  const valid = [
    'path "secret/data/*" {\n  capabilities = ["create", "read"] # comment\n  allowed_parameters = {\n    "foo" = ["bar", 1, true]\n  }\n}\n',
    'path "a" { policy = "write" }\n/* b */ path "c/+/d" { min_wrapping_ttl = "1h" }\n',
    'a = <<-EOF\n    one\n    EOF\nb = -1.5e3\nc = "\\u00e9\\n"\n',
    '{"path": {"secret/*": {"capabilities": ["read"], "required_parameters": ["a"]}}}',
  ];
  const scraps = fc.constantFrom(
    '"',
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    '#',
    '/*',
    '*/',
    '//',
    '<<EOF\n',
    'EOF',
    '\n',
    '\\',
    '\\u',
    ' ',
    'a',
    '1',
    '-',
    'true',
    '\0',
    '😀',
    '\ud800',
  );
  const mutated = fc
    .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), scraps), { minLength: 1, maxLength: 4 }))
    .map(([text, edits]) =>
      edits.reduce((now, [place, cut, scrap]) => {
        const at = place % (now.length + 1);
        return now.slice(0, at) + scrap + now.slice(at + cut);
      }, text),
    );
  const noise = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(scraps, { maxLength: 30 }).map((parts) => parts.join('')),
  );

  it('is parsed or refused with a fault, at once', () => {
    fc.assert(
      fc.property(fc.oneof(noise, mutated), (text) => {
        const started = performance.now();
        try {
          for (const item of parseHcl(text)) if (item.value.kind === 'object') blocksOf({ ...item, keys: item.keys.slice(0, 1) }, 0);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
          expect((thrown as Fault).message).toMatch(/^At \d+:\d+: |^failed to decode JSON input: /);
        }
        expect(performance.now() - started).toBeLessThan(1000);
      }),
      { numRuns: 3000 },
    );
  });

  it('of many JSON keys tells the place of each without delay', () => {
    const items = parseHcl(`{${Array.from({ length: 60_000 }, (_, index) => `"key${index}":{}`).join(',\n')}}`);
    const started = performance.now();
    expect(items.map(({ position }) => position.line)).toStrictEqual(items.map((_, index) => index + 1));
    expect(performance.now() - started).toBeLessThan(2500);
  });

  const size = 1_000_000;
  it.each([
    ['braces', '{'.repeat(size)],
    ['opened blocks', 'a{'.repeat(size / 2)],
    ['lists', `a = [${'1,'.repeat(size / 2)}]`],
    ['keys', 'a '.repeat(size / 2)],
    ['a long string', `a = "${'b'.repeat(size)}"`],
    ['escapes', `a = "${'\\n'.repeat(size / 2)}"`],
    ['a heredoc of many lines', `a = <<EOF\n${'x\n'.repeat(size / 2)}EOF\n`],
    ['a heredoc without an end', `a = <<EOF\n${'EOF \n'.repeat(size / 5)}`],
    ['many heredocs', `a = <<E\nE\n`.repeat(size / 10)],
    ['comments', '/**/'.repeat(size / 4)],
    ['lines', '\n'.repeat(size)],
    ['digits', `a = ${'1'.repeat(size)}`],
    ['JSON members', `{${Array.from({ length: 60_000 }, (_, index) => `"key${index}":{}`).join(',\n')}}`],
    ['JSON members with an escape', `{${Array.from({ length: 60_000 }, (_, index) => `"\\u006bey${index}":1`).join(',\n')}}`],
    ['JSON lists', `{"a":[${'{},'.repeat(60_000)}{}]}`],
  ])('of a megabyte takes no more than a moment: %s', (_what, text) => {
    // Of the processor's time: what else the machine does at that moment is not the parser's.
    const before = process.cpuUsage();
    try {
      parseHcl(text);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(Fault);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(2_500);
  });
});
