// What a command is, and what it is handed. Read this before you add one.
//
// A family is a file in commands/ that exports a Command, or a Group of Commands (`kv`, with `get` and `metadata put` in
// it). One line in families.ts names it; it is loaded when it is called, so that no command pays for another.
//
//     export const read = command({
//       synopsis: 'Read data and secrets',
//       usage: '[options] PATH',
//       help: 'Reads what stands at a path. ...',
//       examples: { 'Read a secret': 'read secret/app' },
//       output: { field: true },
//       flags: { version: integer('Which version; the newest when left out.') },
//       async run(context) {
//         const [path] = context.expect(1);
//         const secret = await context.calling(`Error reading ${path}`, context.client().read(path));
//         if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
//         return context.showSecret(secret);
//       },
//     });
//
// - `run` resolves to the exit code: 0, or a code with a meaning of its own. To end with a sentence on stderr, throw
//   an Ending: 1 for wrong use, 2 for what the server refused or does not have.
// - Calls to the server go through `calling`, which puts a sentence before the refusal. Do not catch what it throws,
//   except a ResponseFault whose status means something to the command; -output-curl-string travels as an Ending.
// - Results go to stdout: `showSecret` and `showList` for answers; `show` for all else, where the same value is printed
//   as JSON or YAML and a function prints it for people. A sentence that only tells of success goes through `success`.
//   Warnings and questions go to stderr.
// - Tables are `table(rows)` and `columns(rows)` of output/columns.ts, cells `goText` of output/go-value.ts, sentences
//   that may be long `wrapped` of output/wrap.ts; the state of the seal is `showSealStatus` of seal-status.ts.
// - In values for `show`, an object is a Go map (keys sorted), a Map is a Go struct (keys in its order).
// - Tests type command lines with test/cli/session.ts, at a whole server of test/suites/server.ts; scripted-server.ts is
//   for failures that a real server does not make on demand. test/cli/help.test.ts runs over every command in the table.
// - Cells, fields, streams and exit codes are Vault's and OpenBao's: scripts depend on them. Sentences are our own.

import type { Client } from '../client/client.ts';
import type { Secret } from '../client/secret.ts';
import type { CommonValues, Format } from './common-flags.ts';
import type { Flags, FlagValues } from './flags.ts';
import type { Io } from './io.ts';
import type { TokenFile } from './token-file.ts';

/** Flags for the output beside the connection's. */
export interface OutputFlags {
  /** -field. */
  readonly field?: true;
  /** -detailed. */
  readonly detailed?: true;
  /** -format=raw makes sense here. */
  readonly raw?: true;
  /** No -format: what is printed is one line, or nothing. */
  readonly format?: false;
}

export interface Command<F extends Flags = Flags> {
  /** One line, without a full stop. */
  readonly synopsis: string;
  /** What stands behind the name: `[options] PATH [DATA K=V...]`. */
  readonly usage: string;
  /** Paragraphs, with an empty line between them; broken into lines when printed. */
  readonly help: string;
  /** What it does, and the line without the program's name. */
  readonly examples?: Readonly<Record<string, string>>;
  readonly flags?: F;
  readonly output?: OutputFlags;
  /** Exit code of a refused or failed call; 2 unless the command gives 2 a meaning of its own. */
  readonly failsWith?: 1;
  run(context: CommandContext<F>): Promise<number>;
}

export interface Group {
  readonly synopsis: string;
  readonly help: string;
  readonly examples?: Readonly<Record<string, string>>;
  readonly commands: Readonly<Record<string, Command | Group>>;
}

export interface CommandContext<F extends Flags = Flags> {
  readonly io: Io;
  /** `Vault`, `OpenBao` or `Casemate`: what users call the server under this name of the command. */
  readonly product: string;
  readonly flags: FlagValues<F>;
  readonly common: CommonValues;
  readonly args: readonly string[];
  readonly format: Format;
  readonly detailed: boolean;
  /** The file that logins write. */
  readonly tokens: TokenFile;

  /** The arguments, if there are as many as wanted; `most` is `least` by default. Throws Ending. */
  expect<N extends number>(least: N, most?: number): N extends 0 ? readonly string[] : readonly [string, ...string[]];
  /** The token that calls are made with: the environment's, else that of the last login. */
  token(): string | undefined;
  /** One client for the whole command. */
  client(): Client;
  /** Waits for a call; what goes wrong becomes an Ending `<what>: <refusal>`. */
  calling<T>(what: string, work: Promise<T>, exit?: 1 | 2 | 3): Promise<T>;
  /** `key=value` words as data of a body. */
  keyValues(words: readonly string[]): Promise<Record<string, unknown>>;
  /** `key=value` words as parameters of a query. */
  keyTexts(words: readonly string[]): Promise<Record<string, string | readonly string[]>>;
  /** Asks on the terminal, on stderr. Throws Ending where nobody can answer. */
  ask(question: string, options?: { readonly hidden: boolean }): Promise<string>;

  /** A line on stdout. */
  say(line: string): void;
  /** A line on stderr. */
  warn(line: string): void;
  /** A line on stdout for people: nothing where a program reads (-format other than table). */
  success(line: string): void;
  /** Prints an answer, or the field of it that -field names. Returns the exit code. */
  showSecret(secret: Secret): number;
  /** Prints the warnings of an answer on stderr, for what is shown by other means than showSecret. */
  showWarnings(secret: Secret): void;
  /** Prints the `keys` of a list. Returns the exit code. */
  showList(secret: Secret): number;
  /** Prints a value as JSON or YAML, or calls `people` where that is wanted. Returns 0. */
  show(value: unknown, people: () => void): number;
  /** Prints one value as -field does: without a line end, unless on a terminal. Returns the exit code. */
  showField(name: string, value: unknown): number;
}

/** Keeps the types of the flags. */
export function command<const F extends Flags>(spec: Command<F>): Command {
  return spec as unknown as Command;
}

export function isGroup(entry: Command | Group): entry is Group {
  return 'commands' in entry;
}

/** Path of an argument: without blanks and slashes around it. */
export function apiPath(argument: string): string {
  return argument.trim().replace(/^\/+|\/+$/g, '');
}
