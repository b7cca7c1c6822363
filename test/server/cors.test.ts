// sys/config/cors: set, read, taken back, and in effect at once.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

const set = (body: Record<string, unknown>) => server.call('POST', 'sys/config/cors', { body });
const asked = (origin: string) => server.call('GET', 'sys/mounts', { headers: { origin } });

describe('cross-origin access', () => {
  it('is off at first', async () => {
    expect((await server.call('GET', 'sys/config/cors')).body).toMatchObject({ enabled: false, data: { enabled: false } });
    const { status, headers } = await asked('https://console.example');
    expect([status, headers['access-control-allow-origin']]).toStrictEqual([200, undefined]);
  });

  it('is for the origins that were named, from the next request on, and shown with the headers of the API', async () => {
    expect((await set({ allowed_origins: 'https://console.example,https://b.example', allowed_headers: 'X-Own' })).status).toBe(204);
    const { body } = await server.call('GET', 'sys/config/cors');
    expect(body.data).toMatchObject({
      enabled: true,
      allowed_origins: ['https://console.example', 'https://b.example'],
      allow_credentials: false,
    });
    expect(body.data.allowed_headers).toEqual(expect.arrayContaining(['X-Vault-Token', 'Content-Type', 'X-Own']));
    expect(body.allowed_origins).toStrictEqual(body.data.allowed_origins);
    expect((await asked('https://console.example')).headers['access-control-allow-origin']).toBe('https://console.example');
    expect((await asked('https://evil.example')).status).toBe(403);
    await server.server.seal();
    await server.unseal();
    expect((await asked('https://evil.example')).status).toBe(403);
  });

  it('is off again when it is deleted', async () => {
    await set({ allowed_origins: '*' });
    expect((await server.call('DELETE', 'sys/config/cors')).status).toBe(204);
    expect((await asked('https://evil.example')).status).toBe(200);
    expect((await server.call('GET', 'sys/config/cors')).body.data).toStrictEqual({ enabled: false });
  });

  it.each([
    [{}, 'at least one origin or the wildcard must be provided'],
    [{ allowed_origins: ['*', 'https://a.example'] }, "the '*' must be the only value"],
    [{ allowed_origins: '*', allow_credentials: true }, 'allow_credentials needs named origins'],
    [{ allowed_origins: 'https://a.example', allowed_headers: ['a\r\nb'] }, 'allowed_headers must be names of headers'],
  ])('is refused: %j', async (body, why) => {
    const answer = await set(body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0]).toContain(why);
  });

  it('needs sudo', async () => {
    await server.call('POST', 'sys/policies/acl/half', { body: { policy: 'path "sys/config/*" { capabilities = ["read", "update"] }' } });
    const token = (await server.call('POST', 'auth/token/create', { body: { policies: ['half'] } })).body.auth.client_token;
    expect((await server.call('GET', 'sys/config/cors', { token })).status).toBe(403);
    expect((await server.call('POST', 'sys/config/cors', { token, body: { allowed_origins: '*' } })).status).toBe(403);
  });
});
