// The OpenAPI document of all contracts is valid OpenAPI 3.0, and says what the contracts say.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Contract } from './contract.ts';
import { bool, commas, duration, integer, map, pairs, text } from './fields.ts';
import { type MountedContract, openapiFor } from './openapi.ts';
import { compileContract } from './routes.ts';

type Json = { readonly [name: string]: unknown };

const api = join(import.meta.dirname, '..', 'api');

async function allContracts(): Promise<Map<string, Contract>> {
  const found = new Map<string, Contract>();
  for (const file of readdirSync(api).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    const exported = (await import(join(api, file))) as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(exported)) if (isContract(value)) found.set(name, value);
  }
  return found;
}

function isContract(value: unknown): value is Contract {
  return typeof value === 'object' && value !== null && 'routes' in value && 'name' in value;
}

function mountOf(name: string): string {
  if (name.startsWith('sys')) return 'sys/';
  return name === 'tokenContract' ? 'auth/token/' : `${name}/`;
}

const methods = new Set(['get', 'post', 'patch', 'delete']);
const types = new Set(['string', 'integer', 'boolean', 'array', 'object']);

interface Operation {
  readonly at: string;
  readonly operation: Json;
  readonly item: Json;
  readonly path: string;
}

function operationsOf(document: Json): Operation[] {
  return Object.entries(document['paths'] as Record<string, Json>).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => methods.has(key))
      .map((method) => ({ at: `${method} ${path}`, operation: item[method] as Json, item, path })),
  );
}

const parametersOf = ({ item, operation }: Operation) =>
  [...((item['parameters'] ?? []) as Json[]), ...((operation['parameters'] ?? []) as Json[])] as Json[];

/** What is wrong with a schema, as far as this document uses them. */
function faultsOfSchema(schema: Json, at: string): string[] {
  const { type } = schema;
  const faults: string[] = [];
  if (type !== undefined && !types.has(type as string)) faults.push(`${at}: type ${String(type)}`);
  if (type === 'array')
    faults.push(...(schema['items'] === undefined ? [`${at}: array without items`] : faultsOfSchema(schema['items'] as Json, `${at}[]`)));
  for (const [name, property] of Object.entries((schema['properties'] ?? {}) as Record<string, Json>))
    faults.push(...faultsOfSchema(property, `${at}.${name}`));
  for (const value of [...((schema['enum'] ?? []) as unknown[]), ...('default' in schema ? [schema['default']] : [])])
    if (!fits(type, value)) faults.push(`${at}: ${JSON.stringify(value)} is no ${String(type)}`);
  return faults;
}

function fits(type: unknown, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  return type === undefined || typeof value === type;
}

describe('the document of all contracts', () => {
  let contracts: Map<string, Contract>;
  let mounts: MountedContract[];
  let document: Json;
  let operations: Operation[];
  beforeAll(async () => {
    contracts = await allContracts();
    mounts = [...contracts].map(([name, contract]) => ({ path: mountOf(name), contract }));
    document = openapiFor(mounts, '1.2.3');
    operations = operationsOf(document);
  });

  it('describes every route of every contract', () => {
    expect(contracts.size).toBeGreaterThanOrEqual(12);
    const routes = [...contracts.values()].flatMap((contract) => Object.values(contract.routes));
    expect(Object.keys(document['paths'] as object)).toHaveLength(routes.length);
    expect(operations.length).toBeGreaterThanOrEqual(routes.length);
    expect(JSON.parse(JSON.stringify(document))).toMatchObject({ openapi: '3.0.2', info: { title: 'Casemate API', version: '1.2.3' } });
  });

  it('names no path twice, not even with another word in braces', () => {
    const templates = Object.keys(document['paths'] as object).map((path) => path.replaceAll(/\{[^}]*\}/g, '{}'));
    expect(templates.filter((path, index) => templates.indexOf(path) !== index)).toStrictEqual([]);
    for (const path of templates) expect(path).toMatch(/^\/[^?#\s]*$/);
  });

  it('gives every operation an id of its own', () => {
    const ids = operations.map(({ operation }) => operation['operationId'] as string);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toStrictEqual([]);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9-]+$/);
  });

  it('declares every parameter of a path once, as required, and none that is not in it', () => {
    for (const found of operations) {
      const inPath = parametersOf(found).filter((parameter) => parameter['in'] === 'path');
      const names = [...found.path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
      expect(inPath.map((parameter) => parameter['name']).sort(), found.at).toStrictEqual(names.sort());
      for (const parameter of inPath)
        expect(parameter, found.at).toMatchObject({ required: true, description: expect.stringMatching(/\S/) });
    }
  });

  it('names no parameter twice in an operation', () => {
    for (const found of operations) {
      const names = parametersOf(found).map((parameter) => `${String(parameter['in'])} ${String(parameter['name'])}`);
      expect(new Set(names).size, found.at).toBe(names.length);
    }
  });

  it('has a summary and an answer for each operation, and bodies only where there may be one', () => {
    for (const { at, operation } of operations) {
      expect(operation['summary'], at).toMatch(/\S/);
      const responses = Object.entries(operation['responses'] as Record<string, Json>);
      expect(responses.length, at).toBeGreaterThan(0);
      for (const [status, response] of responses) {
        expect(status).toMatch(/^20[04]$/);
        expect(response['description']).toMatch(/\S/);
      }
      if (operation['requestBody'] !== undefined) expect(at).toMatch(/^(post|patch) /);
    }
  });

  it('has schemas whose defaults and choices are of their own type', () => {
    const faults = operations.flatMap((found) => {
      const bodies = [operation(found, 'requestBody'), ...Object.values(found.operation['responses'] as Record<string, Json>)];
      const schemas = bodies.flatMap((body) => (body?.['content'] === undefined ? [] : [schemaIn(body)]));
      return [...schemas, ...parametersOf(found).map((parameter) => parameter['schema'] as Json)].flatMap((schema) =>
        faultsOfSchema(schema, found.at),
      );
    });
    expect(faults).toStrictEqual([]);
  });

  const operation = (found: Operation, key: string) => found.operation[key] as Json | undefined;
  const schemaIn = (body: Json) => ((body['content'] as Json)['application/json'] as Json)['schema'] as Json;

  it('rests on contracts whose captures are declared fields and whose routes can all be reached', () => {
    for (const [name, contract] of contracts) {
      const compiled = compileContract(contract);
      for (const route of compiled.routes) {
        for (const [verb, inputs] of Object.entries(route.inputs))
          for (const capture of route.captures) expect(inputs.has(capture), `${name}.${route.name}, ${verb}: ${capture}`).toBe(true);
        expect(new Set(route.captures).size).toBe(route.captures.length);
        const example = route.spec.path.replaceAll(/\{[^}]*\}/g, 'example');
        expect(compiled.match(example)?.route.name, `${name}: ${example}`).toBe(route.name);
        expect(Object.keys(route.spec.operations).length, `${name}.${route.name}`).toBeGreaterThan(0);
      }
    }
  });
});

