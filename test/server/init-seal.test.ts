// A server's way from an empty store to one that answers, and back: init, unseal, seal, health in every state, the keyring.

import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyFromBytes } from '../../src/crypto/keys.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { localBackend } from '../../src/keys/backends/local.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../suites/server.ts';
import { between, denied, done, injected, refused, said, sealed, serviceToken, stranger, time, uuid } from './shapes.ts';

const version = '1.20.4+casemate.test';

async function withServer(options: TestServerOptions, story: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startTestServer(options);
  try {
    await story(server);
  } finally {
    await server.end();
  }
}

interface Shares {
  readonly keys: readonly string[];
  readonly keys_base64: readonly string[];
  readonly root_token: string;
}

async function initialised(server: TestServer, shares = 3, threshold = 2): Promise<Shares> {
  const answer = await server.call('PUT', 'sys/init', { token: null, body: { secret_shares: shares, secret_threshold: threshold } });
  expect(answer.status).toBe(200);
  return answer.body;
}

const unseal = (server: TestServer, body: unknown) => server.call('PUT', 'sys/unseal', { token: null, body });

const sealStatus = {
  type: 'shamir',
  initialized: true,
  sealed: true,
  t: 2,
  n: 3,
  progress: 0,
  nonce: '',
  recovery_seal: false,
  version,
  build_date: '',
  commit_date: '',
  migration: false,
  storage_type: 'memory',
};
const cluster = { cluster_name: expect.stringMatching(/\S/), cluster_id: uuid };

function health(initialized: boolean, isSealed: boolean, replication: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    initialized,
    sealed: isSealed,
    standby: isSealed,
    performance_standby: false,
    replication_performance_mode: replication,
    replication_dr_mode: replication,
    server_time_utc: between(now - 2, now + 60),
    version,
  };
}

describe('before initialisation', () => {
  test('the state is told and everything else is refused', () =>
    withServer({ init: 'raw' }, async (server) => {
      const call = (path: string) => server.call('GET', path, { token: null });
      expect(said(await call('sys/init'))).toEqual([200, { initialized: false }]);
      expect(said(await call('sys/health'))).toEqual([501, health(false, true, 'unknown')]);
      expect((await call('sys/health?uninitcode=299')).status).toBe(299);
      expect((await call('sys/health?sealedcode=298')).status).toBe(501);
      expect(said(await call('sys/seal-status'))).toEqual([200, { ...sealStatus, initialized: false, t: 0, n: 0 }]);
      expect(said(await call('sys/leader'))).toEqual([
        200,
        { ha_enabled: false, performance_standby: false, performance_standby_last_remote_wal: 0 },
      ]);
      expect(said(await call('cubbyhole/a'))).toEqual(sealed);
      expect(said(await unseal(server, { key: '00'.repeat(33) }))[0]).toBe(400);
    }));

  test.each([
    [{ secret_shares: 5 }, 'threshold must be at least one'],
    [{}, 'shares must be at least one'],
    [{ secret_shares: 0, secret_threshold: 0 }, 'shares must be at least one'],
    [{ secret_shares: 2, secret_threshold: 3 }, 'threshold cannot be larger than shares'],
    [{ secret_shares: 2, secret_threshold: 1 }, 'threshold must be greater than one for multiple shares'],
    [{ secret_shares: 256, secret_threshold: 2 }, 'shares must be less than 256'],
  ])('shares of %j are refused, and the store stays empty', (body, why) =>
    withServer({ init: 'raw' }, async (server) => {
      const answer = await server.call('PUT', 'sys/init', { token: null, body });
      expect(said(answer)).toEqual(refused(400, `invalid seal configuration: ${why}`));
      expect((await server.call('GET', 'sys/init', { token: null })).body).toEqual({ initialized: false });
    }),
  );

  test('parameters of the other kind of seal are refused', async () => {
    await withServer({ init: 'raw' }, async (server) => {
      const body = { secret_shares: 1, secret_threshold: 1, recovery_shares: 1, recovery_threshold: 1 };
      expect(said(await server.call('PUT', 'sys/init', { token: null, body }))).toEqual(
        refused(400, 'parameters recovery_shares,recovery_threshold not applicable to seal type shamir'),
      );
    });
    await withServer({ init: 'raw', backend: ownKey() }, async (server) => {
      const body = { secret_shares: 5, secret_threshold: 3 };
      expect(said(await server.call('PUT', 'sys/init', { token: null, body }))).toEqual(
        refused(400, 'parameters secret_shares,secret_threshold not applicable to seal type static'),
      );
    });
  });
});

