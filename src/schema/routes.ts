// Compiles a contract into something a request can be matched with: a tree over path segments, and the parameters of each operation.

import { Fault } from '../base/fault.ts';
import { coerce } from './coerce.ts';
import type { Contract, RouteSpec, Verb } from './contract.ts';
import type { Field, Fields } from './fields.ts';

export interface CompiledRoute {
  readonly name: string;
  readonly spec: RouteSpec;
  /** Names of the parameters in the path, in order. */
  readonly captures: readonly string[];
  readonly inputs: Readonly<Partial<Record<Verb, ReadonlyMap<string, Field>>>>;
  /** Of all operations: [name, default]. */
  readonly defaults: Readonly<Partial<Record<Verb, readonly (readonly [string, unknown])[]>>>;
}

export interface Match {
  readonly route: CompiledRoute;
  readonly captured: readonly string[];
}

export interface Prepared {
  readonly input: Record<string, unknown>;
  /** Parameters that the route does not know, sorted. */
  readonly ignored: readonly string[];
  /** Parameters that stood in the body too; the path's value counts. Sorted. */
  readonly replaced: readonly string[];
}

interface Rest {
  readonly suffix: string;
  readonly route: CompiledRoute;
}

interface Node {
  readonly literals: Map<string, Node>;
  parameter?: Node;
  /** Longest suffix first, so that `{path...}/tune` is tried before `{path...}`. */
  readonly rests: Rest[];
  route?: CompiledRoute;
}

export interface CompiledContract {
  readonly routes: readonly CompiledRoute[];
  match(path: string): Match | undefined;
}

export function compileContract(contract: Contract): CompiledContract {
  const root = node();
  const routes = Object.entries(contract.routes).map(([name, spec]) => compileRoute(name, spec));
  for (const route of routes) plant(root, route);
  return {
    routes,
    match(path) {
      const captured: string[] = [];
      const route = descend(root, path, captured);
      return route === undefined ? undefined : { route, captured };
    },
  };
}

/** Coerces what was sent and puts the captured segments over it. Throws Fault `invalid-request`. */
export function prepare(match: Match, verb: Verb, data: Readonly<Record<string, unknown>>): Prepared {
  const { route, captured } = match;
  const fields = route.inputs[verb] as ReadonlyMap<string, Field>;
  const input: Record<string, unknown> = {};
  for (const [name, value] of route.defaults[verb] as readonly (readonly [string, unknown])[]) input[name] = value;
  let ignored: string[] = none;
  for (const name of Object.keys(data)) {
    const field = fields.get(name);
    if (field !== undefined) input[name] = checked(name, field, data[name]);
    else if (route.spec.arbitrary !== true) ignored = [...ignored, name];
  }
  let replaced: string[] = none;
  for (let index = 0; index < route.captures.length; index++) {
    const name = route.captures[index] as string;
    if (Object.hasOwn(data, name) && route.spec.arbitrary !== true) replaced = [...replaced, name];
    const field = fields.get(name);
    input[name] = field === undefined ? captured[index] : coerce(name, field, captured[index]);
  }
  return { input, ignored: ignored.sort(), replaced: replaced.sort() };
}

const none: string[] = [];

function checked(name: string, field: Field, value: unknown): unknown {
  const coerced = coerce(name, field, value);
  if (field.allowed !== undefined && !field.allowed.includes(coerced))
    throw new Fault('invalid-request', `invalid value for field ${JSON.stringify(name)}: must be one of ${field.allowed.join(', ')}`);
  return coerced;
}

function compileRoute(name: string, spec: RouteSpec): CompiledRoute {
  const inputs: Partial<Record<Verb, ReadonlyMap<string, Field>>> = {};
  const defaults: Partial<Record<Verb, (readonly [string, unknown])[]>> = {};
  for (const [verb, operation] of Object.entries(spec.operations) as [Verb, { readonly input?: Fields }][]) {
    const fields = new Map<string, Field>([...Object.entries(spec.fields), ...Object.entries(operation.input ?? {})]);
    inputs[verb] = fields;
    // Frozen, since every request gets the same one.
    defaults[verb] = [...fields].flatMap(([field, { default: value }]) =>
      value === undefined ? [] : [[field, Object.freeze(value)] as const],
    );
  }
  const captures = [...spec.path.matchAll(/\{([^}.]+)(?:\.\.\.)?\}/g)].map((found) => found[1] as string);
  return { name, spec, captures, inputs, defaults };
}

function node(): Node {
  return { literals: new Map(), rests: [] };
}

function plant(root: Node, route: CompiledRoute): void {
  let at = root;
  const segments = route.spec.path.split('/');
  for (const [index, segment] of segments.entries()) {
    if (segment.endsWith('...}')) {
      const suffix = segments.slice(index + 1).map((literal) => `/${literal}`);
      at.rests.push({ suffix: suffix.join(''), route });
      at.rests.sort((a, b) => b.suffix.length - a.suffix.length);
      return;
    }
    if (segment.startsWith('{')) {
      at.parameter ??= node();
      at = at.parameter;
    } else {
      const next = at.literals.get(segment) ?? node();
      at.literals.set(segment, next);
      at = next;
    }
  }
  at.route = route;
}

/** `rest` is what is left of the path; pushes what the winning route captured. */
function descend(at: Node, rest: string, captured: string[]): CompiledRoute | undefined {
  if (rest === '' && at.route !== undefined) return at.route;
  const slash = rest.indexOf('/');
  const head = slash < 0 ? rest : rest.slice(0, slash);
  const tail = slash < 0 ? '' : rest.slice(slash + 1);
  const literal = at.literals.get(head);
  const viaLiteral = literal === undefined ? undefined : descend(literal, tail, captured);
  if (viaLiteral !== undefined) return viaLiteral;
  const depth = captured.length;
  if (at.parameter !== undefined && head !== '') {
    captured.push(head);
    const viaParameter = descend(at.parameter, tail, captured);
    if (viaParameter !== undefined) return viaParameter;
    captured.length = depth;
  }
  for (const { suffix, route } of at.rests) {
    // A slash at the end belongs to the rest, unless literals follow that.
    const end = suffix !== '' && rest.endsWith('/') ? rest.length - 1 : rest.length;
    if (!rest.endsWith(suffix, end)) continue;
    captured.push(rest.slice(0, end - suffix.length));
    return route;
  }
  return undefined;
}
