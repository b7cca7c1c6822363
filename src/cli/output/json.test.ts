// JSON is what Go's encoder writes, byte by byte.

import { describe, expect, it } from 'vitest';
import { goJson } from './json.ts';

describe('JSON', () => {
  it('sorts the keys of objects as texts, also those that look like numbers', () => {
    expect(goJson({ b: 1, a: [], '10': {}, '9': null })).toBe('{\n  "10": {},\n  "9": null,\n  "a": [],\n  "b": 1\n}');
  });

  it('keeps the order of a Map and leaves out what is undefined', () => {
    const struct = new Map<string, unknown>([
      ['request_id', ''],
      ['auth', undefined],
      ['data', { z: [1, { y: true }] }],
    ]);
    expect(goJson(struct)).toBe(
      [
        '{',
        '  "request_id": "",',
        '  "data": {',
        '    "z": [',
        '      1,',
        '      {',
        '        "y": true',
        '      }',
        '    ]',
        '  }',
        '}',
      ].join('\n'),
    );
  });

  it('escapes what HTML would take for its own, and nothing else', () => {
    expect(goJson('<a&b>\u2028é"')).toBe('"\\u003ca\\u0026b\\u003e\\u2028é\\""');
  });

  it('keeps numbers as they were sent', () => {
    expect(goJson([JSON.rawJSON('1.0'), JSON.rawJSON('12345678901234567890')])).toBe('[\n  1.0,\n  12345678901234567890\n]');
  });
});
