// Leases of secrets: told, renewed, given back, ended by time, and taken back with tokens and mounts.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { lending } from './lending-engine.ts';
import { between, denied, done, envelope, nothingThere, refused, type Shape, said, shown, stranger, time } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

vi.mock('../../src/secrets/engines/kv/kind.ts', async () => ({ kv: (await import('./lending-engine.ts')).lendingKind }));

const shared = sharedServer();
const { call, mount, tokenOf } = shared;
afterEach(() => {
  lending.stuck.clear();
  lending.gate = Promise.resolve();
});

let named = 0;
/** A name that no other test uses, so that what is taken back can be told. */
const fresh = (): string => `secret-${++named}`;

interface Lent {
  readonly name: string;
  readonly leaseId: string;
  readonly path: string;
}

async function lend(mounted: string, query = '', token?: string): Promise<Lent> {
  const name = fresh();
  const path = `${mounted}/creds/${name}`;
  const answer = await call('GET', `${path}${query}`, token === undefined ? {} : { token });
  expect(answer.status, answer.text).toBe(200);
  return { name, path, leaseId: answer.body.lease_id };
}

const lookup = (leaseId: string) => call('PUT', 'sys/leases/lookup', { body: { lease_id: leaseId } });
const renew = (leaseId: string, increment?: unknown) =>
  call('PUT', 'sys/leases/renew', { body: { lease_id: leaseId, ...(increment === undefined ? {} : { increment }) } });
const revoke = (leaseId: string, more: Shape = {}) => call('PUT', 'sys/leases/revoke', { body: { lease_id: leaseId, ...more } });
const invalid = refused(400, 'invalid lease');

describe('a lent secret', () => {
  test('comes with its lease, whose id begins with the path of the request', async () => {
    const path = `${await mount('kv')}/creds/web/app`;
    expect(said(await call('GET', `${path}?ttl=90`))).toEqual([
      200,
      envelope({
        lease_id: expect.stringMatching(new RegExp(`^${path}/[0-9A-Za-z]{24}$`)),
        lease_duration: 90,
        renewable: true,
        data: { name: 'web/app', number: expect.any(Number) },
      }),
    ]);
  });

  test('is told of by its lease', async () => {
    const { leaseId, path } = await lend(await mount('kv'), '?ttl=90');
    const { body } = await lookup(leaseId);
    expect(body).toEqual(
      envelope({
        data: { id: leaseId, path, issue_time: time, expire_time: time, last_renewal: null, renewable: true, ttl: between(85, 90) },
      }),
    );
    expect(Date.parse(body.data.expire_time) - Date.parse(body.data.issue_time)).toBe(90_000);
    expect(said(await lookup('nope'))).toEqual(invalid);
    expect((await call('PUT', 'sys/leases/lookup', { body: {} })).status).toBe(400);
  });

  test('is listed level by level', async () => {
    const mounted = await mount('kv');
    const [one, two] = [await lend(mounted), await lend(mounted)];
    expect((await call('LIST', 'sys/leases/lookup')).body.data.keys).toContain(`${mounted}/`);
    expect(said(await call('LIST', `sys/leases/lookup/${mounted}`))).toEqual(shown({ keys: ['creds/'] }));
    expect(said(await call('LIST', `sys/leases/lookup/${mounted}/creds/`))).toEqual(shown({ keys: [`${one.name}/`, `${two.name}/`] }));
    expect((await call('LIST', `sys/leases/lookup/${one.path}`)).body.data.keys).toEqual([one.leaseId.slice(one.path.length + 1)]);
    expect(said(await call('LIST', `sys/leases/lookup/${mounted}/none`))).toEqual(nothingThere);
  });

  test('may be wrapped, with its lease', async () => {
    const path = `${await mount('kv')}/creds/${fresh()}`;
    const { body } = await call('GET', path, { headers: { 'X-Vault-Wrap-TTL': '60' } });
    expect(body).toMatchObject({ lease_id: '', data: null, wrap_info: { ttl: 60 } });
    const unwrapped = await call('POST', 'sys/wrapping/unwrap', { token: body.wrap_info.token });
    expect((await lookup(unwrapped.body.lease_id)).body.data.path).toBe(path);
  });

  test('is not given away with the last use of a token, but taken back at once', async () => {
    const mounted = await mount('kv');
    const token = await shared.tokenWith(`path "${mounted}/*" { capabilities = ["read"] }`, { num_uses: 2 });
    await lend(mounted, '', token);
    const name = fresh();
    expect(said(await call('GET', `${mounted}/creds/${name}`, { token }))).toEqual(
      refused(400, 'Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.'),
    );
    expect(lending.takenBack).toContain(name);
    expect(said(await call('LIST', `sys/leases/lookup/${mounted}/creds/${name}`))).toEqual(nothingThere);
  });
});

