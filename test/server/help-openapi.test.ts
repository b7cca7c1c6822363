// What the server tells about its own routes: help for people, OpenAPI for programs.

import { describe, expect, test } from 'vitest';
import type { TestAnswer } from '../suites/server.ts';
import { denied, refused, said, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount } = shared;

interface PathItem {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly [method: string]: unknown;
}

async function document(): Promise<{
  readonly openapi: string;
  readonly info: unknown;
  readonly paths: Readonly<Record<string, PathItem>>;
}> {
  return (await call('GET', 'sys/internal/specs/openapi')).body;
}

describe('help', () => {
  const told = (answer: TestAnswer) => {
    expect([answer.status, Object.keys(answer.body)]).toEqual([200, ['help', 'see_also', 'openapi']]);
    return answer.body;
  };

  test('of a route tells its path, its parameters and what it is good for, without an envelope', async () => {
    const kv = await mount('kv-v2');
    const { help, see_also, openapi } = told(await call('GET', `${kv}/data/a?help=1`));
    expect(help).toContain('data/{path...}');
    for (const word of ['PARAMETERS', 'version', 'options', 'OPERATIONS', 'DESCRIPTION']) expect(help).toContain(word);
    expect(see_also).toBeNull();
    expect(Object.keys(openapi.paths)).toEqual([`/${kv}/data/{path}`]);
  });

  test('of a mount lists its routes', async () => {
    const { help, openapi } = told(await call('GET', 'auth/token/?help=true'));
    for (const route of ['create', 'lookup-self', 'roles/{role_name}']) expect(help).toContain(route);
    expect(Object.keys(openapi.paths)).toContain('/auth/token/create');
  });

  test('is for every token, whatever its policies are, and for nobody without one', async () => {
    const token = await shared.tokenWith('path "elsewhere" { capabilities = ["read"] }', { no_default_policy: true });
    expect((await call('GET', 'sys/mounts?help=1', { token })).status).toBe(200);
    expect(said(await call('GET', 'sys/mounts?help=1', { token: null }))).toEqual(stranger);
    expect(said(await call('GET', 'sys/mounts?help=0', { token }))).toEqual(denied);
  });

  test('of what is not mounted is 404, and a help parameter that is no boolean is refused', async () => {
    expect(said(await call('GET', 'nothing/here?help=1'))).toEqual(
      refused(404, 'no handler for route "nothing/here". route entry not found.'),
    );
    expect((await call('GET', 'sys/mounts?help=maybe')).status).toBe(400);
  });

  test('does not do what it tells of', async () => {
    const before = (await call('GET', 'sys/key-status')).body.data.term;
    expect((await call('GET', 'sys/rotate?help=1')).status).toBe(200);
    expect((await call('GET', 'sys/key-status')).body.data.term).toBe(before);
  });
});

describe('the OpenAPI document', () => {
  test('is version 3.0.2 and names the server, by GET and by POST', async () => {
    const { openapi, info } = await document();
    expect(openapi).toBe('3.0.2');
    expect(info).toMatchObject({ title: expect.any(String), version: expect.any(String), license: { name: 'Apache-2.0' } });
    const posted = await call('POST', 'sys/internal/specs/openapi', { body: { generic_mount_paths: false } });
    expect([posted.status, posted.body.openapi]).toEqual([200, '3.0.2']);
  });

  test('holds the routes of everything that is mounted, and of nothing that is not', async () => {
    const [one, two] = [await mount('kv'), await mount('kv-v2')];
    const { paths } = await document();
    for (const path of [
      `/${one}/{path}`,
      `/${two}/data/{path}`,
      `/${two}/metadata/{path}`,
      `/${two}/config`,
      '/cubbyhole/{path}',
      '/auth/token/create',
      '/auth/token/roles/{role_name}',
      '/sys/mounts/{path}',
      '/sys/policies/acl/{name}',
      '/sys/leases/lookup',
      '/sys/wrapping/unwrap',
      '/sys/init',
    ])
      expect(paths, path).toHaveProperty([path]);
    await call('DELETE', `sys/mounts/${one}`);
    expect((await document()).paths).not.toHaveProperty([`/${one}/{path}`]);
  });

  test('every route below a mount that exists is found when it is called', async () => {
    const { paths } = await document();
    const reads = Object.entries(paths).filter(([path, item]) => item['get'] !== undefined && !path.includes('{'));
    expect(reads.length).toBeGreaterThan(15);
    for (const [path] of reads) {
      const { status, text } = await call('GET', path.slice(1));
      expect(text, path).not.toContain('unsupported path');
      expect(status, path).toBeLessThan(500);
    }
  });

  test('describes every parameter of every path', async () => {
    const { paths } = await document();
    for (const [path, item] of Object.entries(paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
      const known = (item.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(
        known.map(({ name }) => name),
        path,
      ).toEqual(inPath);
    }
  });

  test('gives every operation an id of its own', async () => {
    const { paths } = await document();
    const ids = Object.values(paths).flatMap((item) =>
      ['get', 'post', 'patch', 'delete'].flatMap((method) =>
        item[method] === undefined ? [] : [(item[method] as { operationId: string }).operationId],
      ),
    );
    expect(ids.length).toBeGreaterThan(80);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('says what needs sudo, what needs no token, and what can be created', async () => {
    const { paths } = await document();
    expect(paths['/sys/audit']?.['x-vault-sudo']).toBe(true);
    expect(paths['/sys/health']?.['x-vault-unauthenticated']).toBe(true);
    expect(paths['/auth/token/roles/{role_name}']?.['x-vault-createSupported']).toBe(true);
    expect(paths['/sys/mounts']).not.toHaveProperty('x-vault-sudo');
  });

  test('is for those who may read it', async () => {
    expect(said(await call('GET', 'sys/internal/specs/openapi', { token: null }))).toEqual(stranger);
    const token = await shared.tokenWith('path "sys/internal/specs/openapi" { capabilities = ["read"] }');
    expect((await call('GET', 'sys/internal/specs/openapi', { token })).status).toBe(200);
  });
});
