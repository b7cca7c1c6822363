// Broken texts: told with their place, never repeated, and never more than a refusal whatever they are.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../fault.ts';
import { readConfig } from './reader.ts';
import { longestConfig } from './syntax.ts';

const marked = 'bWFya2VkLXNlY3JldC1tYXJrZWQtc2VjcmV0LW1hcm0';
const valid = `# a server
storage "lmdb" { path = "/data" }
listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = true
}
seal "static" {
  current_key = "${marked}"
}
audit "file" "a" {
  options { file_path = "stdout" }
}
default_lease_ttl = "1h"
`;
const validJson = JSON.stringify(
  {
    storage: { lmdb: { path: '/data' } },
    listener: [{ tcp: { address: '127.0.0.1:8200', tls_disable: true } }],
    seal: { static: { current_key: marked } },
    default_lease_ttl: '1h',
  },
  undefined,
  2,
);

function refusal(text: string): string | undefined {
  try {
    readConfig([{ path: 'vault.hcl', text }]);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'usage') return thrown.message;
    throw thrown;
  }
}

describe('a broken text', () => {
  it.each([
    ['storage "inmem" {', 'vault.hcl:1:18: the end of the file cannot stand here; write key = "text", key = 5'],
    ['ui = true\nlog_level info', 'vault.hcl:2:15: the end of the file cannot stand here'],
    ['ui = true\n  log_level: "info"', 'vault.hcl:2:12: a colon cannot stand here'],
    ['ui = yes', 'vault.hcl:1:6: a word cannot stand here'],
    ['}', 'vault.hcl:1:1: a closing brace cannot stand here'],
    ['a = [1 2]', 'vault.hcl:1:8: a number cannot stand here'],
    ['ui = true\npid_file = "/run', 'vault.hcl:2:12: the text cannot be read here: literal not terminated'],
    ['ui = true\n  @', 'vault.hcl:2:3: the text cannot be read here: illegal character "@"'],
    ['{"ui": true,\n  "ui" false}', "vault.hcl:2:8: failed to decode JSON input: invalid character 'f' after object key"],
    ['{"ui": yes}', "vault.hcl:1:8: failed to decode JSON input: invalid character 'y' looking for beginning of value"],
    ['{"ui": true', 'vault.hcl: failed to decode JSON input: unexpected EOF'],
    ['{"ui": true} x', "vault.hcl:1:14: failed to decode JSON input: invalid character 'x' after top-level value"],
    [`{"a": ${'['.repeat(80)}${']'.repeat(80)}}`, 'vault.hcl: failed to decode JSON input: nested deeper than 64 levels'],
  ])('is refused with its place: %s', (text, start) => {
    expect(refusal(text)?.slice(0, start.length)).toBe(start);
  });

  it.each([
    `current_key "${marked}"`,
    `current_key = ${marked}`,
    `current_key = "${marked}" "${marked}"`,
    `"${marked}"`,
    `current_key = "${marked}`,
    `a = [${marked}]`,
  ])('does not show what it holds: %s', (line) => {
    const message = refusal(`seal "static" {\n  ${line}\n}`);
    expect(message).toMatch(/^vault\.hcl:[23]:\d+: /);
    expect(message).not.toContain('bWFya');
  });

  it('is refused when it is longer than any configuration', () => {
    expect(refusal('#'.repeat(longestConfig + 1))).toBe('vault.hcl: a configuration file has 128 KiB at most');
    expect(refusal(`${valid}${'#'.repeat(longestConfig - valid.length)}`)).toBeUndefined();
  });
});

describe('any text', () => {
  const words = fc.constantFrom(
    ...[
      'storage',
      'listener',
      'seal',
      'audit',
      'telemetry',
      'options',
      'address',
      'tls_disable',
      'ui',
      'path',
      '"tcp"',
      '"inmem"',
      '"static"',
    ],
    ...[
      '"file"',
      '{',
      '}',
      '[',
      ']',
      '=',
      ',',
      ':',
      '"',
      '<<A\n',
      'A\n',
      '\n',
      '#',
      '/*',
      '*/',
      '//',
      '1',
      '-1',
      '0x',
      '1e9',
      'true',
      '""',
      '\\u0000',
    ],
    ...['"127.0.0.1:1"', 'null', '__proto__', '\uFEFF', '\u2028', '\uD800', '${'],
  );
  const soup = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(' '));
  const json = fc.json({ maxDepth: 6 });
  const shapes = fc.record(
    Object.fromEntries(
      [
        'storage',
        'backend',
        'listener',
        'seal',
        'audit',
        'telemetry',
        'ui',
        'api_addr',
        'default_lease_ttl',
        'cache_bytes',
        'log_level',
        'user_lockout',
      ].map((key) => [
        key,
        fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom({ inmem: {} }, [{ tcp: { tls_disable: true } }], { static: {} })),
      ]),
    ),
    { requiredKeys: [] },
  );

  it('is taken or refused, and nothing else happens', () => {
    const outcomes = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          soup,
          json,
          fc.string({ unit: 'binary', maxLength: 200 }),
          shapes.map((shape) => JSON.stringify(shape)),
        ),
        (text) => {
          outcomes[refusal(text) === undefined ? 'taken' : 'refused'] += 1;
        },
      ),
      { numRuns: 3000 },
    );
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  it('that is nearly a configuration does not give its key away', () => {
    const near = fc.record({
      text: fc.constantFrom(valid, validJson),
      cuts: fc.array(
        fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(3), put: fc.oneof(fc.constant(''), words) }),
        { maxLength: 4 },
      ),
    });
    let refused = 0;
    fc.assert(
      fc.property(near, ({ text, cuts }) => {
        let broken = text;
        for (const { at, drop, put } of cuts) {
          const from = Math.floor(at * broken.length);
          broken = broken.slice(0, from) + put + broken.slice(from + drop);
        }
        const message = refusal(broken);
        if (message === undefined) return;
        refused += 1;
        expect(message).not.toMatch(/bWFya2|c2VjcmV0|bWFya2Vk/);
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it.each([
    ['slashes', `audit "file" "x${'/'.repeat(100_000)}x" { options { file_path = "stdout" } }`],
    ['blanks', `api_addr = "${' '.repeat(100_000)}"`],
    ['colons', `listener "tcp" { address = "${':'.repeat(100_000)}" }`],
    ['digits', `default_lease_ttl = "${'1'.repeat(100_000)}"`],
    ['units', `default_lease_ttl = "${'1ns'.repeat(30_000)}"`],
    ['stanzas', 'ui { }\n'.repeat(15_000)],
    ['opened braces', 'a {'.repeat(40_000)],
    ['JSON that breaks off', `{${'"a":[1,2,3],'.repeat(9_000)}`],
  ])('of 100,000 %s is read in no time', (_name, text) => {
    const before = performance.now();
    refusal(text.startsWith('{') ? text : `storage "inmem" {}\nlistener "tcp" { tls_disable = true }\n${text}`);
    expect(performance.now() - before).toBeLessThan(3000);
  });
});
