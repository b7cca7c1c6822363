// Makes what a command is handed: client, token, printing.

import { Fault } from '../base/fault.ts';
import { type Client, createClient } from '../client/client.ts';
import { clientOptions, variable } from '../client/environment.ts';
import type { Command, CommandContext } from './command.ts';
import { type CommonValues, connectionOf, type Format, headersOf, isDetailed } from './common-flags.ts';
import { curlLine } from './curl.ts';
import { Ending } from './ending.ts';
import type { Parsed } from './flags.ts';
import { type Io, productOf } from './io.ts';
import { parseKeyTexts, parseKeyValues } from './key-values.ts';
import { createPrinter } from './printer.ts';
import { tokenFile } from './token-file.ts';

export interface Prepared {
  readonly context: CommandContext;
  /** Ends what the command left open. */
  close(): void;
}

export function prepareContext(io: Io, command: Command, parsed: Parsed, format: Format): Prepared {
  const common = parsed.values as unknown as CommonValues;
  const failsWith = command.failsWith ?? 2;
  const tokens = tokenFile(io.home);
  const token = () => variable(io.env, 'TOKEN') ?? tokens.read();
  let client: Client | undefined;
  const open = (): Client => {
    const connection = connectionOf(common, io);
    return createClient({
      ...clientOptions({ ...connection, token: token() }),
      headers: headersOf(common, io),
      signal: io.signal,
      before: common['output-curl-string'] ? (outgoing) => endWith(curlLine(outgoing, connection, io.name)) : undefined,
    });
  };
  const stdin = () => (common['non-interactive'] ? Promise.resolve('') : io.stdin.text());
  const context: CommandContext = {
    io,
    product: productOf(io),
    flags: parsed.values,
    common,
    args: parsed.args,
    format,
    detailed: isDetailed(common, io.env),
    tokens,
    expect: (least, most = least) => counted(parsed.args, least, most) as never,
    token,
    client() {
      try {
        client ??= open();
        return client;
      } catch (thrown) {
        throw thrown instanceof Fault ? new Ending(thrown.message, failsWith, { cause: thrown }) : thrown;
      }
    },
    async calling(what, work, exit = failsWith) {
      try {
        return await work;
      } catch (thrown) {
        throw thrown instanceof Fault ? new Ending(`${what}: ${thrown.message}`, exit, { cause: thrown }) : thrown;
      }
    },
    keyValues: (words) => parseKeyValues(words, stdin),
    keyTexts: (words) => parseKeyTexts(words, stdin),
    ask: (question, options = { hidden: false }) => ask(io, common, question, options),
    ...createPrinter(io, format, common.field ?? '', isDetailed(common, io.env)),
  };
  return { context, close: () => client?.close() };
}

function endWith(line: string): never {
  throw new Ending(line, 0);
}

function counted(args: readonly string[], least: number, most: number): readonly string[] {
  const wanted = most === Number.POSITIVE_INFINITY ? `at least ${least}` : least === most ? `${least}` : `${least}-${most}`;
  if (args.length < least) throw new Ending(`Not enough arguments (expected ${wanted}, got ${args.length})`);
  if (args.length > most) throw new Ending(`Too many arguments (expected ${wanted}, got ${args.length})`);
  return args;
}

async function ask(io: Io, common: CommonValues, question: string, options: { readonly hidden: boolean }): Promise<string> {
  if (common['non-interactive']) throw new Ending('nobody may be asked on the terminal (-non-interactive): give it as an argument');
  if (io.stdin.isTerminal) io.stderr.write(`${question} `);
  const line = await io.stdin.line(options);
  if (io.stdin.isTerminal && options.hidden) io.stderr.write('\n');
  if (line === undefined) throw new Ending('the input ended before an answer came');
  return line.trim();
}
