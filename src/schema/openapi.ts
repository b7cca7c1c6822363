// OpenAPI 3.0.2 made from contracts: what `sys/internal/specs/openapi` and path help answer.

import type { Contract, OperationSpec, RouteSpec, Verb } from './contract.ts';
import type { Field, FieldKind, Fields } from './fields.ts';

export interface MountedContract {
  /** With the trailing slash. */
  readonly path: string;
  readonly contract: Contract;
}

type Json = Readonly<Record<string, unknown>>;

export function openapiFor(mounts: readonly MountedContract[], version = ''): Json {
  const paths: Record<string, Json> = {};
  for (const { path, contract } of mounts)
    for (const route of Object.values(contract.routes)) paths[`/${path}${route.path.replaceAll('...}', '}')}`] = pathItem(route, path);
  return {
    openapi: '3.0.2',
    info: {
      title: 'Casemate API',
      description: 'HTTP API of the secrets server. All API routes are prefixed with `/v1/`.',
      version,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    paths,
  };
}

const methods = { read: 'get', list: 'get', scan: 'get', write: 'post', patch: 'patch', delete: 'delete' } as const satisfies Record<
  Verb,
  string
>;

function pathItem(route: RouteSpec, mount: string): Json {
  const captures = new Set([...route.path.matchAll(/\{([^}.]+)(?:\.\.\.)?\}/g)].map((found) => found[1] as string));
  const item: Record<string, unknown> = {
    description: route.summary,
    ...(captures.size === 0 ? {} : { parameters: [...captures].map((capture) => pathParameter(capture, declaration(route, capture))) }),
    ...(route.sudo === true ? { 'x-vault-sudo': true } : {}),
    ...(route.unauthenticated === true ? { 'x-vault-unauthenticated': true } : {}),
    ...(route.exists === true ? { 'x-vault-createSupported': true } : {}),
  };
  for (const [verb, operation] of Object.entries(route.operations) as [Verb, OperationSpec][]) {
    // List and scan share GET with read: where both exist, the read is described and takes `list`.
    if (verb === 'list' && route.operations.read !== undefined) continue;
    if (verb === 'scan') continue;
    item[methods[verb]] = operationObject({ route, verb, operation, mount, captures });
  }
  return item;
}

interface Described {
  readonly route: RouteSpec;
  readonly verb: Verb;
  readonly operation: OperationSpec;
  readonly mount: string;
  readonly captures: ReadonlySet<string>;
}

function operationObject({ route, verb, operation, mount, captures }: Described): Json {
  const inputs = Object.entries({ ...route.fields, ...operation.input }).filter(([field]) => !captures.has(field));
  const inBody = verb === 'write' || verb === 'patch';
  const listing = verb === 'list' || (verb === 'read' && route.operations.list !== undefined);
  const query = [
    ...(inBody ? [] : inputs.map(([field, spec]) => ({ name: field, in: 'query', description: spec.description, schema: schemaOf(spec) }))),
    ...(listing
      ? [
          {
            name: 'list',
            in: 'query',
            description: 'Must be set to `true` to list',
            required: verb === 'list',
            schema: { type: 'string', enum: ['true'] },
          },
        ]
      : []),
  ];
  return {
    summary: operation.summary,
    // Made of the path: names of routes are unique in their contract only, and several contracts share a mount.
    operationId: `${mount}${route.path}-${verb}`.replaceAll(/[^A-Za-z0-9]+/g, '-'),
    tags: [mount.startsWith('sys/') ? 'system' : mount.startsWith('auth/') ? 'auth' : 'secrets'],
    ...(query.length === 0 ? {} : { parameters: query }),
    ...(inBody && inputs.length > 0
      ? { requestBody: { required: true, content: { 'application/json': { schema: objectSchema(Object.fromEntries(inputs)) } } } }
      : {}),
    responses:
      operation.output === undefined
        ? { 204: { description: 'empty body' } }
        : { 200: { description: 'OK', content: { 'application/json': { schema: objectSchema(operation.output) } } } },
  };
}

/** A capture is a field of the route or, where its operations share little, of each of them. */
function declaration(route: RouteSpec, capture: string): Field | undefined {
  const inputs = Object.values(route.operations).map(({ input }) => input?.[capture]);
  return route.fields[capture] ?? inputs.find((field) => field !== undefined);
}

function pathParameter(name: string, field: Field | undefined): Json {
  return {
    name,
    in: 'path',
    required: true,
    description: field?.description ?? '',
    schema: field === undefined ? { type: 'string' } : schemaOf(field),
  };
}

function objectSchema(fields: Fields): Json {
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [name, { description: field.description, ...schemaOf(field) }]),
    ),
  };
}

const schemas: Readonly<Record<FieldKind, Json>> = {
  text: { type: 'string' },
  name: { type: 'string' },
  integer: { type: 'integer' },
  bool: { type: 'boolean' },
  duration: { type: 'integer', format: 'seconds' },
  time: { type: 'string', format: 'date-time' },
  texts: { type: 'array', items: { type: 'string' } },
  commas: { type: 'array', items: { type: 'string' } },
  integers: { type: 'array', items: { type: 'integer' } },
  map: { type: 'object' },
  pairs: { type: 'object', additionalProperties: { type: 'string' } },
  any: {},
};

function schemaOf(field: Field): Json {
  return {
    ...schemas[field.kind],
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.allowed === undefined ? {} : { enum: field.allowed }),
    ...(field.deprecated === true ? { deprecated: true } : {}),
    ...(field.secret === true ? { 'x-vault-displayAttrs': { sensitive: true } } : {}),
  };
}
