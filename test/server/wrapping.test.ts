// Response wrapping: an answer behind a token that works once, for its time, and for what it is meant for.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  accessor,
  denied,
  done,
  envelope,
  nothingThere,
  refused,
  type Said,
  type Shape,
  said,
  serviceToken,
  shown,
  stranger,
  time,
  uuid,
} from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, mount, tokenOf } = shared;

const notValid = refused(400, 'wrapping token is not valid or does not exist');
const ttl = (seconds: number | string) => ({ 'X-Vault-Wrap-TTL': String(seconds) });

/** A wrapped answer tells its token and nothing of what is in it, not even the request's id. */
function wrapped(seconds: number, path: string, more: Shape = {}): Said {
  const info = { token: serviceToken, accessor, ttl: seconds, creation_time: time, creation_path: path, ...more };
  return [200, envelope({ request_id: '', wrap_info: info })];
}

const wrap = async (data: Shape, seconds: number | string = 60): Promise<string> =>
  (await call('POST', 'sys/wrapping/wrap', { headers: ttl(seconds), body: data })).body.wrap_info.token;
const unwrap = (token: string) => call('POST', 'sys/wrapping/unwrap', { token });

describe('wrapping', () => {
  test('is done to any answer, whatever made it', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    expect(said(await call('GET', `${kv}/a`, { headers: ttl('2m') }))).toEqual(wrapped(120, `${kv}/a`));
    expect(said(await call('LIST', kv, { headers: ttl('2m') }))).toEqual(wrapped(120, `${kv}/`));
    expect(said(await call('GET', 'sys/policies/acl/default', { headers: ttl(30) }))).toEqual(wrapped(30, 'sys/policies/acl/default'));
    expect(said(await call('POST', 'sys/wrapping/wrap', { headers: ttl(60), body: { a: 'b' } }))).toEqual(wrapped(60, 'sys/wrapping/wrap'));
  });

  test('a token that was made is told by the accessor of what is wrapped', async () => {
    const answer = await call('POST', 'auth/token/create', { headers: ttl('5m'), body: { policies: ['default'], ttl: '1h' } });
    expect(said(answer)).toEqual(wrapped(300, 'auth/token/create', { wrapped_accessor: accessor }));
    const { body } = await unwrap(answer.body.wrap_info.token);
    expect(body).toEqual(envelope({ auth: expect.objectContaining({ lease_duration: 3600, policies: ['default'] }) }));
    expect(body.auth.accessor).toBe(answer.body.wrap_info.wrapped_accessor);
    expect((await call('GET', 'auth/token/lookup-self', { token: body.auth.client_token })).status).toBe(200);
  });

  test('leaves alone what has nothing to say, what is refused, and what is bare', async () => {
    const kv = await mount('kv');
    const headers = ttl('2m');
    expect(said(await call('POST', `${kv}/b`, { headers, body: { x: '1' } }))).toEqual(done);
    expect(said(await call('GET', `${kv}/none`, { headers }))).toEqual(nothingThere);
    expect(said(await call('LIST', `${kv}/none`, { headers }))).toEqual(refused(404, 'unsupported path'));
    expect(said(await call('GET', `${kv}/b`, { headers, token: null }))).toEqual(stranger);
    expect((await call('GET', 'sys/health', { headers })).body.initialized).toBe(true);
  });

  test('data of one`s own needs the header', async () => {
    for (const headers of [{}, ttl(0)])
      expect(said(await call('POST', 'sys/wrapping/wrap', { headers, body: { a: 'b' } }))).toEqual(
        refused(400, 'endpoint requires response wrapping to be used'),
      );
  });

  test('is bounded by policies', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const token = await shared.tokenWith(`path "${kv}/a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "10m" }`);
    expect(said(await call('GET', `${kv}/a`, { token }))).toEqual(denied);
    for (const seconds of ['59s', '601s'])
      expect(said(await call('GET', `${kv}/a`, { token, headers: ttl(seconds) })), seconds).toEqual(denied);
    for (const seconds of [60, 600])
      expect(said(await call('GET', `${kv}/a`, { token, headers: ttl(seconds) }))).toEqual(wrapped(seconds, `${kv}/a`));
  });
});

