// Runs one command line: finds the command, prints help, parses flags, turns what was thrown into a sentence and an exit code.

import { Fault } from '../base/fault.ts';
import { type Command, type Group, isGroup } from './command.ts';
import { connectionFlags, type Format, formatOf } from './common-flags.ts';
import { prepareContext } from './context.ts';
import { Ending } from './ending.ts';
import { families } from './families.ts';
import { type Flags, parseFlags } from './flags.ts';
import { commandHelp, groupHelp, outputFlags, topHelp } from './help.ts';
import type { Io } from './io.ts';

/** Resolves to the exit code and never rejects. */
export async function run(io: Io): Promise<number> {
  try {
    return await dispatch(io);
  } catch (thrown) {
    if (thrown instanceof Ending) {
      const stream = thrown.exit === 0 ? io.stdout : io.stderr;
      stream.write(`${thrown.message}\n`);
      return thrown.exit;
    }
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    io.stderr.write(thrown instanceof Fault ? `${message}\n` : `The command failed through a fault of its own: ${message}\n`);
    return thrown instanceof Fault && thrown.code !== 'usage' ? 2 : 1;
  }
}

async function dispatch(io: Io): Promise<number> {
  const [first, ...rest] = io.words;
  const asks = await shellAsks(io);
  if (asks !== undefined) return asks;
  const wantsHelp = beforeDashes(io.words).some((word) => ['-h', '-help', '--h', '--help'].includes(word));
  if (io.words.length === 1 && ['-v', '-version', '--version'].includes(first ?? '')) return dispatch({ ...io, words: ['version'] });
  const family = families.find(({ name }) => name === first);
  if (family?.load !== undefined) return descend(io, `${io.name} ${first}`, await family.load(), rest, wantsHelp);
  if (wantsHelp && (first === undefined || first.startsWith('-'))) {
    io.stdout.write(`${topHelp(io.name)}\n`);
    return 0;
  }
  if (first?.startsWith('-') === true)
    throw new Ending('Invalid flags before the subcommand. If these flags are for the subcommand, please put them after the subcommand.');
  throw new Ending(topHelp(io.name), 127);
}

/** A shell that completes a line puts it into the environment; undefined where none does. */
async function shellAsks({ env, words, home, name, stdout }: Io): Promise<number | undefined> {
  const line = env['COMP_LINE'];
  if (line !== undefined && line !== '') {
    const { completions } = await import('./completion.ts');
    const point = Number(env['COMP_POINT'] ?? '');
    const offered = await completions(line, point > 0 ? point : line.length);
    stdout.write(offered.map((word) => `${word}\n`).join(''));
    return 0;
  }
  const wanted = words.length === 1 ? /^--?autocomplete-(install|uninstall)$/.exec(words[0] as string)?.[1] : undefined;
  if (wanted === undefined) return undefined;
  const { installCompletion, uninstallCompletion } = await import('./shells.ts');
  const files = wanted === 'install' ? installCompletion(home, name, env['CASEMATE_COMMAND'] ?? name) : uninstallCompletion(home, name);
  const done = wanted === 'install' ? 'is set up in' : 'was taken out of';
  stdout.write(files.length === 0 ? 'Nothing had to be changed.\n' : `Completion ${done} ${files.join(', ')}. New shells know it.\n`);
  return 0;
}

function beforeDashes(words: readonly string[]): readonly string[] {
  const at = words.indexOf('--');
  return at < 0 ? words : words.slice(0, at);
}

async function descend(io: Io, line: string, entry: Command | Group, words: readonly string[], wantsHelp: boolean): Promise<number> {
  if (!isGroup(entry)) {
    if (!wantsHelp) return start(io, entry, words);
    io.stdout.write(`${commandHelp(line, entry)}\n`);
    return 0;
  }
  const [first, ...rest] = words;
  const next = first !== undefined && Object.hasOwn(entry.commands, first) ? entry.commands[first] : undefined;
  if (next !== undefined) return descend(io, `${line} ${first}`, next, rest, wantsHelp);
  if (!wantsHelp) throw new Ending(groupHelp(line, entry));
  io.stdout.write(`${groupHelp(line, entry)}\n`);
  return 0;
}

async function start(io: Io, command: Command, words: readonly string[]): Promise<number> {
  const flags: Flags = { ...connectionFlags, ...outputFlags(command), ...command.flags };
  const parsed = parseFlags(flags, words);
  const format: Format = formatOf(parsed.values, io.env);
  if (format === 'raw' && command.output?.raw !== true) throw new Ending('This command does not support the -format=raw option.');
  const late = beforeDashes(parsed.args).filter((word) => word.startsWith('-') && word !== '-');
  if (late.length > 0)
    io.stderr.write(
      `Command flags must be provided before positional arguments. The following arguments will not be parsed as flags: [${late.join(',')}]\n`,
    );
  const { context, close } = prepareContext(io, command, parsed, format);
  try {
    return await command.run(context);
  } finally {
    close();
  }
}
