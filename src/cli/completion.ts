// What may follow on a command line that is half typed: names of commands, and flags. Shells ask with the line in COMP_LINE.

import { type Command, type Group, isGroup } from './command.ts';
import { connectionFlags, formats } from './common-flags.ts';
import { families } from './families.ts';
import type { Flags } from './flags.ts';
import { outputFlags } from './help.ts';

/** Sorted, each one a whole word that begins as the last one of the line does. */
export async function completions(line: string, point: number = line.length): Promise<readonly string[]> {
  const words = line.slice(0, point).split(/\s+/);
  const typed = words.slice(1, -1);
  const begun = words.length > 1 ? (words.at(-1) as string) : '';
  const offered = await offersAfter(typed, begun);
  return offered.filter((word) => word.startsWith(begun)).sort();
}

async function offersAfter(typed: readonly string[], begun: string): Promise<readonly string[]> {
  const [first, ...rest] = typed;
  if (first === undefined) return families.map(({ name }) => name);
  const family = families.find(({ name }) => name === first);
  return family?.load === undefined ? [] : below(await family.load(), rest, begun);
}

function below(entry: Command | Group, typed: readonly string[], begun: string): readonly string[] {
  if (!isGroup(entry)) return flagsFor(entry, typed.at(-1), begun);
  const [first, ...rest] = typed;
  if (first === undefined) return Object.keys(entry.commands);
  const next = Object.hasOwn(entry.commands, first) ? entry.commands[first] : undefined;
  return next === undefined ? [] : below(next, rest, begun);
}

function flagsFor(command: Command, before: string | undefined, begun: string): readonly string[] {
  const flags: Flags = { ...connectionFlags, ...outputFlags(command), ...command.flags };
  if ('format' in flags && /^--?format$/.test(before ?? '')) return formats;
  const dashes = begun.startsWith('--') ? '--' : '-';
  if (/^--?format=/.test(begun) && 'format' in flags) return formats.map((format) => `${dashes}format=${format}`);
  if (!begun.startsWith('-')) return [];
  return Object.entries(flags).flatMap(([name, { hidden, kind, aliases = [] }]) =>
    hidden === true ? [] : [name, ...aliases].map((known) => `${dashes}${known}${kind === 'bool' ? '' : '='}`),
  );
}