describe('unwrapping', () => {
  test('gives the answer to the byte, with its own request id, by the token or by naming it', async () => {
    const data = { a: 'b', n: 5, exact: 'ß' };
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: data });
    const get = async () => (await call('GET', `${kv}/a`, { headers: ttl(60) })).body.wrap_info.token;
    const expected = [200, envelope({ lease_duration: 2764800, data })];
    const first = await unwrap(await get());
    expect(said(first)).toEqual(expected);
    expect(first.body.request_id).toEqual(uuid);
    const named = await call('POST', 'sys/wrapping/unwrap', { body: { token: await get() } });
    expect(said(named)).toEqual(expected);
    expect([named.headers['content-type'], named.headers['cache-control']]).toEqual(['application/json', 'no-store']);
    expect(named.text.replace(named.body.request_id, '')).toBe(first.text.replace(first.body.request_id, ''));
  });

  test('works once', async () => {
    const token = await wrap({ a: 'b' });
    expect((await unwrap(token)).body.data).toEqual({ a: 'b' });
    expect(said(await unwrap(token))).toEqual(notValid);
    expect(said(await call('POST', 'sys/wrapping/unwrap', { body: { token } }))).toEqual(notValid);
    expect(said(await call('POST', 'sys/wrapping/lookup', { token: null, body: { token } }))).toEqual(notValid);
  });

  test('works for one of many who try at once', async () => {
    const token = await wrap({ a: 'b' });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0 ? unwrap(token) : call('POST', 'sys/wrapping/unwrap', { body: { token } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expect(said(answer)).toEqual(notValid);
  });

  test('of what is no wrapping token is refused', async () => {
    expect(said(await call('POST', 'sys/wrapping/unwrap', { body: { token: 'nope' } }))).toEqual(notValid);
    const { client_token } = await tokenOf({ policies: ['default'] });
    expect(said(await call('POST', 'sys/wrapping/unwrap', { body: { token: client_token } }))).toEqual(notValid);
    expect((await call('GET', 'auth/token/lookup-self', { token: client_token })).status).toBe(200);
  });

  test('for somebody else needs a policy, and a failed attempt uses nothing up', async () => {
    const token = await wrap({ a: 'b' });
    const { client_token: bare } = await tokenOf({ policies: ['none'], no_default_policy: true });
    expect((await call('POST', 'sys/wrapping/unwrap', { token: bare, body: { token } })).status).toBe(403);
    expect((await call('POST', 'sys/wrapping/unwrap', { token: null, body: { token } })).status).toBe(403);
    const { client_token: usual } = await tokenOf({ policies: ['default'] });
    expect((await call('POST', 'sys/wrapping/unwrap', { token: usual, body: { token } })).body.data).toEqual({ a: 'b' });
  });

  test('comes too late when the time is over', async () => {
    const token = await wrap({ a: 'b' }, 1);
    await sleep(1_100);
    expect(said(await unwrap(token))).toEqual(notValid);
  });

  test('gives what was wrapped, not what stands there now', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: 'then' } });
    const { body } = await call('GET', `${kv}/a`, { headers: ttl(60) });
    await call('POST', `${kv}/a`, { body: { x: 'now' } });
    expect((await unwrap(body.wrap_info.token)).body.data).toEqual({ x: 'then' });
  });
});

describe('a wrapping token', () => {
  test('tells where it comes from, to anybody and as often as they like', async () => {
    const token = await wrap({ a: 'b' }, 90);
    const origin = shown({ creation_path: 'sys/wrapping/wrap', creation_time: time, creation_ttl: 90 });
    for (let times = 0; times < 2; times++) {
      expect(said(await call('POST', 'sys/wrapping/lookup', { token: null, body: { token } }))).toEqual(origin);
      expect(said(await call('GET', 'sys/wrapping/lookup', { token }))).toEqual(origin);
    }
    expect((await unwrap(token)).status).toBe(200);
  });

  test('that is none is refused by a lookup, and so is a lookup of nothing', async () => {
    expect(said(await call('POST', 'sys/wrapping/lookup', { token: null, body: { token: 'nope' } }))).toEqual(notValid);
    const { status, body } = await call('POST', 'sys/wrapping/lookup', { token: null, body: {} });
    expect([status, body.errors.length]).toEqual([403, 1]);
  });

  test('opens its own answer and nothing else, and the attempt uses it up', async () => {
    const kv = await mount('kv');
    for (const path of ['auth/token/lookup-self', `${kv}/a`, 'sys/mounts']) {
      const token = await wrap({ a: 'b' });
      expect((await call('GET', path, { token })).status, path).toBe(403);
      expect(said(await unwrap(token)), path).toEqual(notValid);
    }
  });

  test('can be exchanged for a new one of the same time and origin', async () => {
    const kv = await mount('kv');
    await call('POST', `${kv}/a`, { body: { x: '1' } });
    const { body } = await call('GET', `${kv}/a`, { headers: ttl(90) });
    const first = body.wrap_info.token;
    const rewrapped = await call('POST', 'sys/wrapping/rewrap', { body: { token: first } });
    expect(rewrapped.body).toEqual({ ...envelope(), request_id: expect.any(String), wrap_info: wrappedInfo(90, `${kv}/a`) });
    expect(rewrapped.body.wrap_info.token).not.toBe(first);
    expect(said(await unwrap(first))).toEqual(notValid);
    expect((await unwrap(rewrapped.body.wrap_info.token)).body.data).toEqual({ x: '1' });
  });

  test('is gone with the one who takes it back', async () => {
    const { body } = await call('POST', 'sys/wrapping/wrap', { headers: ttl(60), body: { a: 'b' } });
    await call('POST', 'auth/token/revoke-accessor', { body: { accessor: body.wrap_info.accessor } });
    expect(said(await unwrap(body.wrap_info.token))).toEqual(notValid);
  });

  test('lives on when the token that asked for it is revoked, and across sealing', async () => {
    const { client_token } = await tokenOf({ policies: ['default'] });
    const { body } = await call('POST', 'sys/wrapping/wrap', { token: client_token, headers: ttl(60), body: { a: 'b' } });
    await call('POST', 'auth/token/revoke', { body: { token: client_token } });
    await call('PUT', 'sys/seal');
    await shared.server.unseal();
    expect((await unwrap(body.wrap_info.token)).body.data).toEqual({ a: 'b' });
  });
});

function wrappedInfo(seconds: number, path: string): Shape {
  return (wrapped(seconds, path)[1] as { readonly wrap_info: Shape }).wrap_info;
}
