// What the holders of shares do together: a root token without a token, and new shares for old ones.

import { afterEach, describe, expect, test } from 'vitest';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { localBackend } from '../../src/keys/backends/local.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../suites/server.ts';
import { denied, done, refused, said, shown, stranger, uuid } from './shapes.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end()));
});
async function started(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await startTestServer({ init: { shares: 3, threshold: 2 }, ...options });
  servers.push(server);
  return server;
}
/** Nobody's token is sent. */
const asker = (server: TestServer) => (method: string, path: string, body?: unknown) =>
  server.call(method, path, { token: null, ...(body === undefined ? {} : { body }) });

function decoded(encoded: string, otp: string): string {
  const pad = Buffer.from(otp);
  return Buffer.from(Buffer.from(encoded, 'base64').map((byte, at) => byte ^ (pad[at] as number))).toString();
}

const idle = {
  nonce: '',
  started: false,
  progress: 0,
  required: 2,
  complete: false,
  encoded_token: '',
  encoded_root_token: '',
  pgp_fingerprint: '',
  otp: '',
  otp_length: 28,
};

describe('a root token by shares', () => {
  test('is made without any token, and only the asker can read it', async () => {
    const server = await started();
    const ask = asker(server);
    const attempt = 'sys/generate-root/attempt';
    expect(said(await ask('GET', attempt))).toEqual([200, idle]);
    const begun = await ask('PUT', attempt, {});
    const { nonce, otp } = begun.body;
    expect(said(begun)).toEqual([200, { ...idle, nonce: uuid, started: true, otp: expect.stringMatching(/^[0-9A-Za-z]{28}$/) }]);
    expect(said(await ask('GET', attempt))).toEqual([200, { ...idle, nonce, started: true }]);
    const first = await ask('PUT', 'sys/generate-root/update', { key: server.keys[0], nonce });
    expect(said(first)).toEqual([200, { ...idle, nonce, started: true, progress: 1, otp_length: 0 }]);
    const last = await ask('PUT', 'sys/generate-root/update', {
      key: Buffer.from(server.keys[2] as string, 'hex').toString('base64'),
      nonce,
    });
    expect(last.body).toMatchObject({ nonce, started: true, progress: 2, complete: true, encoded_token: last.body.encoded_root_token });
    expect(last.body.encoded_token).not.toMatch(/=/);
    const token = decoded(last.body.encoded_token, otp);
    expect((await server.call('GET', 'auth/token/lookup-self', { token })).body.data).toMatchObject({
      policies: ['root'],
      path: 'auth/token/root',
      orphan: true,
      ttl: 0,
      expire_time: null,
    });
    expect(said(await ask('GET', attempt))).toEqual([200, idle]);
  });

  test('may be begun with a password of one’s own, of the right length', async () => {
    const server = await started();
    const ask = asker(server);
    expect((await ask('PUT', 'sys/generate-root/attempt', { otp: 'short' })).body.errors[0]).toMatch(/^OTP string is wrong length/);
    const otp = 'a'.repeat(28);
    const { body } = await ask('PUT', 'sys/generate-root/attempt', { otp });
    expect(body).toMatchObject({ started: true, otp: '' });
    await ask('PUT', 'sys/generate-root/update', { key: server.keys[0], nonce: body.nonce });
    const last = await ask('PUT', 'sys/generate-root/update', { key: server.keys[1], nonce: body.nonce });
    expect(decoded(last.body.encoded_token, otp)).toMatch(/^hvs\.[0-9A-Za-z]{24}$/);
  });

  test('is not made of shares for another attempt, of the same share twice, or of shares of another store', async () => {
    const [server, other] = [await started(), await started()];
    const ask = asker(server);
    const give = (key: string | undefined, nonce: string) => ask('PUT', 'sys/generate-root/update', { key, nonce });
    expect(said(await give(server.keys[0], 'x'))).toEqual(refused(400, 'no root generation in progress'));
    const { nonce } = (await ask('PUT', 'sys/generate-root/attempt', {})).body;
    expect(said(await ask('PUT', 'sys/generate-root/attempt', {}))).toEqual(
      refused(400, 'root generation already in progress for this namespace'),
    );
    expect(said(await give(server.keys[0], 'wrong'))).toEqual(
      refused(400, `incorrect nonce supplied; nonce for this root generation operation is "${nonce}"`),
    );
    expect(said(await give('', nonce))).toEqual(refused(400, "'key' must be specified in request body as JSON"));
    expect(said(await give('no share', nonce))).toEqual(refused(400, "'key' must be a valid hex or base64 string"));
    await give(server.keys[0], nonce);
    expect(said(await give(server.keys[0], nonce))).toEqual(
      refused(400, 'given key has already been provided during this generation operation'),
    );
    expect((await give(other.keys[1], nonce)).body.errors[0]).toMatch(/^the given shares do not make the root key of this store/);
    expect((await ask('GET', 'sys/generate-root/attempt')).body).toMatchObject({ started: true, nonce, progress: 0 });
    expect(said(await ask('DELETE', 'sys/generate-root/attempt'))).toEqual(done);
    expect(said(await give(server.keys[1], nonce))).toEqual(refused(400, 'no root generation in progress'));
  });

  test('takes both shares at the same moment, and makes one token', async () => {
    const server = await started();
    const ask = asker(server);
    const { nonce } = (await ask('PUT', 'sys/generate-root/attempt', {})).body;
    const answers = await Promise.all(server.keys.map((key) => ask('PUT', 'sys/generate-root/update', { key, nonce })));
    expect(answers.filter(({ body }) => body.complete === true)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(1);
  });

  test('is refused while sealed, and an attempt does not outlive the sealing', async () => {
    const server = await started();
    const ask = asker(server);
    await ask('PUT', 'sys/generate-root/attempt', {});
    await server.call('PUT', 'sys/seal');
    expect(said(await ask('GET', 'sys/generate-root/attempt'))).toEqual(refused(503, 'Vault is sealed'));
    await server.unseal();
    expect((await ask('GET', 'sys/generate-root/attempt')).body.started).toBe(false);
  });

  test('under its newer name needs a token with sudo, and stands in an envelope', async () => {
    const server = await started();
    const path = 'sys/generate-root-token/attempt';
    expect(said(await asker(server)('GET', path))).toEqual(stranger);
    const { client_token: token } = (await server.call('POST', 'auth/token/create', { body: { policies: ['default'] } })).body.auth;
    expect(said(await server.call('GET', path, { token }))).toEqual(denied);
    expect(said(await server.call('GET', path))).toEqual(shown(idle));
  });

  test('takes the recovery shares where a key backend unseals, and nothing where there are none', async () => {
    const backend = localBackend({ current: keyFromBytes(systemRandom(32)) }, systemRandom);
    const server = await started({ backend, init: 'raw' });
    const ask = asker(server);
    const { recovery_keys: keys } = (await ask('PUT', 'sys/init', { recovery_shares: 3, recovery_threshold: 2 })).body;
    const { nonce, otp } = (await ask('PUT', 'sys/generate-root/attempt', {})).body;
    await ask('PUT', 'sys/generate-root/update', { key: keys[0], nonce });
    const { encoded_token: encoded } = (await ask('PUT', 'sys/generate-root/update', { key: keys[1], nonce })).body;
    expect((await server.call('GET', 'auth/token/lookup-self', { token: decoded(encoded, otp) })).body.data.policies).toEqual(['root']);
    const without = await started({ backend });
    expect((await asker(without)('PUT', 'sys/generate-root/attempt', {})).body.errors[0]).toMatch(/without recovery shares/);
  });
});

const noRekey = {
  nonce: '',
  started: false,
  t: 0,
  n: 0,
  progress: 0,
  required: 2,
  pgp_fingerprints: null,
  backup: false,
  verification_required: false,
};

describe('new shares for old ones', () => {
  const rekeyed = async (
    server: TestServer,
    more: Readonly<Record<string, unknown>> = {},
    bounds = { secret_shares: 4, secret_threshold: 3 },
  ) => {
    const ask = asker(server);
    const { nonce } = (await ask('PUT', 'sys/rekey/init', { ...bounds, ...more })).body;
    await ask('PUT', 'sys/rekey/update', { key: server.keys[0], nonce });
    return ask('PUT', 'sys/rekey/update', { key: server.keys[1], nonce });
  };
  const unsealedWith = async (server: TestServer, keys: readonly string[]) => {
    await server.call('PUT', 'sys/seal');
    const answers = [];
    for (const key of keys) answers.push(await asker(server)('PUT', 'sys/unseal', { key }));
    return answers.at(-1);
  };

  test('unseal from then on, the old ones no more, and what is stored stays readable', async () => {
    const store = openMemory();
    const server = await started({ store });
    const ask = asker(server);
    await server.call('POST', 'cubbyhole/a', { body: { x: '1' } });
    expect(said(await ask('GET', 'sys/rekey/init'))).toEqual([200, noRekey]);
    const begun = await ask('PUT', 'sys/rekey/init', { secret_shares: 4, secret_threshold: 3 });
    const { nonce } = begun.body;
    expect(said(begun)).toEqual([200, { ...noRekey, nonce: uuid, started: true, t: 3, n: 4 }]);
    expect(said(await ask('PUT', 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1 }))).toEqual(
      refused(400, 'rekey already in progress'),
    );
    const first = await ask('PUT', 'sys/rekey/update', { key: server.keys[0], nonce });
    expect(said(first)).toEqual([200, { ...noRekey, nonce, started: true, t: 3, n: 4, progress: 1 }]);
    const last = await ask('PUT', 'sys/rekey/update', { key: server.keys[1], nonce });
    const { keys, keys_base64: base64 } = last.body;
    expect(said(last)).toEqual([
      200,
      { nonce, complete: true, keys, keys_base64: base64, pgp_fingerprints: null, backup: false, verification_required: false },
    ]);
    expect(base64).toEqual(keys.map((key: string) => Buffer.from(key, 'hex').toString('base64')));
    expect((await ask('GET', 'sys/seal-status')).body).toMatchObject({ t: 3, n: 4, sealed: false });
    expect((await unsealedWith(server, server.keys))?.status).toBe(400);
    expect((await unsealedWith(server, keys.slice(1)))?.body.sealed).toBe(false);
    expect((await server.call('GET', 'cubbyhole/a')).body.data).toEqual({ x: '1' });
  });

  test('may be a single one, or come from a single one', async () => {
    const server = await started();
    const { body } = await rekeyed(server, {}, { secret_shares: 1, secret_threshold: 1 });
    expect(body.keys[0]).toMatch(/^[0-9a-f]{64}$/);
    const ask = asker(server);
    const { nonce } = (await ask('PUT', 'sys/rekey/init', { secret_shares: 2, secret_threshold: 2 })).body;
    const again = await ask('PUT', 'sys/rekey/update', { key: body.keys[0], nonce });
    expect((await unsealedWith(server, again.body.keys))?.body.sealed).toBe(false);
  });

  test('count only once enough were shown, where that was asked for', async () => {
    const server = await started();
    const ask = asker(server);
    const { body } = await rekeyed(server, { require_verification: true });
    expect(body).toMatchObject({ complete: true, verification_required: true, verification_nonce: uuid });
    const { keys, verification_nonce: nonce } = body;
    expect((await unsealedWith(server, server.keys.slice(0, 2)))?.body).toMatchObject({ sealed: false, t: 2, n: 3 });
    expect((await ask('GET', 'sys/rekey/init')).body.started).toBe(false);

    const second = (await rekeyed(server, { require_verification: true })).body;
    expect(said(await ask('PUT', 'sys/rekey/verify', { key: keys[0], nonce }))).toEqual(
      refused(400, `incorrect nonce supplied; nonce for this rekey operation is "${second.verification_nonce}"`),
    );
    const show = (key: string, of: string) => ask('PUT', 'sys/rekey/verify', { key, nonce: of });
    await show(second.keys[0], second.verification_nonce);
    expect((await ask('GET', 'sys/rekey/verify')).body).toEqual({
      nonce: second.verification_nonce,
      started: true,
      t: 3,
      n: 4,
      progress: 1,
    });
    await show(second.keys[1], second.verification_nonce);
    expect((await show(keys[2], second.verification_nonce)).body.errors[0]).toMatch(/do not make the new key/);
    const restarted = (await ask('DELETE', 'sys/rekey/verify')).body.nonce;
    expect(restarted).not.toBe(second.verification_nonce);
    for (const key of second.keys.slice(0, 2)) await show(key, restarted);
    expect(said(await show(second.keys[3], restarted))).toEqual([200, { nonce: restarted, complete: true }]);
    expect((await unsealedWith(server, second.keys.slice(1)))?.body).toMatchObject({ sealed: false, t: 3, n: 4 });
  });

  test('are refused for bounds that cannot be, with shares that are not right, and when nobody began', async () => {
    const server = await started();
    const ask = asker(server);
    expect(said(await ask('PUT', 'sys/rekey/update', { key: server.keys[0], nonce: 'x' }))).toEqual(
      refused(400, 'no barrier rekey in progress'),
    );
    for (const bounds of [
      {},
      { secret_shares: 3, secret_threshold: 4 },
      { secret_shares: 3, secret_threshold: 1 },
      { secret_shares: 256, secret_threshold: 2 },
    ])
      expect((await ask('PUT', 'sys/rekey/init', bounds)).status).toBe(400);
    expect((await ask('PUT', 'sys/rekey/init', { secret_shares: 2, secret_threshold: 2, pgp_keys: ['a'] })).body.errors[0]).toMatch(/PGP/);
    const wrong = { ...server, keys: (await started()).keys } as TestServer;
    expect((await rekeyed(wrong)).body.errors[0]).toMatch(/do not make the root key/);
    expect((await ask('GET', 'sys/rekey/init')).body).toMatchObject({ started: true, progress: 0 });
    expect(said(await ask('DELETE', 'sys/rekey/init'))).toEqual(done);
    expect((await ask('GET', 'sys/rekey/init')).body).toEqual(noRekey);
    expect((await unsealedWith(server, server.keys.slice(1)))?.body.sealed).toBe(false);
  });

  test('of the recovery key are made where a key backend unseals, and those of the root key where none does', async () => {
    const backend = localBackend({ current: keyFromBytes(systemRandom(32)) }, systemRandom);
    const server = await started({ backend, init: 'raw' });
    const ask = asker(server);
    const { recovery_keys: keys, root_token: token } = (await ask('PUT', 'sys/init', { recovery_shares: 2, recovery_threshold: 2 })).body;
    expect((await ask('PUT', 'sys/rekey/init', { secret_shares: 2, secret_threshold: 2 })).body.errors[0]).toMatch(
      /rekey the recovery key/,
    );
    const { nonce } = (await ask('PUT', 'sys/rekey-recovery-key/init', { secret_shares: 1, secret_threshold: 1 })).body;
    await ask('PUT', 'sys/rekey-recovery-key/update', { key: keys[0], nonce });
    const made = (await ask('PUT', 'sys/rekey-recovery-key/update', { key: keys[1], nonce })).body;
    const attempt = (await ask('PUT', 'sys/generate-root/attempt', {})).body;
    expect(attempt.required).toBe(1);
    expect((await ask('PUT', 'sys/generate-root/update', { key: made.keys[0], nonce: attempt.nonce })).body.complete).toBe(true);
    const status = await server.call('GET', 'sys/rotate/recovery/init', { token });
    expect(said(status)).toEqual(shown({ ...noRekey, required: 1 }));
    const shamir = await started();
    expect(said(await asker(shamir)('GET', 'sys/rekey-recovery-key/init'))).toEqual(refused(400, 'recovery rekeying not supported'));
  });
});
