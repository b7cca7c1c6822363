// Two server processes over one store: both are active, and what one does holds in the other with its next request.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { done, nothingThere, refused, said, sealed, stranger } from './shapes.ts';

let folder: string;
let one: ServerProcess;
let other: ServerProcess;
let token: string;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-processes-'));
  [one, other] = await Promise.all([startServerProcess(folder, 'one'), startServerProcess(folder, 'other')]);
  const { body } = await one.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  [key, token] = [body.keys[0], body.root_token];
  for (const server of [one, other]) await server.call('PUT', 'sys/unseal', { body: { key } });
});
afterAll(async () => {
  await Promise.all([one?.end(), other?.end()]);
  rmSync(folder, { recursive: true, force: true });
});

const pairs = (): readonly (readonly [ServerProcess, ServerProcess])[] => [
  [one, other],
  [other, one],
];
const mount = (server: ServerProcess, path: string, type = 'kv') => server.call('POST', `sys/mounts/${path}`, { token, body: { type } });
const tokenOf = async (server: ServerProcess, body: unknown) => (await server.call('POST', 'auth/token/create', { token, body })).body.auth;

describe('two processes over one store', () => {
  test('are both active, and one cluster', async () => {
    const [first, second] = [await one.call('GET', 'sys/health'), await other.call('GET', 'sys/health')];
    for (const { status, body } of [first, second]) expect([status, body.standby, body.sealed]).toEqual([200, false, false]);
    expect(second.body.cluster_id).toBe(first.body.cluster_id);
  });

  test('what one writes the other reads at once, again and again', async () => {
    await mount(one, 'kv');
    for (let number = 1; number <= 20; number++)
      for (const [writer, reader] of pairs()) {
        expect(said(await writer.call('POST', 'kv/a', { token, body: { number } }))).toEqual(done);
        expect((await reader.call('GET', 'kv/a', { token })).body.data).toEqual({ number });
        expect(said(await writer.call('DELETE', 'kv/a', { token }))).toEqual(done);
        expect(said(await reader.call('GET', 'kv/a', { token }))).toEqual(nothingThere);
      }
  });

  test('a mount that one makes, tunes or takes away is so in the other', async () => {
    for (const [here, there] of pairs()) {
      expect((await there.call('GET', 'fresh/a', { token })).status).toBe(404);
      await mount(here, 'fresh', 'kv-v2');
      await there.call('POST', 'fresh/data/a', { token, body: { data: { x: '1' } } });
      expect((await here.call('GET', 'fresh/data/a', { token })).body.data.data).toEqual({ x: '1' });
      await here.call('POST', 'sys/mounts/fresh/tune', { token, body: { description: 'tuned' } });
      expect((await there.call('GET', 'sys/mounts/fresh', { token })).body.data.description).toBe('tuned');
      await here.call('POST', 'sys/remount', { token, body: { from: 'fresh', to: 'moved' } });
      expect((await there.call('GET', 'moved/data/a', { token })).body.data.data).toEqual({ x: '1' });
      await here.call('DELETE', 'sys/mounts/moved', { token });
      expect(said(await there.call('GET', 'moved/data/a', { token }))).toEqual(
        refused(404, 'no handler for route "moved/data/a". route entry not found.'),
      );
    }
  });

  test('a token that one makes works in the other, and one that is revoked is refused at once', async () => {
    for (const [here, there] of pairs()) {
      const auth = await tokenOf(here, { policies: ['default'] });
      const self = (server: ServerProcess) => server.call('GET', 'auth/token/lookup-self', { token: auth.client_token });
      for (const server of [there, here, there]) expect((await self(server)).status).toBe(200);
      await here.call('POST', 'auth/token/revoke', { token, body: { token: auth.client_token } });
      expect(said(await self(there))).toEqual(stranger);
      expect(said(await self(here))).toEqual(stranger);
    }
  });

  test('a tree of tokens falls in both', async () => {
    const parent = await tokenOf(one, { policies: ['root'], ttl: '1h' });
    const { body } = await other.call('POST', 'auth/token/create', {
      token: parent.client_token,
      body: { policies: ['default'], ttl: '1h' },
    });
    const batch = await one.call('POST', 'auth/token/create', {
      token: parent.client_token,
      body: { policies: ['default'], type: 'batch', ttl: '1h' },
    });
    const leaves = [body.auth.client_token, batch.body.auth.client_token];
    for (const leaf of leaves)
      for (const server of [one, other]) expect((await server.call('GET', 'auth/token/lookup-self', { token: leaf })).status).toBe(200);
    await other.call('POST', 'auth/token/revoke-accessor', { token, body: { accessor: parent.accessor } });
    for (const leaf of leaves)
      for (const server of [one, other])
        expect(said(await server.call('GET', 'auth/token/lookup-self', { token: leaf }))).toEqual(stranger);
  });

  test('a policy counts in the other as soon as it is written, changed or deleted', async () => {
    await one.call('POST', 'kv/guarded', { token, body: { x: '1' } });
    for (const [here, there] of pairs()) {
      const { client_token } = await tokenOf(here, { policies: ['changing'] });
      const attempt = async () => (await there.call('GET', 'kv/guarded', { token: client_token })).status;
      const write = (policy: string) => here.call('PUT', 'sys/policies/acl/changing', { token, body: { policy } });
      expect(await attempt()).toBe(403);
      await write('path "kv/*" { capabilities = ["read"] }');
      expect(await attempt()).toBe(200);
      await write('path "kv/*" { capabilities = ["read"] } path "kv/guarded" { capabilities = ["deny"] }');
      expect(await attempt()).toBe(403);
      await write('path "kv/*" { capabilities = ["read"] }');
      expect(await attempt()).toBe(200);
      await here.call('DELETE', 'sys/policies/acl/changing', { token });
      expect(await attempt()).toBe(403);
    }
  });

  test('check-and-set lets one writer win, whichever process they ask', async () => {
    await mount(one, 'races', 'kv-v2');
    const body = (x: number) => ({ data: { x }, options: { cas: 0 } });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, x) => (x % 2 === 0 ? one : other).call('POST', 'races/data/a', { token, body: body(x) })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(11);
  });

  test('versions written side by side are all there', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, x) => (x % 2 === 0 ? one : other).call('POST', 'races/data/b', { token, body: { data: { x } } })),
    );
    expect(answers.map(({ body }) => body.data.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const { body } of answers)
      for (const server of [one, other])
        expect((await server.call('GET', `races/data/b?version=${body.data.version}`, { token })).status).toBe(200);
  });

  test('a wrapped answer comes out once, and a counted token serves no more than its uses, in both together', async () => {
    const headers = { 'X-Vault-Wrap-TTL': '60' };
    const { body } = await one.call('POST', 'sys/wrapping/wrap', { token, headers, body: { a: 'b' } });
    const unwrapped = await Promise.all(
      [one, other, one, other].map((server) => server.call('POST', 'sys/wrapping/unwrap', { token: body.wrap_info.token })),
    );
    expect(unwrapped.filter(({ status }) => status === 200)).toHaveLength(1);
    const counted = await tokenOf(one, { policies: ['default'], num_uses: 3 });
    const uses = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        (at % 2 === 0 ? one : other).call('GET', 'auth/token/lookup-self', { token: counted.client_token }),
      ),
    );
    const served = uses.filter(({ status }) => status === 200).length;
    // The last use ends the token, also for a request that took its use before and has not looked at itself yet.
    expect(served).toBeGreaterThan(0);
    expect(served).toBeLessThanOrEqual(3);
  });

  test('a new term of the keyring is taken over with the first entry of it, and what either wrote is read by both', async () => {
    const termOf = async (server: ServerProcess) => (await server.call('GET', 'sys/key-status', { token })).body.data.term;
    for (const [here, there] of pairs()) {
      await there.call('POST', 'kv/before', { token, body: { there: 'x' } });
      const before = await termOf(here);
      await here.call('PUT', 'sys/rotate', { token });
      await here.call('POST', 'kv/after', { token, body: { here: 'y' } });
      expect((await there.call('GET', 'kv/after', { token })).body.data).toEqual({ here: 'y' });
      expect([await termOf(here), await termOf(there)]).toEqual([before + 1, before + 1]);
      await there.call('POST', 'kv/after', { token, body: { there: 'z' } });
      expect((await here.call('GET', 'kv/after', { token })).body.data).toEqual({ there: 'z' });
      expect((await here.call('GET', 'kv/before', { token })).body.data).toEqual({ there: 'x' });
    }
  });

  test('sealing is the matter of one process, and it comes back to what the other has done since', async () => {
    expect(said(await one.call('PUT', 'sys/seal', { token }))).toEqual(done);
    expect(said(await one.call('GET', 'kv/a', { token }))).toEqual(sealed);
    await other.call('POST', 'kv/meanwhile', { token, body: { x: '1' } });
    await one.call('PUT', 'sys/unseal', { body: { key } });
    expect((await one.call('GET', 'kv/meanwhile', { token })).body.data).toEqual({ x: '1' });
  });

  test('when one ends without warning the other goes on, and a new one finds everything', async () => {
    await one.call('POST', 'kv/last-words', { token, body: { x: '1' } });
    await one.kill();
    expect((await other.call('GET', 'kv/last-words', { token })).body.data).toEqual({ x: '1' });
    expect(said(await other.call('POST', 'kv/after', { token, body: { x: '2' } }))).toEqual(done);
    one = await startServerProcess(folder, 'one');
    expect((await one.call('GET', 'sys/seal-status')).body).toMatchObject({ initialized: true, sealed: true });
    await one.call('PUT', 'sys/unseal', { body: { key } });
    expect((await one.call('GET', 'kv/after', { token })).body.data).toEqual({ x: '2' });
  });

  test('one that is asked to end does so with success', async () => {
    const third = await startServerProcess(folder, 'third');
    await third.call('GET', 'sys/health');
    expect(await third.end()).toBe(0);
    expect((await other.call('GET', 'sys/health')).status).toBe(200);
  });
});