describe('renewing', () => {
  const renewed = (leaseId: string, seconds: unknown, more: Shape = {}) => [
    200,
    envelope({ lease_id: leaseId, lease_duration: seconds, renewable: true, ...more }),
  ];

  test('grants the time again from now on, or what was asked for', async () => {
    const { leaseId } = await lend(await mount('kv'), '?ttl=90');
    expect(said(await renew(leaseId))).toEqual(renewed(leaseId, 90));
    expect(said(await renew(leaseId, '10m'))).toEqual(renewed(leaseId, 600));
    expect(said(await renew(leaseId, 30))).toEqual(renewed(leaseId, 30));
    expect((await lookup(leaseId)).body.data).toMatchObject({ ttl: between(25, 30), last_renewal: time });
  });

  test('may name the lease in the path, and the old path too', async () => {
    const { leaseId } = await lend(await mount('kv'));
    for (const [path, body] of [
      [`sys/leases/renew/${leaseId}`, { increment: 40 }],
      [`sys/renew/${leaseId}`, { increment: 40 }],
      ['sys/renew', { lease_id: leaseId, increment: 40 }],
    ] as const)
      expect(said(await call('PUT', path, { body })), path).toEqual(renewed(leaseId, 40));
  });

  test('goes to the maximum and no further, and says so', async () => {
    const { leaseId } = await lend(await mount('kv'), '?ttl=60&max=120');
    const { body } = await renew(leaseId, '1h');
    expect(body.lease_duration).toEqual(between(115, 120));
    expect(body.warnings).toEqual([
      expect.stringMatching(/^TTL of "1h" exceeded the effective max_ttl of "(2m|1m5\ds)"; TTL value is capped accordingly$/),
    ]);
  });

  test('is refused to what is not there and to what cannot be renewed', async () => {
    expect(said(await renew('nope'))).toEqual(refused(400, 'lease not found'));
    expect(said(await call('PUT', 'sys/leases/renew', { body: {} }))).toEqual(refused(400, 'lease_id must be specified'));
    const { leaseId } = await lend(await mount('kv'), '?fixed=true');
    expect((await lookup(leaseId)).body.data.renewable).toBe(false);
    expect(said(await renew(leaseId))).toEqual(refused(400, 'lease is not renewable'));
  });
});

