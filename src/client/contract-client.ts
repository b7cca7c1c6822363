// Typed calls: for each route of a contract a function per verb, with the types that the contract gives.

import { Fault } from '../base/fault.ts';
import type { Contract, InputOf, OutputOf, RouteSpec, Verb } from '../schema/contract.ts';
import type { Query } from './address.ts';
import type { Client } from './client.ts';
import { isObject, type parseSecret } from './secret.ts';

/** Resolves to the data, or the whole answer of a bare route; an `auth` block stands beside the data. Undefined where nothing is. */
export type ClientFor<C extends Contract> = {
  readonly [R in keyof C['routes']]: {
    readonly [V in keyof C['routes'][R]['operations'] & Verb]: (
      input?: InputOf<C['routes'][R], V>,
    ) => Promise<OutputOf<C['routes'][R], V> | undefined>;
  };
};

type Input = Readonly<Record<string, unknown>>;

/** `mountPath` as in `sys/mounts`, with or without the trailing slash: `secret`, `auth/token`, `sys`. */
export function clientFor<const C extends Contract>(contract: C, mountPath: string, client: Client): ClientFor<C> {
  const mount = mountPath.replace(/\/+$/, '');
  const routes = Object.entries(contract.routes).map(([name, route]) => [name, callsOf(route, mount, client)] as const);
  return Object.fromEntries(routes) as unknown as ClientFor<C>;
}

function callsOf(route: RouteSpec, mount: string, client: Client): Record<string, (input?: Input) => Promise<unknown>> {
  const verbs = Object.keys(route.operations) as Verb[];
  return Object.fromEntries(
    verbs.map((verb) => [verb, (input: Input = {}) => call(route, verb, `${mount}/${pathOf(route, input)}`, client, input)]),
  );
}

async function call(route: RouteSpec, verb: Verb, path: string, client: Client, input: Input): Promise<unknown> {
  const rest = Object.fromEntries(
    Object.entries(input).filter(([name, value]) => value !== undefined && !capturesOf(route).includes(name)),
  );
  if (route.bare === true)
    return (await (verb === 'read' ? client.request('GET', path, undefined, queryOf(rest)) : client.request('PUT', path, rest))).body;
  const secret = await sent(verb, path, client, rest);
  if (secret === undefined) return undefined;
  return secret.auth === undefined ? (secret.data ?? undefined) : { ...secret.data, auth: secret.auth };
}

function sent(verb: Verb, path: string, client: Client, rest: Input): Promise<ReturnType<typeof parseSecret>> {
  switch (verb) {
    case 'read':
      return client.read(path, queryOf(rest));
    case 'list':
      return client.list(path, queryOf(rest));
    case 'scan':
      return client.read(path, { ...queryOf(rest), scan: 'true' });
    case 'delete':
      return client.delete(path, queryOf(rest));
    case 'write':
      return client.write(path, rest);
    case 'patch':
      return client.patch(path, rest);
  }
}

function capturesOf({ path }: RouteSpec): readonly string[] {
  return [...path.matchAll(/\{([^}.]+)(?:\.\.\.)?\}/g)].map((found) => found[1] as string);
}

/** Throws Fault `invalid-request` when a segment is missing, or would be several. */
function pathOf({ path }: RouteSpec, input: Input): string {
  return path.replace(/\{([^}.]+)(\.\.\.)?\}/g, (_, name: string, many: string | undefined) => {
    const value = String(input[name] ?? '');
    if (many === undefined && (value === '' || value.includes('/')))
      throw new Fault('invalid-request', `${name} must be one segment of a path`);
    return value;
  });
}

function queryOf(input: Input): Query {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : isObject(value) ? JSON.stringify(value) : String(value),
    ]),
  );
}