describe('a route', () => {
  const one: Contract = {
    name: 'test',
    description: 'd',
    routes: {
      role: {
        path: 'role/{name}/{path...}',
        summary: 'A role.',
        help: 'h',
        sudo: true,
        unauthenticated: true,
        exists: true,
        fields: {
          name: text('Its name'),
          path: text('Where'),
          ttl: duration('How long', { default: 60 }),
          kind: text('Which', { allowed: ['a', 'b'], deprecated: true }),
          password: text('For nobody', { secret: true }),
        },
        operations: {
          read: { summary: 'Read it.', input: { version: integer('Which') }, output: { names: commas('Names'), meta: pairs('Meta') } },
          list: { summary: 'List them.', output: { keys: commas('Names') } },
          write: { summary: 'Write it.', input: { on: bool('Whether'), more: map('More') } },
          delete: { summary: 'Delete it.' },
        },
      },
      names: { path: 'names', summary: 'Names.', help: 'h', fields: {}, operations: { list: { summary: 'List.', output: {} } } },
    },
  };
  const document = openapiFor([{ path: 'auth/mine/', contract: one }]);
  const paths = document['paths'] as Record<string, Record<string, Json>>;
  const role = paths['/auth/mine/role/{name}/{path}'] as Record<string, Json>;

  it('shows its path, flags and parameters', () => {
    expect(Object.keys(paths)).toStrictEqual(['/auth/mine/role/{name}/{path}', '/auth/mine/names']);
    expect(role).toMatchObject({
      description: 'A role.',
      'x-vault-sudo': true,
      'x-vault-unauthenticated': true,
      'x-vault-createSupported': true,
      parameters: [
        { name: 'name', in: 'path', required: true, description: 'Its name', schema: { type: 'string' } },
        { name: 'path', in: 'path', required: true, description: 'Where', schema: { type: 'string' } },
      ],
    });
  });

  it('takes the fields of its reads from the query, with `list` beside them', () => {
    const get = role['get'] as Json;
    expect(get).toMatchObject({ operationId: 'auth-mine-role-name-path-read', tags: ['auth'], summary: 'Read it.' });
    expect((get['parameters'] as Json[]).map(({ name, required }) => [name, required])).toStrictEqual([
      ['ttl', undefined],
      ['kind', undefined],
      ['password', undefined],
      ['version', undefined],
      ['list', false],
    ]);
    const list = (paths['/auth/mine/names'] as Record<string, Json>)['get'] as Json;
    expect(list['operationId']).toBe('auth-mine-names-list');
    expect(list['parameters']).toMatchObject([{ name: 'list', required: true, schema: { enum: ['true'] } }]);
  });

  it('takes the fields of its writes from the body, without those of the path', () => {
    const post = role['post'] as Json;
    const schema = (((post['requestBody'] as Json)['content'] as Json)['application/json'] as Json)['schema'] as Json;
    expect(schema['properties']).toStrictEqual({
      ttl: { description: 'How long', type: 'integer', format: 'seconds', default: 60 },
      kind: { description: 'Which', type: 'string', enum: ['a', 'b'], deprecated: true },
      password: { description: 'For nobody', type: 'string', 'x-vault-displayAttrs': { sensitive: true } },
      on: { description: 'Whether', type: 'boolean' },
      more: { description: 'More', type: 'object' },
    });
    expect(post['responses']).toStrictEqual({ 204: { description: 'empty body' } });
  });

  it('shows what it answers', () => {
    const answer = ((role['get'] as Json)['responses'] as Record<string, Json>)['200'] as Json;
    expect(answer['content']).toStrictEqual({
      'application/json': {
        schema: {
          type: 'object',
          properties: {
            names: { description: 'Names', type: 'array', items: { type: 'string' } },
            meta: { description: 'Meta', type: 'object', additionalProperties: { type: 'string' } },
          },
        },
      },
    });
    expect((role['delete'] as Json)['responses']).toStrictEqual({ 204: { description: 'empty body' } });
  });
});