describe('revoking', () => {
  test('takes the secret back before it answers', async () => {
    const { leaseId, name } = await lend(await mount('kv'));
    expect(said(await revoke(leaseId))).toEqual(done);
    expect(lending.takenBack).toContain(name);
    expect(said(await lookup(leaseId))).toEqual(invalid);
    expect(said(await renew(leaseId))).toEqual(refused(400, 'lease not found'));
    expect(said(await revoke(leaseId))).toEqual(done);
  });

  test('answers 202 with nothing where nobody waits, and takes it back all the same', async () => {
    const { leaseId, name } = await lend(await mount('kv'));
    expect(said(await revoke(leaseId, { sync: false }))).toEqual([202, '']);
    await expect.poll(() => lending.takenBack).toContain(name);
    await expect.poll(async () => said(await lookup(leaseId))).toEqual(invalid);
  });

  test('may name the lease in the path, and the old path too', async () => {
    const mounted = await mount('kv');
    for (const path of ['sys/leases/revoke/', 'sys/revoke/']) {
      const { leaseId, name } = await lend(mounted);
      expect(said(await call('PUT', path + leaseId))).toEqual(done);
      expect(lending.takenBack, path).toContain(name);
    }
  });

  test('of what is not there is no fault, of nothing in particular is refused', async () => {
    expect(said(await revoke('nope'))).toEqual(done);
    expect(said(await call('PUT', 'sys/leases/revoke', { body: {} }))).toEqual(refused(400, 'lease_id must be specified'));
  });

  test('that fails says so, and keeps the lease for another attempt', async () => {
    const { leaseId, name } = await lend(await mount('kv'));
    lending.stuck.add(name);
    const answer = await revoke(leaseId);
    expect([answer.status, answer.body.errors]).toEqual([400, [expect.stringMatching(/^failed to revoke entry: /)]]);
    expect((await lookup(leaseId)).body.data).toMatchObject({ renewable: false, revoke_error: expect.any(String) });
    lending.stuck.clear();
    expect(said(await revoke(leaseId))).toEqual(done);
    expect(lending.takenBack).toContain(name);
  });

  test('is given up after six attempts, which is told to operators, and can still be done by hand', async () => {
    const mounted = await mount('kv');
    const { leaseId, name } = await lend(mounted);
    const { accessor } = (await call('GET', `sys/mounts/${mounted}`)).body.data;
    const count = async () => (await call('GET', 'sys/leases/count?type=irrevocable')).body.data;
    lending.stuck.add(name);
    for (let attempt = 1; attempt <= 5; attempt++) await revoke(leaseId);
    expect(await count()).toEqual({ counts: {}, lease_count: 0 });
    await revoke(leaseId);
    expect(await count()).toEqual({ counts: { [accessor]: 1 }, lease_count: 1 });
    expect((await call('GET', 'sys/leases?type=irrevocable')).body.data).toEqual({
      lease_count: 1,
      leases: [{ lease_id: leaseId, mount_id: accessor, error: expect.any(String) }],
    });
    lending.stuck.clear();
    expect(said(await revoke(leaseId))).toEqual(done);
    expect(await count()).toEqual({ counts: {}, lease_count: 0 });
  });

  test('by prefix takes back all that lies below it, and nothing beside it', async () => {
    const mounted = await mount('kv');
    const below = [await lend(`${mounted}`), await lend(mounted), await lend(mounted)];
    const beside = await lend(await mount('kv'));
    expect(said(await call('PUT', `sys/leases/revoke-prefix/${mounted}/creds`))).toEqual(done);
    expect(lending.takenBack).toEqual(expect.arrayContaining(below.map(({ name }) => name)));
    expect((await lookup(beside.leaseId)).status).toBe(200);
    expect(said(await call('LIST', `sys/leases/lookup/${mounted}`))).toEqual(nothingThere);
    expect(said(await call('PUT', `sys/leases/revoke-prefix/${mounted}`, { body: { sync: false } }))).toEqual([202, '']);
  });

  test('by prefix counts whole names, so that one is not taken for another that it begins', async () => {
    const mounted = await mount('kv');
    const [short, long] = ['shared', 'shared-more'];
    for (const name of [short, long]) await call('GET', `${mounted}/creds/${name}`);
    await call('PUT', `sys/leases/revoke-prefix/${mounted}/creds/${short}`);
    expect(lending.takenBack).toContain(short);
    expect(lending.takenBack).not.toContain(long);
  });

  test('by prefix of everything is not offered', async () => {
    expect((await call('PUT', 'sys/leases/revoke-prefix/')).status).toBe(400);
    expect((await call('PUT', 'sys/leases/revoke-prefix')).status).toBe(404);
  });

  test('by force forgets what could not be taken back', async () => {
    const mounted = await mount('kv');
    const [stuck, other] = [await lend(mounted), await lend(mounted)];
    lending.stuck.add(stuck.name);
    expect((await call('PUT', `sys/leases/revoke-prefix/${mounted}`)).status).toBe(400);
    expect(said(await call('PUT', `sys/leases/revoke-force/${mounted}`))).toEqual(done);
    expect(lending.takenBack).toContain(other.name);
    expect(said(await lookup(stuck.leaseId))).toEqual(invalid);
    expect(lending.takenBack).not.toContain(stuck.name);
  });
});

