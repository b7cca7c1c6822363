// Reference pages made from contracts: Markdown for people who want to know what a route takes and answers.

import type { Contract, OperationSpec, RouteSpec, Verb } from './contract.ts';
import type { Field, FieldKind, Fields } from './fields.ts';

/** One contract, where its routes are found. */
export interface Subject {
  /** Name of the page, without an ending. */
  readonly name: string;
  readonly title: string;
  /** Path of the mount as the page writes it, with the trailing slash. */
  readonly place: string;
  readonly contract: Contract;
  /** Source file of the contract, for those who want to change the page. */
  readonly source: string;
}

const requests: Readonly<Record<Verb, string>> = {
  read: 'GET',
  list: 'LIST, or GET with `list=true`',
  scan: 'SCAN, or GET with `scan=true`',
  write: 'POST or PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

export const kindWords: Readonly<Record<FieldKind, string>> = {
  text: 'string',
  name: 'name',
  integer: 'integer',
  bool: 'boolean',
  duration: 'duration',
  time: 'time',
  texts: 'strings',
  commas: 'strings, commas',
  integers: 'integers',
  map: 'object',
  pairs: 'object of strings',
  any: 'any',
};

/** Answers fold no case and split nothing. */
const answeredWords: Readonly<Partial<Record<FieldKind, string>>> = { name: kindWords.text, commas: kindWords.texts };

/** A page for one contract: the list of its routes, then each with its operations and fields. */
export function referencePage({ title, place, contract, source }: Subject): string {
  const routes = Object.values(contract.routes);
  const headings = anchors(routes.map(({ path }) => place + path));
  const index = routes.map((route, at) => [
    `[\`${place}${route.path}\`](#${headings[at]})`,
    Object.keys(route.operations).join(', '),
    prose(route.summary),
  ]);
  return page(source, [
    `# ${title}`,
    described(contract),
    ...(place === 'sys/' ? [] : [`Paths are written for a mount at \`${place}\`.`]),
    'Requests go to `/v1/` and the path. [How to read this](README.md#how-to-read-these-pages).',
    table(['path', 'operations', 'what it is'], index),
    ...routes.flatMap((route) => routeSection(route, place)),
  ]);
}

/** The first line tells editors where the page comes from; the last one ends with a line feed. */
export function page(source: string, blocks: readonly string[]): string {
  return `<!-- Made from ${source} by "npm run reference". -->\n\n${blocks.join('\n\n')}\n`;
}

/** What a contract is about, as a sentence. */
export function described({ description: what }: Contract): string {
  return prose(sentence(what.charAt(0).toUpperCase() + what.slice(1)));
}

/** The paths below which a contract has routes, each once: of one segment, or of two where other contracts share the first one. */
export function places({ place, contract }: Subject, all: readonly Subject[]): readonly string[] {
  const owners = (segment: string) => all.filter((other) => other.place === place && starts(other.contract).has(segment)).length;
  const paths = Object.values(contract.routes).map(({ path }) => {
    const [first = '', second = '{'] = path.split('/');
    return owners(first) === 1 || second.startsWith('{') ? first : `${first}/${second}`;
  });
  return [...new Set(paths)].map((path) => place + path);
}

function starts({ routes }: Contract): ReadonlySet<string> {
  return new Set(Object.values(routes).map(({ path }) => path.split('/')[0] as string));
}

function routeSection(route: RouteSpec, place: string): readonly string[] {
  const captures = new Set([...route.path.matchAll(/\{([^}.]+)(?:\.\.\.)?\}/g)].map((found) => found[1] as string));
  return [
    `## \`${place}${route.path}\``,
    prose(`${route.summary} ${route.help}`),
    ...terms(route),
    ...fieldTable('Parameters of all operations:', route.fields, captures),
    ...(Object.entries(route.operations) as [Verb, OperationSpec][]).flatMap(([verb, spec]) => operation(route, verb, spec, captures)),
  ];
}

/** What holds for the route whatever is asked of it. */
function terms(route: RouteSpec): readonly string[] {
  const told = [
    ...(route.unauthenticated ? ['No token is needed.'] : []),
    ...(route.opened === 'metrics' ? ['No token is needed on listeners with `unauthenticated_metrics_access`.'] : []),
    ...(route.sudo ? ['`sudo` is needed beside the capability.'] : []),
    ...(route.whileSealed ? ['Answered while the server is sealed, too.'] : []),
    ...(route.bare ? ['Answered as JSON without the envelope.'] : []),
    ...(route.injected ? ['The keys of `data` also stand at the top level of the answer.'] : []),
    ...(route.arbitrary ? ['Parameters of any name are taken.'] : []),
  ];
  return told.length === 0 ? [] : [told.join(' ')];
}

function operation(route: RouteSpec, verb: Verb, spec: OperationSpec, captures: ReadonlySet<string>): readonly string[] {
  const needs = route.unauthenticated ? '' : `; capability ${capability(route, verb)}`;
  return [
    `**${verb}**: ${prose(spec.summary)} (${requests[verb]}${needs})`,
    ...fieldTable('Takes:', spec.input ?? {}, captures),
    ...answer(spec.output),
  ];
}

function capability(route: RouteSpec, verb: Verb): string {
  if (verb !== 'write') return `\`${verb}\``;
  return route.exists ? '`create` for what is not there yet, else `update`' : '`update`';
}

function answer(output: Fields | undefined): readonly string[] {
  if (output === undefined) return ['Answers 204, without a body.'];
  if (Object.keys(output).length === 0) return ['Answers no fields of its own.'];
  const rows = Object.entries(output).map(([name, field]) => [
    code(name),
    answeredWords[field.kind] ?? kindWords[field.kind],
    description(field),
  ]);
  return ['Answers:', table(['field', 'type', 'what it is'], rows)];
}

function fieldTable(title: string, fields: Fields, captures: ReadonlySet<string>): readonly string[] {
  const rows = Object.entries(fields).map(([name, field]) => [
    code(name),
    kindWords[field.kind],
    captures.has(name) ? 'in the path' : defaultOf(field),
    description(field),
  ]);
  return rows.length === 0 ? [] : [title, table(['parameter', 'type', 'default', 'what it is'], rows)];
}

function defaultOf(field: Field): string {
  return field.default === undefined ? '' : code(typeof field.default === 'string' ? field.default : JSON.stringify(field.default));
}

function description({ description: what, allowed, secret, deprecated }: Field): string {
  return [
    prose(sentence(what)),
    ...(allowed === undefined ? [] : [`One of ${allowed.map((value) => code(String(value))).join(', ')}.`]),
    ...(secret ? ['A secret.'] : []),
    ...(deprecated ? ['Deprecated.'] : []),
  ].join(' ');
}

function sentence(text: string): string {
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A table of Markdown; a bar within a cell does not end it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** Outside of `code`, signs that Markdown would take for its own are made plain. */
export function prose(text: string): string {
  return text
    .split('`')
    .map((part, at) => (at % 2 === 1 ? part : part.replaceAll('*', '\\*').replaceAll('<', '&lt;')))
    .join('`');
}

/** The anchors that GitHub gives to headings, in order: a heading that comes again gets a number. */
export function anchors(headings: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return headings.map((heading) => {
    const plain = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(plain) ?? 0;
    seen.set(plain, before + 1);
    return before === 0 ? plain : `${plain}-${before}`;
  });
}
