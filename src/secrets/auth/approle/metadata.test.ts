// The metadata of a secret id in every form that clients send it.

import { describe, expect, it } from 'vitest';
import { parseMetadata } from './metadata.ts';

describe('metadata', () => {
  it.each<[unknown, Record<string, string>]>([
    [undefined, {}],
    [null, {}],
    ['', {}],
    [' ', {}],
    [{}, {}],
    [
      { tag: '1', count: 2, on: true },
      { tag: '1', count: '2', on: 'true' },
    ],
    ['{"tag":"1","count":2}', { tag: '1', count: '2' }],
    [Buffer.from('{"tag":"1"}').toString('base64'), { tag: '1' }],
    ['tag=1', { tag: '1' }],
    [' tag = 1 , who=a=b ', { tag: '1', who: 'a=b' }],
  ])('%j is taken', (sent, wanted) => {
    expect(parseMetadata(sent)).toEqual(wanted);
  });

  it.each([['tag'], ['=1'], ['tag=1,secret'], ['{"tag":{"a":1}}'], ['{"tag":['], [['tag=1']], [7], [{ tag: null }]])(
    '%j is refused, and not repeated',
    (sent) => {
      expect(() => parseMetadata(sent)).toThrow(/^failed to parse metadata: (?!.*(?:secret|tag))/);
    },
  );
});
