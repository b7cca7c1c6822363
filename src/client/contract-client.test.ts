// Typed calls go where the contract says, and give back what it promises: tried on a whole server.

import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { startTestServer, type TestServer } from '../../test/suites/server.ts';
import { kvV2 } from '../api/kv-v2.ts';
import { sysMounts } from '../api/sys-mounts.ts';
import { sysSeal } from '../api/sys-seal.ts';
import { tokenContract } from '../api/token.ts';
import { type Client, createClient } from './client.ts';
import { clientFor } from './contract-client.ts';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({ address: server.address, token: server.rootToken });
  await clientFor(sysMounts, 'sys', client).mount.write({ path: 'kv', type: 'kv', options: { version: '2' } });
});
afterAll(async () => {
  client.close();
  await server.end();
});

describe('a client made from a contract', () => {
  it('writes, reads, lists and deletes a secret', async () => {
    const kv = clientFor(kvV2, 'kv/', client);
    const written = await kv.data.write({ path: 'team/app', data: { user: 'ann' } });
    expect(written?.version).toBe(1);
    expectTypeOf(written?.version).toEqualTypeOf<number | undefined>();
    expect((await kv.data.read({ path: 'team/app', version: 1 }))?.data).toEqual({ user: 'ann' });
    expect((await kv.metadata.list({ path: 'team' }))?.keys).toEqual(['app']);
    await kv.destroy.write({ path: 'team/app', versions: [1] });
    expect((await kv.data.read({ path: 'team/app' }))?.data).toBeNull();
    expect(await kv.data.read({ path: 'nothing' })).toBeUndefined();
  });

  it('gives the bare answer of a bare route', async () => {
    expect((await clientFor(sysSeal, 'sys', client).sealStatus.read())?.sealed).toBe(false);
  });

  it('gives the auth block of a login beside the data', async () => {
    const made = await clientFor(tokenContract, 'auth/token', client).create.write({ policies: ['default'], ttl: '10m' });
    expect(made?.auth).toMatchObject({ lease_duration: 600, policies: ['default'] });
  });

  it('refuses a segment that would be another path', async () => {
    const roles = clientFor(tokenContract, 'auth/token', client);
    await expect(async () => roles.role.read({ role_name: 'a/../b' })).rejects.toThrow('must be one segment of a path');
  });
});
