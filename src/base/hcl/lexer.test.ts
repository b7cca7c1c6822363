// HCL in tokens: kinds, texts, positions, and where a text is refused.

import { describe, expect, it } from 'vitest';
import { Fault } from '../fault.ts';
import { errorAt, lex } from './lexer.ts';

const kinds = (source: string) => lex(source).map(({ kind }) => kind);
const texts = (source: string) => lex(source).map(({ text }) => text);
const places = (source: string) => lex(source).map(({ line, column }) => `${line}:${column}`);

function refusal(source: string): string {
  try {
    lex(source);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('invalid-request');
    return (thrown as Fault).message;
  }
  throw new Error(`${JSON.stringify(source)} was accepted`);
}

describe('tokens', () => {
  it('have their kind and end with the end', () => {
    expect(kinds('a = [1, "b", true] { } x: falsey')).toStrictEqual([
      'identifier',
      '=',
      '[',
      'number',
      ',',
      'string',
      ',',
      'bool',
      ']',
      '{',
      '}',
      'identifier',
      ':',
      'identifier',
      'end',
    ]);
    expect(kinds('')).toStrictEqual(['end']);
  });

  it('know their line and column', () => {
    expect(places('a = 1\n  b "c" {\n\t}')).toStrictEqual(['1:1', '1:3', '1:5', '2:3', '2:5', '2:9', '3:2', '3:3']);
    expect(places('/* a\nb */ c # d\ne')).toStrictEqual(['2:6', '3:1', '3:2']);
    expect(places('a = <<X\none\nX\nb')).toStrictEqual(['1:1', '1:3', '1:5', '4:1', '4:2']);
    expect(places('a\r\nb\n\n\nc')).toStrictEqual(['1:1', '2:1', '5:1', '5:2']);
  });

  it('do not need blanks between them', () => {
    expect(texts('a="b"c{d=1}')).toStrictEqual(['a', '=', 'b', 'c', '{', 'd', '=', '1', '}', 'EOF']);
  });
});

describe('comments', () => {
  it.each(['# a "b" {', '// a "b" {', '/* a "b" { */', '/**/', '/* * / \n */', '#', '//', '# a\n# b\n'])('are left out: %j', (comment) => {
    expect(kinds(comment)).toStrictEqual(['end']);
    expect(texts(`x ${comment}\ny`)).toStrictEqual(['x', 'y', 'EOF']);
  });

  it('do not begin inside strings', () => {
    expect(texts('"# a" "// b" "/* c */"')).toStrictEqual(['# a', '// b', '/* c */', 'EOF']);
  });

  it('of one kind do not end those of another', () => {
    expect(texts('# /*\na')).toStrictEqual(['a', 'EOF']);
    expect(texts('/* // */ a')).toStrictEqual(['a', 'EOF']);
  });
});

describe('strings', () => {
  it.each([
    ['"\\n\\t\\r\\a\\b\\f\\v"', '\n\t\r\u0007\b\f\v'],
    ['"\\"\\\\"', '"\\'],
    ['"\\u00e9"', 'é'],
    ['"\\U0001F600"', '😀'],
    ['"\\U0010ffff"', '\u{10ffff}'],
    ['"\\x41\\101\\0009"', 'AA\x009'],
    ['"é😀"', 'é😀'],
    ['"a\tb"', 'a\tb'],
    ['""', ''],
    ['"{{identity.entity.id}}"', '{{identity.entity.id}}'],
  ])('%s are read with their escapes', (source, text) => {
    expect(lex(source)[0]).toStrictEqual({ kind: 'string', text, line: 1, column: 1 });
    expect(lex(source)).toHaveLength(2);
  });
});

describe('numbers', () => {
  it.each(['0', '1', '-1', '1.5', '-1.5', '1e3', '1E-3', '1.5e+3', '0x1F', '-0xff', '12345678901234567890'])(
    '%s stay as written',
    (number) => {
      expect(lex(number)[0]).toMatchObject({ kind: 'number', text: number });
      expect(lex(number)).toHaveLength(2);
    },
  );
});

describe('heredocs', () => {
  it.each([
    ['<<EOF\none\n  two\nEOF\n', 'one\n  two\n'],
    ['<<EOF\nEOF\n', ''],
    ['<<EOF\n\nEOF\n', '\n'],
    ['<<EOF\none\nEOF', 'one\n'],
    ['<<EOF\r\none\r\nEOF\r\n', 'one\n'],
    ['<<EOF\none\n    EOF\n', 'one\n'],
    ['<<EOF\nEOF \nEOFx\nxEOF\nEOF\n', 'EOF \nEOFx\nxEOF\n'],
    ['<<EOF\n"a" # b \\n\nEOF\n', '"a" # b \\n\n'],
    ['<<-EOF\n    one\n      two\n    EOF\n', 'one\n  two\n'],
    ['<<-EOF\n\tone\n\tEOF\n', 'one\n'],
    ['<<-EOF\n  one\n      two\n    EOF\n', '  one\n      two\n'],
    ['<<-EOF\n  one\nEOF\n', '  one\n'],
  ])('%j', (source, text) => {
    expect(lex(source)[0]).toStrictEqual({ kind: 'string', text, line: 1, column: 1 });
    expect(lex(source)).toHaveLength(2);
  });
});

describe('what is refused', () => {
  it.each([
    ['a = "unterminated', 'At 1:5: literal not terminated'],
    ['a = "new\nline"', 'At 1:5: literal not terminated'],
    ['\n\n  "', 'At 3:3: literal not terminated'],
    ['"\\', 'At 1:3: illegal char escape'],
    ['a = "x\\q"', 'At 1:8: illegal char escape'],
    ['"\\u12"', 'At 1:3: illegal char escape'],
    ['"\\u12g4"', 'At 1:3: illegal char escape'],
    ['"\\U00110000"', 'At 1:3: illegal char escape'],
    ['"\\x4"', 'At 1:3: illegal char escape'],
    ['"\\18"', 'At 1:3: illegal char escape'],
    ['"\\400"', 'At 1:3: illegal char escape'],
    ['a\n/* b\nc', 'At 2:1: comment not terminated'],
    ['/*/', 'At 1:1: comment not terminated'],
    ['a = <<EOF\nno end', 'At 1:5: heredoc not terminated'],
    ['a = <<EOF\n', 'At 1:5: heredoc not terminated'],
    ['a = <<\nx\n', 'At 1:5: heredoc anchor not found'],
    ['a = <<EOF x\nEOF', 'At 1:5: heredoc anchor not found'],
    ['a = <EOF\nEOF', 'At 1:5: heredoc anchor not found'],
    ['a = <<-\n-\n', 'At 1:5: heredoc anchor not found'],
    ['a = -', 'At 1:5: illegal number'],
    ['a = @', 'At 1:5: illegal character "@"'],
    ['a / b', 'At 1:3: illegal character "/"'],
    ['a\n\0', 'At 2:1: illegal character "\\u0000"'],
    ['a = 😀', 'At 1:5: illegal character "😀"'],
    ["a = 'b'", 'At 1:5: illegal character "\'"'],
  ])('%j: %s', (source, message) => {
    expect(refusal(source)).toBe(message);
  });

  it('is told with its place', () => {
    expect(errorAt({ line: 3, column: 9 }, 'no')).toMatchObject({ code: 'invalid-request', message: 'At 3:9: no' });
  });
});
