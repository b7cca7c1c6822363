// HCL laid out anew means what it meant, and keeps its comments.

import { describe, expect, it } from 'vitest';
import { laidOut } from './layout.ts';

describe('HCL that is laid out anew', () => {
  it.each([
    ['indents each level by two', 'a "b" {\n\tc {\nd=1\n}\n}', 'a "b" {\n  c {\n    d = 1\n  }\n}\n'],
    [
      'leaves a block on one line where it is',
      'path   "x"{capabilities=["read","list"]}',
      'path "x" { capabilities = ["read", "list"] }\n',
    ],
    ['puts the equals signs of neighbours below one another', 'a = 1\nlong = 2\n\nb = 3', 'a    = 1\nlong = 2\n\nb = 3\n'],
    ['but not over levels', 'x {\na = 1\n}\nlonger = 2', 'x {\n  a = 1\n}\nlonger = 2\n'],
    ['keeps one empty line of several, and none at the ends', '\n\na = 1\n\n\n\nb = 2\n\n', 'a = 1\n\nb = 2\n'],
    [
      'keeps comments of every kind',
      '# one\na = 1 // two\n/* three\n   four */\nb = 2#five',
      '# one\na = 1 // two\n/* three\n   four */\nb = 2 #five\n',
    ],
    ['leaves strings alone', 'a = "x  =  {[ # // /* \\" ]}"', 'a = "x  =  {[ # // /* \\" ]}"\n'],
    [
      'leaves heredocs alone',
      'x {\na=<<EOF\n  b = {\n# no comment\nEOF\nlong = 2\n}',
      'x {\n  a = <<EOF\n  b = {\n# no comment\nEOF\n  long = 2\n}\n',
    ],
    ['indents lists over several lines', 'a = [\n"b",\n"c",\n]', 'a = [\n  "b",\n  "c",\n]\n'],
    ['takes the line ends of Windows', 'a = 1\r\nb {\r\n}\r\n', 'a = 1\nb {\n}\n'],
    ['has nothing for an empty block to hold', 'a { }', 'a {}\n'],
  ])('%s', (_what, before, after) => {
    expect(laidOut(before)).toBe(after);
    expect(laidOut(after)).toBe(after);
  });

  it.each(['a = ', '{"path":{}}', 'a { b = 1', '"unfinished'])('is refused for %j', (text) => {
    expect(() => laidOut(text)).toThrow(/^At \d+:\d+: /);
  });
});