describe('initialisation', () => {
  test('gives the shares in both writings and a root token, once', () =>
    withServer({ init: 'raw' }, async (server) => {
      const made = await initialised(server, 5, 3);
      expect(made).toEqual({ keys: expect.any(Array), keys_base64: expect.any(Array), root_token: serviceToken });
      expect(made.keys).toHaveLength(5);
      for (const key of made.keys) expect(key).toMatch(/^[0-9a-f]{66}$/);
      expect(made.keys_base64).toEqual(made.keys.map((key) => Buffer.from(key, 'hex').toString('base64')));
      expect(made.root_token).toHaveLength(28);
      const again = await server.call('PUT', 'sys/init', { token: null, body: { secret_shares: 1, secret_threshold: 1 } });
      expect(said(again)).toEqual(refused(400, 'Vault is already initialized'));
      expect((await server.call('GET', 'sys/init', { token: null })).body).toEqual({ initialized: true });
    }));

  test('a single share is the key itself, and the server waits for it all the same', () =>
    withServer({ init: 'raw' }, async (server) => {
      const made = await initialised(server, 1, 1);
      expect(made.keys[0]).toMatch(/^[0-9a-f]{64}$/);
      expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toMatchObject({ sealed: true, t: 1, n: 1 });
      expect((await unseal(server, { key: made.keys[0] })).body.sealed).toBe(false);
      expect((await server.call('GET', 'auth/token/lookup-self', { token: made.root_token })).body.data.policies).toEqual(['root']);
    }));
});

describe('unsealing', () => {
  test('counts distinct shares, in hex or base64, and opens at the threshold', () =>
    withServer({ init: 'raw' }, async (server) => {
      const { keys, keys_base64, root_token: token } = await initialised(server);
      const status = async () => (await server.call('GET', 'sys/seal-status', { token: null })).body;
      expect(await status()).toEqual(sealStatus);
      expect(said(await server.call('GET', 'sys/health', { token: null }))).toEqual([503, health(true, true, 'unknown')]);
      expect((await server.call('GET', 'sys/health?sealedcode=298', { token: null })).status).toBe(298);
      expect(said(await server.call('GET', 'sys/mounts', { token }))).toEqual(sealed);

      const first = await unseal(server, { key: keys_base64[0] });
      expect(said(first)).toEqual([200, { ...sealStatus, progress: 1, nonce: uuid }]);
      expect((await unseal(server, { key: keys[0] })).body).toEqual(first.body);
      expect(await status()).toEqual(first.body);

      expect(said(await unseal(server, { key: keys[2] }))).toEqual([200, { ...sealStatus, ...cluster, sealed: false }]);
      expect(said(await server.call('GET', 'sys/health', { token: null }))).toEqual([
        200,
        { ...health(true, false, 'disabled'), ...cluster },
      ]);
      expect((await server.call('GET', 'sys/mounts', { token })).status).toBe(200);
      expect((await unseal(server, { key: keys[1] })).body).toEqual({ ...sealStatus, ...cluster, sealed: false });
    }));

  test('can be started over', () =>
    withServer({ init: 'raw' }, async (server) => {
      const { keys } = await initialised(server);
      await unseal(server, { key: keys[0] });
      expect(said(await unseal(server, { reset: true }))).toEqual([200, sealStatus]);
      expect((await unseal(server, { key: keys[1] })).body).toMatchObject({ sealed: true, progress: 1 });
    }));

  test('refuses what is no share', () =>
    withServer({ init: 'raw' }, async (server) => {
      await initialised(server);
      const missing = refused(400, "'key' must be specified in request body as JSON, or 'reset' set to true");
      expect(said(await unseal(server, {}))).toEqual(missing);
      expect(said(await unseal(server, undefined))).toEqual(missing);
      expect(said(await unseal(server, { key: '' }))).toEqual(missing);
      expect(said(await unseal(server, { key: 'zz' }))).toEqual(refused(400, "'key' must be a valid hex or base64 string"));
      const long = Buffer.alloc(34, 1).toString('base64');
      expect(said(await unseal(server, { key: long }))).toEqual(refused(400, 'invalid key: key is longer than maximum 33 bytes'));
      expect((await unseal(server, { key: '00'.repeat(5) })).status).toBe(400);
      expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toEqual(sealStatus);
    }));

  test('a wrong quorum is refused and counts for nothing afterwards', () =>
    withServer({ init: 'raw' }, async (server) => {
      const { keys } = await initialised(server);
      const forged = `${'11'.repeat(32)}07`;
      expect((await unseal(server, { key: keys[0] })).body.progress).toBe(1);
      const wrong = await unseal(server, { key: forged });
      expect([wrong.status, wrong.body.errors]).toEqual([400, [expect.any(String)]]);
      expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toEqual(sealStatus);
      await unseal(server, { key: keys[0] });
      expect((await unseal(server, { key: keys[1] })).body.sealed).toBe(false);
    }));

  test('takes its parameters in any case, as it always has', () =>
    withServer({ init: 'raw' }, async (server) => {
      const { keys } = await initialised(server, 1, 1);
      expect((await unseal(server, { KEY: keys[0] })).body).toMatchObject({ sealed: false });
    }));
});

