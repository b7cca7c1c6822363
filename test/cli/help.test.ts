// Every command has help, examples that work, and stands in the list of commands with its own words.

import { describe, expect, it } from 'vitest';
import { type Command, type Group, isGroup } from '../../src/cli/command.ts';
import { connectionFlags } from '../../src/cli/common-flags.ts';
import { families } from '../../src/cli/families.ts';
import { parseFlags } from '../../src/cli/flags.ts';
import { commandHelp, groupHelp, outputFlags } from '../../src/cli/help.ts';

const loadable = await Promise.all(
  families.flatMap(({ name, synopsis, load }) => (load === undefined ? [] : [load().then((entry) => ({ name, synopsis, entry }))])),
);

/** All entries below one, with the words that lead to them. */
function below(words: string, entry: Command | Group): readonly (readonly [string, Command | Group])[] {
  const inner = isGroup(entry) ? Object.entries(entry.commands).flatMap(([name, next]) => below(`${words} ${name}`, next)) : [];
  return [[words, entry], ...inner];
}

const entries = loadable.flatMap(({ name, entry }) => below(name, entry));
const commands = new Map(entries.flatMap(([words, entry]) => (isGroup(entry) ? [] : [[words, entry] as const])));

/** Words of a line, with quotes around those that hold blanks. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/["']/g, ''));
}

function parsed(line: string): unknown {
  const words = wordsOf(line);
  for (let length = words.length; length > 0; length--) {
    const command = commands.get(words.slice(0, length).join(' '));
    if (command !== undefined) return parseFlags({ ...connectionFlags, ...outputFlags(command), ...command.flags }, words.slice(length));
  }
  return undefined;
}

describe('the list of commands', () => {
  it.each(loadable)('tells of $name what the command tells of itself', ({ synopsis, entry }) => expect(entry.synopsis).toBe(synopsis));
});

describe.each(entries)('help of %s', (words, entry) => {
  const text = isGroup(entry) ? groupHelp(`casemate ${words}`, entry) : commandHelp(`casemate ${words}`, entry);

  it('fits a terminal, and begins with what to type', () => {
    expect(text.startsWith(`Usage: casemate ${words} `) || text.startsWith(`Usage: casemate ${words}\n`)).toBe(true);
    const prose = text.split('\n').filter((line) => !line.startsWith('      $ ') && !line.startsWith('Usage: '));
    expect(prose.filter((line) => line.length > 100)).toEqual([]);
  });

  it('has examples whose commands and flags exist', () => {
    const examples = Object.values(entry.examples ?? {});
    if (!isGroup(entry) && !words.startsWith('version')) expect(examples).not.toEqual([]);
    for (const line of examples) expect(parsed(line), line).toBeDefined();
  });
});
