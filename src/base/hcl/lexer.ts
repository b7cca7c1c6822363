// Cuts HCL 1 into tokens with their positions.

import { Fault } from '../fault.ts';

export type TokenKind = 'identifier' | 'string' | 'number' | 'bool' | '{' | '}' | '[' | ']' | '=' | ',' | ':' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Strings unescaped, everything else as written. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const punctuation = new Set(['{', '}', '[', ']', '=', ',', ':']);

/** Throws Fault `invalid-request`: `At 1:12: …`. */
export function lex(source: string): Token[] {
  return new Lexer(source).all();
}

export function errorAt(position: { readonly line: number; readonly column: number }, message: string): Fault {
  return new Fault('invalid-request', `At ${position.line}:${position.column}: ${message}`);
}

class Lexer {
  readonly #source: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(source: string) {
    // As Go's HCL does: a text is the same text with the line ends of Windows.
    this.#source = source.replaceAll('\r\n', '\n');
  }

  all(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      const token = this.#next();
      tokens.push(token);
      if (token.kind === 'end') return tokens;
    }
  }

  #next(): Token {
    this.#skipBlanks();
    const character = this.#source[this.#at];
    if (character === undefined) return this.#token('end', 'EOF');
    if (punctuation.has(character)) {
      const token = this.#token(character as TokenKind, character);
      this.#at += 1;
      return token;
    }
    if (character === '"') return this.#string();
    if (character === '<') return this.#heredoc();
    if (/[-0-9]/.test(character)) return this.#number();
    return this.#identifier();
  }

  #token(kind: TokenKind, text: string): Token {
    return { kind, text, line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #fail(message: string): Fault {
    return errorAt({ line: this.#line, column: this.#at - this.#lineStart + 1 }, message);
  }

  #newline(): void {
    this.#line += 1;
    this.#lineStart = this.#at + 1;
  }

  #skipBlanks(): void {
    for (;;) {
      const character = this.#source[this.#at];
      if (character === '\n') this.#newline();
      else if (character === '#' || this.#source.startsWith('//', this.#at)) {
        const end = this.#source.indexOf('\n', this.#at);
        this.#at = end < 0 ? this.#source.length : end;
        continue;
      } else if (this.#source.startsWith('/*', this.#at)) this.#skipBlockComment();
      else if (character === undefined || !/[\s\uFEFF]/.test(character)) return;
      this.#at += 1;
    }
  }

  /** Stops at the last character of the comment. */
  #skipBlockComment(): void {
    const end = this.#source.indexOf('*/', this.#at + 2);
    if (end < 0) throw this.#fail('comment not terminated');
    for (; this.#at < end; this.#at++) if (this.#source[this.#at] === '\n') this.#newline();
    this.#at += 1;
  }

  #matched(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source)?.[0];
  }

  #identifier(): Token {
    const text = this.#matched(/[\p{L}_][\p{L}\p{N}_.-]*/uy);
    if (text === undefined) throw this.#fail(`illegal character ${JSON.stringify(this.#matched(/./suy))}`);
    const token = this.#token(text === 'true' || text === 'false' ? 'bool' : 'identifier', text);
    this.#at += text.length;
    return token;
  }

  #number(): Token {
    const text = this.#matched(/-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/y);
    if (text === undefined) throw this.#fail('illegal number');
    const token = this.#token('number', text);
    this.#at += text.length;
    return token;
  }

  #string(): Token {
    const start = this.#token('string', '');
    let text = '';
    for (this.#at += 1; ; this.#at++) {
      const character = this.#source[this.#at];
      if (character === undefined || character === '\n') throw errorAt(start, 'literal not terminated');
      if (character === '"') break;
      text += character === '\\' ? this.#escape() : character;
    }
    this.#at += 1;
    return { ...start, text };
  }

  /** Stops at the last character of the escape. */
  #escape(): string {
    const simple: Readonly<Record<string, string>> = {
      n: '\n',
      t: '\t',
      r: '\r',
      a: '\u0007',
      b: '\b',
      f: '\f',
      v: '\v',
      '"': '"',
      '\\': '\\',
    };
    this.#at += 1;
    const character = this.#source[this.#at] ?? '';
    const plain = simple[character];
    if (plain !== undefined) return plain;
    const written = this.#matched(/u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-3][0-7]{2}/y);
    const code =
      written === undefined ? Number.NaN : /^\d/.test(written) ? Number.parseInt(written, 8) : Number.parseInt(written.slice(1), 16);
    if (written === undefined || code > 0x10ffff) throw this.#fail('illegal char escape');
    this.#at += written.length - 1;
    return String.fromCodePoint(code);
  }

  #heredoc(): Token {
    const start = this.#token('string', '');
    const opening = this.#matched(/<<-?[\p{L}\p{N}_]+\n/uy);
    if (opening === undefined) throw this.#fail('heredoc anchor not found');
    const indented = opening.startsWith('<<-');
    const anchor = opening.slice(indented ? 3 : 2, -1);
    const lines: string[] = [];
    this.#at += opening.length - 1;
    for (;;) {
      this.#newline();
      this.#at += 1;
      const end = this.#source.indexOf('\n', this.#at);
      const line = this.#source.slice(this.#at, end < 0 ? undefined : end);
      const isLast = line.trimStart() === anchor;
      this.#at = end < 0 ? this.#source.length : end;
      if (isLast) return { ...start, text: heredocText(lines, indented ? (/^[ \t]*/.exec(line)?.[0] ?? '') : '') };
      if (end < 0) throw errorAt(start, 'heredoc not terminated');
      lines.push(line);
    }
  }
}

/** With `<<-` the indentation of the closing anchor is taken off, if all lines have it. */
function heredocText(lines: readonly string[], indentation: string): string {
  const all = lines.every((line) => line.startsWith(indentation));
  return lines.map((line) => `${all ? line.slice(indentation.length) : line}\n`).join('');
}
