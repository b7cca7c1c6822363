// The reference page of the command: every command with what it takes, from the same tables as its help.

import { anchors, code, prose, table } from '../schema/reference.ts';
import { type Command, type Group, isGroup } from './command.ts';
import { connectionFlags, detailedFlag, fieldFlag, formatFlag } from './common-flags.ts';
import type { Family } from './families.ts';
import type { Flags } from './flags.ts';
import { described, outputFlags, placeholders } from './help.ts';

/** Programs that are started by the command and speak to no server. `help` is what -h prints. */
export interface Program {
  readonly name: string;
  readonly help: string;
}

type Entry = readonly [string, Command | Group];

/** Blocks of Markdown. Families without commands of their own must be among `programs`. */
export async function commandReference(families: readonly Family[], programs: readonly Program[]): Promise<readonly string[]> {
  const sorted = families.toSorted(({ name: a }, { name: b }) => (a < b ? -1 : 1));
  const sections = await Promise.all(sorted.map((family) => familySections(family, programs)));
  const headings = sections.flat().map(({ line }) => `casemate ${line}`);
  const links = anchors(headings);
  return [
    '# The command',
    '`casemate` speaks to servers of Casemate, Vault and OpenBao, and starts Casemate’s own. Under the name `vault` or `bao` it answers as that command does. `casemate COMMAND -h` prints what stands here.',
    table(
      ['command', 'what it does'],
      sections.flat().map(({ line, synopsis }, at) => [`[\`casemate ${line}\`](#${links[at]})`, prose(synopsis)]),
    ),
    ...common,
    ...sections.flat().flatMap(({ line, blocks }) => [`## casemate ${line}`, ...blocks]),
  ];
}

interface Section {
  /** What is typed behind the program's name. */
  readonly line: string;
  readonly synopsis: string;
  readonly blocks: readonly string[];
}

async function familySections({ name, synopsis, load }: Family, programs: readonly Program[]): Promise<readonly Section[]> {
  if (load !== undefined) return below(name, await load()).map((entry) => section(entry));
  const program = programs.find((known) => known.name === name);
  if (program === undefined) throw new Error(`export ${name}Help from the program's file in src/programs, for the reference page`);
  return [{ line: name, synopsis, blocks: [`\`\`\`text\n${program.help}\n\`\`\``] }];
}

function below(line: string, entry: Command | Group): readonly Entry[] {
  return [
    [line, entry],
    ...(isGroup(entry) ? Object.entries(entry.commands).flatMap(([name, next]) => below(`${line} ${name}`, next)) : []),
  ];
}

function section([line, entry]: Entry): Section {
  const blocks = isGroup(entry) ? groupBlocks(line, entry) : commandBlocks(line, entry);
  return { line, synopsis: entry.synopsis, blocks };
}

function groupBlocks(line: string, { help, examples, commands }: Group): readonly string[] {
  return [
    ...paragraphs(help),
    ...exampleBlock(examples),
    `Commands: ${Object.keys(commands)
      .map((name) => code(`${line} ${name}`))
      .join(', ')}.`,
  ];
}

function commandBlocks(line: string, command: Command): readonly string[] {
  const output = Object.keys(outputFlags(command)).map((name) => code(`-${name}`));
  return [
    code(`casemate ${line} ${command.usage}`.trimEnd()),
    ...paragraphs(command.help),
    ...exampleBlock(command.examples),
    ...flagTable(command.flags ?? {}),
    `${output.length === 0 ? '' : `Output: ${output.join(', ')}. `}Exit codes: 0, or ${
      command.failsWith === 1 ? '1 when the call failed; 2 has a meaning of its own.' : '1 for wrong use, 2 when the call failed.'
    }`,
  ];
}

function paragraphs(text: string): readonly string[] {
  return text.split(/\n\s*\n/).map(prose);
}

function exampleBlock(examples: Readonly<Record<string, string>> = {}): readonly string[] {
  const lines = Object.entries(examples).map(([what, words]) => `# ${what}\ncasemate ${words}`);
  return lines.length === 0 ? [] : [`\`\`\`\n${lines.join('\n')}\n\`\`\``];
}

function flagTable(flags: Flags): readonly string[] {
  const shown = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const rows = shown.map(([name, flag]) => [
    [...(flag.aliases ?? []), name].map((known) => code(`-${known}${placeholders[flag.kind]}`)).join(', '),
    prose(described(flag, 'casemate')),
  ]);
  return rows.length === 0 ? [] : [table(['flag', 'what it does'], rows)];
}

const common = [
  '## For all commands',
  'Flags stand before the arguments, with one dash or two. A flag counts before the variable of the environment that it names; each variable is looked for as `CASEMATE_…`, then `BAO_…`, then `VAULT_…`. The token is `CASEMATE_TOKEN`, `BAO_TOKEN` or `VAULT_TOKEN`, else that of the last `casemate login`.',
  table(
    ['exit code', 'what it means'],
    [
      ['0', 'Done; what was asked for is on stdout.'],
      ['1', 'The command was used wrongly: no such flag, an argument missing.'],
      ['2', 'The server refused, could not be asked, or has nothing at that path.'],
      ['127', 'There is no such command.'],
      ['129, 130, 143', 'Ended by SIGHUP, SIGINT, SIGTERM.'],
    ],
  ),
  'Where a command gives its exit codes another meaning, it says so.',
  'The connection, for every command that asks a server:',
  ...flagTable(connectionFlags),
  'The output, for the commands that name these flags:',
  ...flagTable({ ...fieldFlag, ...formatFlag, ...detailedFlag }),
];
