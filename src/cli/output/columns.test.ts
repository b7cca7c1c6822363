// Columns are where scripts cut them.

import { describe, expect, it } from 'vitest';
import { columns, table } from './columns.ts';

describe('a table', () => {
  it('underlines its header and puts four blanks between columns', () => {
    const rows = [
      ['Key', 'Value'],
      ['seal type', 'shamir'],
      ['nonce', ''],
    ];
    expect(table(rows)).toBe(['Key          Value', '---          -----', 'seal type    shamir', 'nonce        n/a'].join('\n'));
  });

  it('has no blanks at the end of a line, and n/a where nothing stands', () => {
    expect(
      table([
        ['Path', 'Type', 'Description'],
        ['kv/', 'kv', ' '],
      ]),
    ).toBe(['Path    Type    Description', '----    ----    -----------', 'kv/     kv      n/a'].join('\n'));
  });

  it('counts characters, not bytes', () => {
    expect(
      columns([
        ['ä😀', '1'],
        ['abc', '2'],
      ]),
    ).toBe('ä😀     1\nabc    2');
  });

  it('without a header is columns alone', () => {
    expect(
      columns([
        ['Key Term', '1'],
        ['Encryption Count', '104'],
      ]),
    ).toBe('Key Term            1\nEncryption Count    104');
  });
});
