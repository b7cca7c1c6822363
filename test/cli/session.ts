// Command lines typed in a test: run in this process, with a home, an environment and a stdin of their own.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Output } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

export interface Typed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface SessionOptions {
  readonly address?: string;
  /** In the environment as VAULT_TOKEN. */
  readonly token?: string;
  /** The command's name; vault by default. */
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What stdin gives, for each command anew. */
  readonly stdin?: string;
  /** Stdout is a terminal. */
  readonly terminal?: boolean;
  /** Stdin is a terminal. */
  readonly typing?: boolean;
}

export interface Session {
  readonly home: string;
  /** One command line; words with blanks in them are given as such. */
  run(...words: string[]): Promise<Typed>;
  /** The same home with other options. */
  with(options: SessionOptions): Session;
  end(): void;
}

export function session(options: SessionOptions = {}): Session {
  return sessionIn(mkdtempSync(join(tmpdir(), 'casemate-session-')), options);
}

function sessionIn(home: string, options: SessionOptions): Session {
  return {
    home,
    run: (...words) => typed(home, options, words),
    with: (changes) => sessionIn(home, { ...options, ...changes }),
    end: () => rmSync(home, { recursive: true, force: true }),
  };
}

async function typed(home: string, options: SessionOptions, words: readonly string[]): Promise<Typed> {
  const { address, token, name = 'vault', env = {}, stdin = '', terminal = false, typing = false } = options;
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const lines = stdin === '' ? [] : stdin.replace(/\n$/, '').split('\n');
  const output = (chunks: Buffer[], isTerminal: boolean): Output => ({ isTerminal, write: (text) => void chunks.push(Buffer.from(text)) });
  const code = await run({
    name,
    words,
    env: { ...(address === undefined ? {} : { VAULT_ADDR: address }), ...(token === undefined ? {} : { VAULT_TOKEN: token }), ...env },
    home,
    stdin: { isTerminal: typing, text: async () => stdin, line: async () => lines.shift() },
    stdout: output(out, terminal),
    stderr: output(err, terminal),
    signal: new AbortController().signal,
  });
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}
