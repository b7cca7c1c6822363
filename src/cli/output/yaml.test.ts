// YAML gives back what went in: texts stay texts, several lines stay lines.

import { describe, expect, it } from 'vitest';
import { yaml } from './yaml.ts';

describe('YAML', () => {
  it('is what users of bao see', () => {
    const secret = new Map<string, unknown>([
      ['request_id', '2c9de3f7-8f0c-4b0e-9d33-5d3d2f6e6b1c'],
      ['lease_id', ''],
      ['lease_duration', 0],
      ['renewable', false],
      ['data', { data: { user: 'u2' }, metadata: { created_time: '2026-11-23T10:51:00Z', custom_metadata: null, destroyed: false } }],
      ['warnings', null],
    ]);
    expect(yaml(secret)).toBe(
      [
        'data:',
        '  data:',
        '    user: u2',
        '  metadata:',
        '    created_time: "2026-11-23T10:51:00Z"',
        '    custom_metadata: null',
        '    destroyed: false',
        'lease_duration: 0',
        'lease_id: ""',
        'renewable: false',
        'request_id: 2c9de3f7-8f0c-4b0e-9d33-5d3d2f6e6b1c',
        'warnings: null',
        '',
      ].join('\n'),
    );
  });

  it.each([
    '',
    '~',
    'null',
    'True',
    'no',
    'Y',
    'off',
    '1',
    '-1.5',
    '1e3',
    '0x1F',
    '010',
    '1_000',
    '12:30',
    '.inf',
    '2026-11-23',
    '<<',
    '=',
  ])('keeps the text %j from being read as something else', (text) => expect(yaml({ a: text })).toBe(`a: ${JSON.stringify(text)}\n`));

  it.each([
    ['a: b', "'a: b'"],
    ['it: "s', `'it: "s'`],
    ["'quoted'", "'''quoted'''"],
    ['#no', "'#no'"],
    ['a #b', "'a #b'"],
    ['- a', "'- a'"],
    ['*x', "'*x'"],
    ['@x', "'@x'"],
    [' a', "' a'"],
    ['a:', "'a:'"],
    ['a#b', 'a#b'],
    ['-a', '-a'],
    ['a:b', 'a:b'],
    ['tab\there', '"tab\\there"'],
    ['bell\u0007', '"bell\\u0007"'],
    ['schlüssel 😀', 'schlüssel 😀'],
  ])('writes %j as %s', (text, written) => expect(yaml([text])).toBe(`- ${written}\n`));

  it('writes several lines as a block that gives back each line end', () => {
    expect(yaml({ pem: 'a\n  b\n' })).toBe('pem: |\n  a\n    b\n');
    expect(yaml({ x: { pem: 'a\n\nb' } })).toBe('x:\n  pem: |-\n    a\n\n    b\n');
    expect(yaml(['a\nb\n\n'])).toBe('- |+\n  a\n  b\n\n');
    expect(yaml({ x: ' a\nb' })).toBe('x: " a\\nb"\n');
  });

  it('writes lists and objects in one another', () => {
    expect(yaml({ b: [1, [2, {}], { c: [], a: [3] }], '10': 1 })).toBe(
      ['"10": 1', 'b:', '- 1', '- - 2', '  - {}', '- a:', '  - 3', '  c: []', ''].join('\n'),
    );
  });

  it('writes a lone value on a line', () => {
    expect(yaml('yes')).toBe('"yes"\n');
    expect(yaml(JSON.rawJSON('12345678901234567890'))).toBe('12345678901234567890\n');
  });
});
