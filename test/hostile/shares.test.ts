// Shares that are given twice, wrong, broken, or made for another store: what the server says, and that the right ones still work.

import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';

const servers: TestServer[] = [];
const start = async (options: Parameters<typeof startTestServer>[0] = {}): Promise<TestServer> => {
  const made = await startTestServer({ init: { shares: 5, threshold: 3 }, ...options });
  servers.push(made);
  return made;
};
afterEach(async () => {
  for (const server of servers.splice(0)) await server.end();
});

const sealed = async (): Promise<TestServer> => {
  const server = await start();
  await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
  await server.call('POST', 'kv/a', { body: { v: 1 } });
  await server.server.seal();
  return server;
};
const give = (server: TestServer, key: unknown, more: object = {}) =>
  server.call('PUT', 'sys/unseal', { token: null, body: { key, ...more } });
/** The right shares unseal, and everything is there. */
const recovers = async (server: TestServer): Promise<void> => {
  for (const key of server.keys.slice(1, 4)) await give(server, key);
  expect((await server.call('GET', 'kv/a')).body.data).toStrictEqual({ v: 1 });
};

describe('a share', () => {
  it('that is given twice counts once, in either writing', async () => {
    const server = await sealed();
    const [one = ''] = server.keys;
    for (const text of [one, one, one.toUpperCase(), Buffer.from(one, 'hex').toString('base64')]) {
      const { status, body } = await give(server, text);
      expect([status, body.sealed, body.progress]).toStrictEqual([200, true, 1]);
    }
    await recovers(server);
  });

  it('in base64 is as good as in hex', async () => {
    const server = await sealed();
    for (const key of server.keys.slice(0, 3)) await give(server, Buffer.from(key, 'hex').toString('base64'));
    expect((await server.call('GET', 'kv/a')).status).toBe(200);
  });

  it('with one wrong byte makes the set a wrong one: nothing is unsealed, and it starts over', async () => {
    const server = await sealed();
    for (const at of [0, 15, 31]) {
      const broken = Buffer.from(server.keys[2] as string, 'hex');
      broken[at] = (broken[at] as number) ^ 1;
      await give(server, server.keys[0]);
      await give(server, server.keys[1]);
      const answer = await give(server, broken.toString('hex'));
      expect(answer.status).toBe(400);
      expect(answer.body.errors).toHaveLength(1);
      const status = await server.call('GET', 'sys/seal-status', { token: null });
      expect(status.body).toMatchObject({ sealed: true, progress: 0, nonce: '' });
      expect((await server.call('GET', 'kv/a')).status).toBe(503);
    }
    await recovers(server);
  });

  it('of another store is refused, also beside right ones', async () => {
    const server = await sealed();
    const other = await start();
    const [one, two, three] = other.keys;
    for (const set of [
      [one, two, three],
      [server.keys[0], server.keys[1], three],
    ]) {
      for (const key of set.slice(0, 2)) expect((await give(server, key)).status).toBe(200);
      expect((await give(server, set[2])).status).toBe(400);
      expect((await server.call('GET', 'sys/health', { token: null })).status).toBe(503);
    }
    await recovers(server);
  });

  it.each([
    ['no hex and no base64', 'not a share!'],
    ['half a byte', 'abc'],
    ['too short', 'ab'],
    ['a byte short', 'ab'.repeat(32)],
    ['a byte long', 'ab'.repeat(34)],
    ['very long', 'ab'.repeat(100_000)],
    ['empty', ''],
    ['white space', ' '],
    ['a list', ['ab']],
    ['an object', { key: 'ab' }],
    ['a number', 5],
    ['NUL', '\u0000'],
  ])('that is %s is refused and changes no progress', async (_, key) => {
    const server = await sealed();
    await give(server, server.keys[0]);
    const answer = await give(server, key);
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toHaveLength(1);
    expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toMatchObject({ sealed: true, progress: 1 });
  });

  it('whose last byte repeats that of another one is refused, and the right ones still work', async () => {
    const server = await sealed();
    await give(server, server.keys[0]);
    await give(server, server.keys[1]);
    const last = (server.keys[0] as string).slice(-2);
    expect((await give(server, `${'00'.repeat(32)}${last}`)).status).toBe(400);
    expect((await give(server, `${'00'.repeat(33)}`)).body).not.toHaveProperty('sealed', false);
    await server.call('PUT', 'sys/unseal', { body: { reset: true } });
    await recovers(server);
  });

  it('of an unsealed server is looked at and does nothing', async () => {
    const server = await sealed();
    await recovers(server);
    expect((await give(server, server.keys[0])).body).toMatchObject({ sealed: false, progress: 0 });
    expect((await give(server, 'ab'.repeat(33))).body).toMatchObject({ sealed: false });
    expect((await give(server, 'nonsense!')).status).toBe(400);
    expect((await server.call('GET', 'kv/a')).status).toBe(200);
  });
});

