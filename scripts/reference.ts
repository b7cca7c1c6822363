// Writes docs/reference from the contracts of src/api and the table of commands; what is no longer there is removed.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { families } from '../src/cli/families.ts';
import { commandReference, type Program } from '../src/cli/reference.ts';
import type { Contract } from '../src/schema/contract.ts';
import { described, kindWords, page, places, referencePage, type Subject, table } from '../src/schema/reference.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(ROOT, 'docs', 'reference');

/** Markdown by the name of the file in docs/reference. */
export type Pages = ReadonlyMap<string, string>;

/** Made anew; the same for the same sources, wherever it runs. */
export async function makePages(): Promise<Pages> {
  const subjects = await allSubjects();
  const commands = await commandReference(families, await allPrograms());
  return new Map([
    ['README.md', page('scripts/reference.ts', indexBlocks(subjects))],
    ['commands.md', page('src/cli', commands)],
    ...subjects.map((subject) => [`${subject.name}.md`, referencePage(subject)] as const),
  ]);
}

/** What lies in docs/reference. */
export function committedPages(): Pages {
  return new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
}

/** A program's help is what its file exports as `<name>Help`; files that are no family of the command would run. */
async function allPrograms(): Promise<readonly Program[]> {
  const folder = join(ROOT, 'src', 'programs');
  const programs = new Set(families.map(({ name }) => `${name}.ts`));
  const files = readdirSync(folder).filter((name) => programs.has(name));
  const modules: readonly Readonly<Record<string, unknown>>[] = await Promise.all(
    files.toSorted().map((file) => import(join(folder, file))),
  );
  return modules
    .flatMap((exports) => Object.entries(exports))
    .flatMap(([name, help]) =>
      name.endsWith('Help') && typeof help === 'function' ? [{ name: name.slice(0, -4), help: String(help('casemate')) }] : [],
    );
}

async function allSubjects(): Promise<readonly Subject[]> {
  const files = readdirSync(join(ROOT, 'src', 'api')).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const found = await Promise.all(files.toSorted().map(async (file) => subjectsOf(file, await import(join(ROOT, 'src', 'api', file)))));
  return found.flat();
}

function subjectsOf(file: string, exports: Readonly<Record<string, unknown>>): readonly Subject[] {
  const contracts = Object.entries(exports).filter((entry): entry is [string, Contract] => isContract(entry[1]));
  return contracts.map(([name, contract]) => {
    // A file has one contract as a rule; of several each has its own page.
    const own = contracts.length === 1 ? file.replace(/\.ts$/, '') : name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const place = placeOf(contract);
    return { name: own, title: titleOf(own, place, contract), place, contract, source: `src/api/${file}` };
  });
}

function isContract(value: unknown): value is Contract {
  return typeof value === 'object' && value !== null && 'routes' in value && 'description' in value;
}

/** Where it is mounted as long as nobody says otherwise. */
function placeOf({ name, routes }: Contract): string {
  if (name === 'system') return 'sys/';
  if (name === 'kv') return 'secret/';
  const logsIn = Object.values(routes).some(({ path, unauthenticated }) => unauthenticated && /^(oidc\/)?login/.test(path));
  return logsIn || name === 'token' ? `auth/${name}/` : `${name}/`;
}

function titleOf(name: string, place: string, { description }: Contract): string {
  if (place === 'sys/') return description.replace(/\.$/, '');
  return place.startsWith('auth/') ? `Auth method ${name}` : `Engine ${name}`;
}

function indexBlocks(subjects: readonly Subject[]): readonly string[] {
  const system = subjects.filter(({ place }) => place === 'sys/');
  const methods = subjects.filter(({ place }) => place.startsWith('auth/'));
  const engines = subjects.filter((subject) => !system.includes(subject) && !methods.includes(subject));
  const kinds = Object.values(kindWords);
  return [
    '# Reference',
    'Every route of the secrets server and every command, made from the sources that requests and command lines are checked with. To learn what they are for, begin with the [guide](../guide/getting-started.md); a running server tells the same with `casemate path-help PATH`, and as OpenAPI at `sys/internal/specs/openapi`.',
    '- [The command](commands.md): all commands of `casemate`, with their flags, examples and exit codes.',
    '## Auth methods',
    lines(methods),
    '## Engines',
    lines(engines),
    '## The server itself',
    system.map((subject) => `- [${subject.title}](${subject.name}.md): ${places(subject, system).map(quoted).join(', ')}`).join('\n'),
    ...readingBlocks,
    table(
      ['type', 'what is taken', 'what is answered'],
      Object.entries(typeRows)
        .filter(([kind]) => kinds.includes(kind))
        .map(([kind, cells]) => [kind, ...cells]),
    ),
  ];
}

function lines(subjects: readonly Subject[]): string {
  return subjects
    .map(({ name, place, contract }) => `- [${name}](${name}.md): ${described(contract)} At \`${place}\` in these pages.`)
    .join('\n');
}

function quoted(path: string): string {
  return `\`${path}\``;
}

const readingBlocks = [
  '## How to read these pages',
  'In a path, `{name}` stands for one segment and `{name...}` for any number of them. Parameters stand in the JSON body of POST, PUT and PATCH, and in the query of the others; unknown ones are not an error, but named in `warnings`. Fields of an answer stand in `data` of the envelope, or in `auth` where a token is given, unless the page says that the answer has no envelope. The capability is what a policy must grant at the path.',
];

/** By the words of kindWords. */
const typeRows: Readonly<Record<string, readonly [string, string]>> = {
  string: ['A string; a number becomes its text.', 'A string.'],
  name: ['A string; upper case becomes lower case.', ''],
  integer: ['A number, or a string that holds one.', 'A number.'],
  boolean: ['`true`, `false`, or a string that says so.', '`true` or `false`.'],
  duration: ['Seconds, as a number or string, or `1h30m`, `2d`.', 'Seconds.'],
  time: ['RFC 3339.', 'RFC 3339.'],
  strings: ['A list; one string is a list of one, and is not split at commas.', 'A list.'],
  'strings, commas': ['A list, or one string with commas.', ''],
  integers: ['A list of numbers, or one string with commas.', 'A list.'],
  object: ['A JSON object.', 'An object.'],
  'object of strings': ['A JSON object, or a list of `key=value`.', 'An object.'],
  any: ['Any JSON.', 'Any JSON.'],
};

async function write(): Promise<void> {
  const pages = await makePages();
  mkdirSync(FOLDER, { recursive: true });
  for (const name of readdirSync(FOLDER)) if (!pages.has(name)) rmSync(join(FOLDER, name));
  for (const [name, text] of pages) writeFileSync(join(FOLDER, name), text);
  process.stdout.write(`${pages.size} pages are in docs/reference.\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write();
