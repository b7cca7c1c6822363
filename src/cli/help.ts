// Help texts: the list of commands, a group with its commands, a command with its flags.

import { formatGoDuration } from '../base/durations.ts';
import type { Command, Group } from './command.ts';
import { connectionFlags, detailedFlag, fieldFlag, formatFlag } from './common-flags.ts';
import { families } from './families.ts';
import type { Flag, Flags } from './flags.ts';
import { wrapped } from './output/wrap.ts';

/** All without a final line end. `line` is what was typed to get there: `casemate kv get`. */
export function topHelp(name: string): string {
  const listed = (common: boolean) =>
    families.filter((family) => (family.common === true) === common).map((family) => [family.name, family.synopsis] as const);
  return [
    `Usage: ${name} <command> [args]`,
    `Common commands:\n${synopses(listed(true))}`,
    `Other commands:\n${synopses(listed(false).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`,
    `"${name} <command> -h" tells about one of them.`,
  ].join('\n\n');
}

export function groupHelp(line: string, group: Group): string {
  const listed = Object.entries(group.commands).map(([name, entry]) => [name, entry.synopsis] as const);
  return [`Usage: ${line} <subcommand> [options] [args]`, ...prose(line, group), `Subcommands:\n${synopses(listed)}`].join('\n\n');
}

export function commandHelp(line: string, command: Command): string {
  return [
    `Usage: ${line} ${command.usage}`.trimEnd(),
    ...prose(line, command),
    ...section(line, 'Command Options', command.flags ?? {}),
    ...section(line, 'Output Options', outputFlags(command)),
    ...section(line, 'HTTP Options', connectionFlags),
    wrapped(environmentNote),
  ].join('\n\n');
}

/** -format, -field and -detailed, where the command has them. */
export function outputFlags({ output = {} }: Command): Flags {
  return { ...(output.field ? fieldFlag : {}), ...(output.format === false ? {} : formatFlag), ...(output.detailed ? detailedFlag : {}) };
}

function synopses(entries: readonly (readonly [string, string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, synopsis]) => `    ${name.padEnd(width)}    ${synopsis}`).join('\n');
}

function prose(line: string, { help, examples = {} }: Command | Group): readonly string[] {
  const program = line.split(' ')[0] as string;
  return [
    ...help.split(/\n\s*\n/).map((paragraph) => wrapped(paragraph, '  ')),
    ...Object.entries(examples).map(([what, words]) => `${wrapped(`${what}:`, '  ')}\n\n      $ ${program} ${words}`),
  ];
}

const environmentNote =
  'Variables of the environment are looked for under three names: CASEMATE_ADDR, then BAO_ADDR, then VAULT_ADDR, and so on. Flags count before them. The token is CASEMATE_TOKEN, BAO_TOKEN or VAULT_TOKEN, else that of the last login.';

function section(line: string, title: string, flags: Flags): readonly string[] {
  const shown = Object.entries(flags).filter(([, flag]) => flag.hidden !== true);
  if (shown.length === 0) return [];
  const lines = shown
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => `${named(name, flag)}\n${wrapped(described(flag, line), '      ')}`);
  return [`${title}:\n\n${lines.join('\n\n')}`];
}

export const placeholders = {
  text: '=<string>',
  bool: '',
  integer: '=<int>',
  duration: '=<duration>',
  texts: '=<string>',
  pairs: '=<key=value>',
};

function named(name: string, flag: Flag): string {
  const names = [...(flag.aliases ?? []), name].map((known) => `-${known}`);
  return `  ${names.join(', ')}${placeholders[flag.kind]}`;
}

/** What a flag does, its default and its variable. */
export function described({ help, kind, default: given, variable }: Flag, line: string): string {
  const value = kind === 'duration' && typeof given === 'number' ? formatGoDuration(given) : given;
  const isPlain = typeof value === 'string' || typeof value === 'number' || value === true;
  return [
    help,
    ...(isPlain ? [`The default is ${value}.`] : []),
    ...(variable === undefined ? [] : [`In the environment: ${variablePrefix(line)}${variable}.`]),
  ].join(' ');
}

/** Help under the name vault tells of VAULT_ADDR. */
function variablePrefix(line: string): string {
  return `${(line.split(' ')[0] as string).toUpperCase()}_`;
}

/** Of a program that is no command: it has flags of its own and speaks to no server. */
export function programHelp(line: string, program: Pick<Command, 'help' | 'examples' | 'flags'>): string {
  const name = line.split(' ')[0] as string;
  return [`Usage: ${line}`, ...prose(name, program as Command), ...section(name, 'Options', program.flags ?? {})].join('\n\n');
}