describe('sealing', () => {
  test('is for those who may, and ends every answer until the shares come back', () =>
    withServer({ store: 'lmdb', init: { shares: 3, threshold: 2 } }, async (server) => {
      await server.call('POST', 'sys/mounts/kv', { body: { type: 'kv' } });
      await server.call('POST', 'kv/a', { body: { x: '1' } });
      await server.call('PUT', 'sys/policies/acl/seals', { body: { policy: 'path "sys/seal" { capabilities = ["update"] }' } });
      const { body: weak } = await server.call('POST', 'auth/token/create', { body: { policies: ['seals'] } });
      expect(said(await server.call('PUT', 'sys/seal', { token: null }))).toEqual(stranger);
      expect(said(await server.call('PUT', 'sys/seal', { token: weak.auth.client_token }))).toEqual(denied);
      expect((await server.call('GET', 'kv/a')).status).toBe(200);

      expect(said(await server.call('PUT', 'sys/seal'))).toEqual(done);
      expect(server.server.sealed).toBe(true);
      for (const [method, path] of [
        ['GET', 'kv/a'],
        ['GET', 'sys/mounts'],
        ['LIST', 'kv'],
        ['POST', 'kv/b'],
        ['PUT', 'sys/seal'],
        ['GET', 'sys/key-status'],
      ] as const)
        expect(said(await server.call(method, path, method === 'POST' ? { body: { x: '2' } } : {})), `${method} ${path}`).toEqual(sealed);
      expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toMatchObject({ sealed: true, progress: 0 });

      await server.unseal();
      expect((await server.call('GET', 'kv/a')).body.data).toEqual({ x: '1' });
      expect((await server.call('GET', 'kv/b')).status).toBe(404);
      expect((await server.call('GET', 'sys/policies/acl/seals')).status).toBe(200);
      expect((await server.call('GET', 'auth/token/lookup-self', { token: weak.auth.client_token })).body.data.policies).toEqual([
        'default',
        'seals',
      ]);
    }));

  test('keeps its cluster name and id for ever', () =>
    withServer({}, async (server) => {
      const before = (await server.call('GET', 'sys/health', { token: null })).body;
      await server.call('PUT', 'sys/seal');
      expect((await server.call('GET', 'sys/health', { token: null })).body).not.toHaveProperty('cluster_id');
      await server.unseal();
      const after = (await server.call('GET', 'sys/health', { token: null })).body;
      expect([after.cluster_name, after.cluster_id]).toEqual([before.cluster_name, before.cluster_id]);
    }));
});

describe('health', () => {
  test('answers with the code that a load balancer asks for', () =>
    withServer({}, async (server) => {
      const status = async (query: string, method = 'GET') => (await server.call(method, `sys/health?${query}`, { token: null })).status;
      expect(await status('activecode=297')).toBe(297);
      expect(await status('sealedcode=298&uninitcode=299&standbycode=296')).toBe(200);
      expect(await status('standbyok=true&perfstandbyok=true&drsecondarycode=201&performancestandbycode=202')).toBe(200);
      expect(await status('activecode=299', 'HEAD')).toBe(299);
      expect(await status('activecode=many')).toBe(400);
    }));
});

describe('a server with its own key', () => {
  test('unseals by itself and says which kind of seal it has', () =>
    withServer({ backend: ownKey() }, async (server) => {
      expect((await server.call('GET', 'sys/seal-status', { token: null })).body).toEqual({
        ...sealStatus,
        ...cluster,
        type: 'static',
        sealed: false,
        recovery_seal: true,
        t: 0,
        n: 0,
      });
      expect((await server.call('GET', 'sys/mounts')).status).toBe(200);
    }));
});

describe('the keyring', () => {
  test('gets a new term by either name of the route, and what was written before stays readable', () =>
    withServer({}, async (server) => {
      await server.call('POST', 'cubbyhole/a', { body: { x: '1' } });
      const status = () => server.call('GET', 'sys/key-status');
      expect(said(await status())).toEqual(injected({ term: 1, install_time: time, encryptions: expect.any(Number) }));
      expect(said(await server.call('PUT', 'sys/rotate'))).toEqual(done);
      expect((await status()).body.data.term).toBe(2);
      expect(said(await server.call('POST', 'sys/rotate/keyring'))).toEqual(done);
      expect((await status()).body.data.term).toBe(3);
      expect((await server.call('GET', 'cubbyhole/a')).body.data).toEqual({ x: '1' });
      await server.call('PUT', 'sys/seal');
      await server.unseal();
      expect((await status()).body.data.term).toBe(3);
      expect((await server.call('GET', 'cubbyhole/a')).body.data).toEqual({ x: '1' });
    }));
});

describe('the servers over a store', () => {
  test('are told by ha-status, and stepping down changes nothing where every one is active', () =>
    withServer({}, async (server) => {
      const { body } = await server.call('GET', 'sys/ha-status');
      expect(body.nodes).toEqual(body.data.nodes);
      expect(body.nodes).toEqual([
        {
          hostname: expect.any(String),
          api_address: 'http://127.0.0.1:8200',
          cluster_address: expect.any(String),
          active_node: true,
          last_echo: null,
          version,
        },
      ]);
      expect(said(await server.call('PUT', 'sys/step-down'))).toEqual(done);
      expect((await server.call('GET', 'sys/health', { token: null })).status).toBe(200);
    }));
});

function ownKey() {
  return localBackend({ current: keyFromBytes(randomBytes(32)) }, systemRandom);
}