describe('shares', () => {
  it('given all at once, with wrong ones among them, leave the server sealed or unsealed and never between', async () => {
    const server = await sealed();
    for (let round = 0; round < 5; round++) {
      const keys = [...server.keys, 'cd'.repeat(33), ...server.keys];
      const answers = await Promise.all(keys.map((key) => give(server, key)));
      for (const { status } of answers) expect([200, 400]).toContain(status);
      const health = await server.call('GET', 'sys/health', { token: null });
      expect((await server.call('GET', 'kv/a')).status).toBe(health.status);
      await server.call('PUT', 'sys/unseal', { body: { reset: true } });
      await server.server.seal();
    }
    await recovers(server);
  });

  it('are forgotten by a reset, and reset needs no share', async () => {
    const server = await sealed();
    await give(server, server.keys[0]);
    expect((await server.call('PUT', 'sys/unseal', { body: { reset: true }, token: null })).body).toMatchObject({ progress: 0, nonce: '' });
    expect((await give(server, server.keys[1], { reset: true })).body).toMatchObject({ progress: 0 });
    await recovers(server);
  });

  it('are made once, when many ask for them at once', async () => {
    const server = await start({ init: 'raw' });
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => server.call('PUT', 'sys/init', { body: { secret_shares: 2, secret_threshold: 2 } })),
    );
    expect(answers.map(({ status }) => status).sort()).toStrictEqual([200, 400, 400, 400, 400, 400]);
    const made = answers.find(({ status }) => status === 200) as (typeof answers)[number];
    for (const key of made.body.keys) await give(server, key);
    expect((await server.call('GET', 'auth/token/lookup-self', { token: made.body.root_token })).status).toBe(200);
  });

  it.each([
    [{}, 'shares must be at least one'],
    [{ secret_shares: 5 }, 'threshold must be at least one'],
    [{ secret_shares: 0, secret_threshold: 0 }, 'at least one'],
    [{ secret_shares: -1, secret_threshold: -1 }, 'at least one'],
    [{ secret_shares: 5, secret_threshold: 1 }, 'greater than one for multiple shares'],
    [{ secret_shares: 2, secret_threshold: 3 }, 'larger than'],
    [{ secret_shares: 256, secret_threshold: 2 }, 'less than 256'],
    [{ secret_shares: 1e9, secret_threshold: 1e9 }, 'less than 256'],
    [{ secret_shares: 5, secret_threshold: 3, recovery_shares: 1, recovery_threshold: 1 }, 'not applicable to seal type shamir'],
    [{ secret_shares: 5, secret_threshold: 3, pgp_keys: ['x'] }, 'not supported'],
  ])('are not made of %j, and the store stays as it was', async (body, why) => {
    const server = await start({ init: 'raw' });
    const answer = await server.call('PUT', 'sys/init', { body });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0]).toContain(why);
    expect((await server.call('GET', 'sys/init')).body).toStrictEqual({ initialized: false });
  });

  it('say nothing of a store that is not initialised', async () => {
    const server = await start({ init: 'raw' });
    expect((await give(server, 'ab'.repeat(33))).body.errors).toStrictEqual(['Vault is not initialized']);
    expect((await server.call('GET', 'kv/a', { token: 'x' })).status).toBe(503);
  });
});