describe('leases end', () => {
  test.concurrent('by time', async ({ expect }) => {
    const { leaseId, name } = await lend(await mount('kv'), '?ttl=1');
    await expect.poll(() => lending.takenBack, { timeout: 5_000 }).toContain(name);
    await expect.poll(async () => said(await lookup(leaseId))).toEqual(invalid);
  });

  test('with the token that they were lent to, and with its parent', async () => {
    const mounted = await mount('kv');
    const parent = await tokenOf({ policies: ['root'], ttl: '1h' });
    const child = await tokenOf({ policies: ['root'], ttl: '1h' }, parent.client_token);
    const [ofParent, ofChild, ofOther] = [
      await lend(mounted, '', parent.client_token),
      await lend(mounted, '', child.client_token),
      await lend(mounted),
    ];
    await call('POST', 'auth/token/revoke', { body: { token: parent.client_token } });
    expect(lending.takenBack).toEqual(expect.arrayContaining([ofParent.name, ofChild.name]));
    expect(lending.takenBack).not.toContain(ofOther.name);
    expect(said(await lookup(ofChild.leaseId))).toEqual(invalid);
  });

  test.concurrent('with the token that ends by time', async ({ expect }) => {
    const mounted = await mount('kv');
    const { client_token } = await tokenOf({ policies: ['root'], ttl: '1s' });
    const { name } = await lend(mounted, '?ttl=600', client_token);
    await expect.poll(() => lending.takenBack, { timeout: 5_000 }).toContain(name);
  });

  test.concurrent('no later than the batch token that they were lent to', async ({ expect }) => {
    const mounted = await mount('kv');
    const token = await shared.tokenWith(`path "${mounted}/*" { capabilities = ["read"] }`, { type: 'batch', ttl: '1s' });
    const { name, leaseId } = await lend(mounted, '?ttl=600', token);
    expect((await lookup(leaseId)).body.data.ttl).toBeLessThanOrEqual(1);
    await expect.poll(() => lending.takenBack, { timeout: 5_000 }).toContain(name);
  });

  test('with their mount', async () => {
    const mounted = await mount('kv');
    const { leaseId, name } = await lend(mounted);
    await call('DELETE', `sys/mounts/${mounted}`);
    await expect.poll(() => lending.takenBack).toContain(name);
    await expect.poll(async () => said(await lookup(leaseId))).toEqual(invalid);
  });

  test('with their mount, and not those of the next mount at that path', async () => {
    const mounted = await mount('kv');
    const old = await lend(mounted);
    let open = (): void => undefined;
    lending.gate = new Promise((resolve) => {
      open = resolve;
    });
    await call('DELETE', `sys/mounts/${mounted}`);
    await call('POST', `sys/mounts/${mounted}`, { body: { type: 'kv' } });
    const next = await lend(mounted);
    open();
    await expect.poll(() => lending.takenBack).toContain(old.name);
    await expect.poll(() => shared.server.logged()).toMatch(new RegExp(`a disabled mount was cleared away.*${mounted}/`));
    expect(lending.takenBack).not.toContain(next.name);
    expect((await lookup(next.leaseId)).status).toBe(200);
  });

  test('not by moving their mount: they are renewed and taken back where it is now', async () => {
    const mounted = await mount('kv');
    const { leaseId, name } = await lend(mounted);
    await call('POST', 'sys/remount', { body: { from: mounted, to: `${mounted}-moved` } });
    expect((await renew(leaseId, 60)).body.lease_duration).toBe(60);
    expect(said(await revoke(leaseId))).toEqual(done);
    expect(lending.takenBack).toContain(name);
  });

  test('not by sealing', async () => {
    const { leaseId } = await lend(await mount('kv'));
    const ending = await lend(await mount('kv'), '?ttl=1');
    await call('PUT', 'sys/seal');
    await sleep(1_100);
    await shared.server.unseal();
    expect((await lookup(leaseId)).body.data.ttl).toBeGreaterThan(500);
    await expect.poll(() => lending.takenBack, { timeout: 5_000 }).toContain(ending.name);
  });
});

