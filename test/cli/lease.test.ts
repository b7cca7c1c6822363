// lease lookup, renew and revoke: cells as bao's; a scripted server stands in for an engine that lends something.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Scripted, type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

let scripted: ScriptedServer | undefined;
afterEach(async () => {
  await scripted?.end();
  scripted = undefined;
});

async function against(...answers: readonly Scripted[]): Promise<{ readonly scripted: ScriptedServer; readonly other: Session }> {
  scripted = await scriptedServer(answers);
  return { scripted, other: vault.with({ address: scripted.address }) };
}

const refusal = (what: string, path: string, status: number, why: string) => ({
  code: 2,
  out: '',
  err: `${what}: Error making API request.\n\nURL: PUT ${server.address}/v1/${path}\nCode: ${status}. Errors:\n\n* ${why}\n`,
});
const id = 'db/creds/app/8Bxh';

describe('lease lookup', () => {
  const data = { id, issue_time: '2026-01-01T00:00:00Z', last_renewal: null, renewable: true, ttl: 5400 };

  it('shows the times of a lease', async () => {
    const { scripted: asked, other } = await against({ status: 200, body: { request_id: 'r', data } });
    expect(await other.run('lease', 'lookup', ` ${id} `)).toEqual({
      code: 0,
      out: [
        'Key             Value',
        '---             -----',
        `id              ${id}`,
        'issue_time      2026-01-01T00:00:00Z',
        'last_renewal    <nil>',
        'renewable       true',
        'ttl             1h30m',
        '',
      ].join('\n'),
      err: '',
    });
    expect(asked.asked[0]).toMatchObject({ method: 'PUT', url: '/v1/sys/leases/lookup', body: `{"lease_id":"${id}"}` });
    expect(JSON.parse((await other.run('lease', 'lookup', '-format=json', id)).out)).toMatchObject({ request_id: 'r', data });
  });

  it('shows the lease of a login, which the server itself holds', async () => {
    await vault.run('write', '-f', 'auth/token/roles/lent');
    await vault.run('token', 'create', '-role=lent', '-ttl=1h');
    const [name] = JSON.parse((await vault.run('list', '-format=json', 'sys/leases/lookup/auth/token/create/lent')).out) as [string];
    const leaseId = `auth/token/create/lent/${name}`;
    const { code, out } = await vault.run('lease', 'lookup', '-format=json', leaseId);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ data: { id: leaseId, ttl: expect.any(Number), last_renewal: null } });
  });

  it('of a lease that does not exist is refused', async () => {
    const refused = refusal('error looking up lease id nope', 'sys/leases/lookup', 400, 'invalid lease');
    expect(await vault.run('lease', 'lookup', 'nope')).toEqual(refused);
  });

  it('needs one id', async () => {
    expect(await vault.run('lease', 'lookup')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('lease', 'lookup', 'a', 'b')).toMatchObject({ code: 1, out: '' });
  });
});

describe('lease renew', () => {
  it('asks for what is left out or given, and shows what was granted', async () => {
    const { scripted: asked, other } = await against({ status: 200, body: { lease_id: id, renewable: true, lease_duration: 3600 } });
    const out = `Key                Value\n---                -----\nlease_id           ${id}\nlease_duration     1h\nlease_renewable    true\n`;
    expect(await other.run('lease', 'renew', id)).toEqual({ code: 0, out, err: '' });
    const json = await other.run('lease', 'renew', '-increment=1h', '-format=json', id);
    expect(JSON.parse(json.out)).toMatchObject({ lease_id: id, lease_duration: 3600, renewable: true });
    expect(asked.asked.map(({ method, url, body }) => [method, url, JSON.parse(body) as unknown])).toEqual([
      ['PUT', '/v1/sys/leases/renew', { lease_id: id, increment: 0 }],
      ['PUT', '/v1/sys/leases/renew', { lease_id: id, increment: 3600 }],
    ]);
  });

  it('of a lease that does not exist is refused', async () => {
    expect(await vault.run('lease', 'renew', 'nope')).toEqual(refusal('Error renewing nope', 'sys/leases/renew', 400, 'lease not found'));
  });

  it('needs one id, and a duration that is one', async () => {
    expect(await vault.run('lease', 'renew')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('lease', 'renew', 'a', 'b')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('lease', 'renew', '-increment=soon', id)).toMatchObject({ code: 1, out: '' });
  });
});

describe('lease revoke', () => {
  it('promises by default, and waits with -sync', async () => {
    const { scripted: asked, other } = await against({ status: 202 });
    const queued = `Success! Queued the revocation of lease: ${id}\n`;
    expect(await other.run('lease', 'revoke', id)).toEqual({ code: 0, out: queued, err: '' });
    expect(await other.run('lease', 'revoke', '-sync', id)).toEqual({ code: 0, out: `Success! Revoked lease: ${id}\n`, err: '' });
    expect(asked.asked.map(({ url, body }) => [url, JSON.parse(body) as unknown])).toEqual([
      ['/v1/sys/leases/revoke', { lease_id: id, sync: false }],
      ['/v1/sys/leases/revoke', { lease_id: id, sync: true }],
    ]);
  });

  it('of a prefix ends all tokens that were made below it', async () => {
    await vault.run('write', '-f', 'auth/token/roles/app');
    const token = (await vault.run('token', 'create', '-role=app', '-ttl=1h', '-field=token')).out;
    const mine = vault.with({ token });
    expect((await mine.run('token', 'lookup')).code).toBe(0);
    const out = 'Success! Revoked any leases with prefix: auth/token/create/app\n';
    expect(await vault.run('lease', 'revoke', '-sync', '-prefix', 'auth/token/create/app/')).toEqual({ code: 0, out, err: '' });
    expect((await mine.run('token', 'lookup')).code).toBe(2);
    const queued = 'Success! Queued the revocation of any leases with prefix: auth/token/create/app\n';
    expect((await vault.run('lease', 'revoke', '-prefix', 'auth/token/create/app')).out).toBe(queued);
  });

  it('by force warns on stderr', async () => {
    const { code, out, err } = await vault.run('lease', 'revoke', '-force', '-prefix', 'db/');
    expect({ code, out }).toEqual({ code: 0, out: 'Success! Force revoked any leases with prefix: db\n' });
    expect(err).toMatch(/^Warning! /);
  });

  it.each([
    [['-force', '-prefix'], 'sys/leases/revoke-force/db', 'Error force revoking leases with prefix db'],
    [['-prefix'], 'sys/leases/revoke-prefix/db', 'Error revoking leases with prefix db'],
    [[], 'sys/leases/revoke', 'Error revoking lease db'],
  ])('%j is refused without a good token', async (flags, path, what) => {
    const { code, out, err } = await vault.with({ token: 'wrong' }).run('lease', 'revoke', ...flags, 'db');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(refusal(what, path, 403, 'permission denied').err);
  });

  it('needs one argument that names something, and -prefix beside -force', async () => {
    expect(await vault.run('lease', 'revoke')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('lease', 'revoke', 'a', 'b')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('lease', 'revoke', '-prefix', '/')).toEqual({ code: 1, out: '', err: 'the argument is empty\n' });
    const alone = { code: 1, out: '', err: 'Specifying -force requires also specifying -prefix\n' };
    expect(await vault.run('lease', 'revoke', '-f', 'db')).toEqual(alone);
    expect((await vault.run('lease', 'revoke', '-format=json', 'a')).err).toBe('flag provided but not defined: -format\n');
  });
});