describe('the lease of a token', () => {
  const ofTokens = async (): Promise<readonly string[]> =>
    (await call('LIST', 'sys/leases/lookup/auth/token/create')).body.data?.keys ?? [];

  test('is told under the path that made it, without telling the token', async () => {
    const before = await ofTokens();
    const auth = await tokenOf({ policies: ['default'], ttl: '5m' });
    const [added] = (await ofTokens()).filter((key) => !before.includes(key)) as [string];
    expect(added).toMatch(/^h[0-9a-f]{64}$/);
    const leaseId = `auth/token/create/${added}`;
    expect(said(await lookup(leaseId))).toEqual(
      shown({
        id: leaseId,
        path: 'auth/token/create',
        issue_time: time,
        expire_time: time,
        last_renewal: null,
        renewable: true,
        ttl: between(295, 300),
      }),
    );
    expect(said(await revoke(leaseId))).toEqual(done);
    expect(said(await call('GET', 'auth/token/lookup-self', { token: auth.client_token }))).toEqual(stranger);
  });

  test('is not there for a token without an end', async () => {
    const before = (await ofTokens()).length;
    await tokenOf({ policies: ['root'] });
    expect(await ofTokens()).toHaveLength(before);
  });

  test('ends by prefix', async () => {
    await call('POST', 'auth/token/roles/batch-of-tokens', { body: { path_suffix: 'here' } });
    const { body } = await call('POST', 'auth/token/create/batch-of-tokens', { body: { policies: ['default'], ttl: '5m' } });
    const other = await tokenOf({ policies: ['default'], ttl: '5m' });
    expect(said(await call('PUT', 'sys/leases/revoke-prefix/auth/token/create/batch-of-tokens'))).toEqual(done);
    expect(said(await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token }))).toEqual(stranger);
    expect((await call('GET', 'auth/token/lookup-self', { token: other.client_token })).status).toBe(200);
  });
});

describe('around leases', () => {
  test('tidying is started and not waited for', async () => {
    const { status, body } = await call('POST', 'sys/leases/tidy');
    expect([status, body.warnings]).toEqual([202, [expect.stringMatching(/^Tidy operation successfully started\./)]]);
  });

  test('a count of anything but irrevocable leases is nothing', async () => {
    expect(said(await call('GET', 'sys/leases/count?type=token'))).toEqual(nothingThere);
    expect(said(await call('GET', 'sys/leases/count'))).toEqual(nothingThere);
  });

  test('whoever knows the id may look a lease up and renew it, and needs more to revoke it', async () => {
    const { leaseId } = await lend(await mount('kv'));
    const { client_token: token } = await tokenOf({ policies: ['default'] });
    const body = { lease_id: leaseId };
    expect((await call('PUT', 'sys/leases/lookup', { token, body })).status).toBe(200);
    expect((await call('PUT', 'sys/leases/renew', { token, body })).status).toBe(200);
    expect(said(await call('PUT', 'sys/leases/revoke', { token, body }))).toEqual(denied);
    expect(said(await call('LIST', 'sys/leases/lookup', { token }))).toEqual(denied);
  });
});
