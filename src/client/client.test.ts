// The client behaves as Go's does: verbs, headers, the 404 that is an answer, one redirect, further tries, and errors that can be read.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Scripted, type ScriptedServer, scriptedServer } from '../../test/cli/scripted-server.ts';
import type { Fault } from '../base/fault.ts';
import { type Client, type ClientOptions, createClient } from './client.ts';
import { ResponseFault } from './response-fault.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Script = Parameters<typeof scriptedServer>[0];

async function against(answers: Script, options: Partial<ClientOptions> = {}): Promise<{ server: ScriptedServer; client: Client }> {
  const server = await scriptedServer(answers);
  const client = createClient({ address: server.address, retries: 0, ...options });
  ends.push(server.end, client.close);
  return { server, client };
}

async function thrownBy(work: Promise<unknown>): Promise<Fault> {
  return work.then(
    () => expect.fail('it was not refused'),
    (thrown: unknown) => thrown as Fault,
  );
}

const envelope = (more: object) => ({
  request_id: 'r',
  lease_id: '',
  renewable: false,
  lease_duration: 0,
  data: null,
  warnings: null,
  ...more,
});
const ok: Scripted = { status: 200, body: envelope({ data: { a: '1' } }) };
const fixture = (name: string) => readFileSync(new URL(`../../test/cli/fixtures/${name}`, import.meta.url), 'utf8');

describe('a request', () => {
  it('carries token, namespace, wrapping and the header that agents ask for', async () => {
    const { server, client } = await against([ok], { token: 't', namespace: 'team/', wrapTtl: '60s', headers: { 'X-Own': 'o' } });
    await client.read('secret/a', { version: '2' });
    expect(server.asked[0]).toMatchObject({ method: 'GET', url: '/v1/secret/a?version=2' });
    expect(server.asked[0]?.headers).toMatchObject({
      'x-vault-request': 'true',
      'x-vault-token': 't',
      'x-vault-namespace': 'team/',
      'x-vault-wrap-ttl': '60s',
      'x-own': 'o',
    });
  });

  it('lists with GET, writes with PUT, and patches as a merge patch', async () => {
    const { server, client } = await against([ok]);
    await client.list('secret');
    await client.write('secret/a', { x: 1 });
    await client.patch('secret/a', { x: null });
    await client.delete('secret/a', { versions: ['1', '2'] });
    expect(server.asked.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['GET', '/v1/secret?list=true', ''],
      ['PUT', '/v1/secret/a', '{"x":1}'],
      ['PATCH', '/v1/secret/a', '{"x":null}'],
      ['DELETE', '/v1/secret/a?versions=1&versions=2', ''],
    ]);
    expect(server.asked[2]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(server.asked[0]?.headers['x-vault-token']).toBeUndefined();
  });

  it('is not sent when the hook before it throws', async () => {
    const { server, client } = await against([ok], {
      before: ({ method }) => {
        throw new Error(`not ${method}`);
      },
    });
    await expect(client.read('a')).rejects.toThrow('not GET');
    expect(server.asked).toEqual([]);
  });

  it('wraps what exists only wrapped, even without a TTL', async () => {
    const { server, client } = await against([ok]);
    await client.write('sys/wrapping/wrap', { a: 1 });
    expect(server.asked[0]?.headers['x-vault-wrap-ttl']).toBe('5m');
  });
});

describe('an answer', () => {
  it('is a secret with what the server said', async () => {
    const { client } = await against([ok]);
    await expect(client.read('a')).resolves.toMatchObject({ request_id: 'r', data: { a: '1' }, warnings: null });
  });

  it('without an envelope becomes the data', async () => {
    const { client } = await against([{ status: 200, body: { sealed: false, t: 3 } }]);
    await expect(client.read('sys/seal-status')).resolves.toMatchObject({ data: { sealed: false, t: 3 } });
  });

  it('keeps numbers that a double cannot hold', async () => {
    const { client } = await against([{ status: 200, body: '{"data":{"n":12345678901234567890}}' }]);
    const secret = await client.read('a');
    expect(JSON.stringify(secret?.data)).toBe('{"n":12345678901234567890}');
  });

  it('of nothing is undefined: 204, and a 404 without anything', async () => {
    const { client } = await against([{ status: 204 }, { status: 404, body: { errors: [] } }, { status: 404, body: { errors: [] } }]);
    await expect(client.write('a', {})).resolves.toBeUndefined();
    await expect(client.read('a')).resolves.toBeUndefined();
    await expect(client.list('a')).resolves.toBeUndefined();
  });

  it('with 404 is a secret when it has data or warnings', async () => {
    const { client } = await against([
      { status: 404, body: envelope({ data: { data: null, metadata: { version: 1 } } }) },
      { status: 404, body: envelope({ warnings: ['Invalid path'] }) },
    ]);
    await expect(client.read('a')).resolves.toMatchObject({ data: { metadata: { version: 1 } } });
    await expect(client.list('a')).resolves.toMatchObject({ warnings: ['Invalid path'] });
  });

  it('with 404 to a write is a refusal that carries what came with it', async () => {
    const { client } = await against([{ status: 404, body: envelope({ warnings: ['Invalid path'] }) }]);
    const thrown = await thrownBy(client.write('a', {}));
    expect(thrown).toBeInstanceOf(ResponseFault);
    expect((thrown as ResponseFault).secret?.warnings).toEqual(['Invalid path']);
  });

  it('that is no JSON is said to come from something else', async () => {
    const { client } = await against([{ status: 200, body: '<html>' }]);
    await expect(client.read('a')).rejects.toThrow('is this the address of a secrets server?');
  });
});

describe('a refusal', () => {
  it('shows method, URL, code and errors as users of Vault know them', async () => {
    const { server, client } = await against([{ status: 403, body: { errors: ['permission denied'] } }]);
    const thrown = (await thrownBy(client.read('secret/a'))) as ResponseFault;
    expect(thrown.message).toBe(
      `Error making API request.\n\nURL: GET ${server.address}/v1/secret/a\nCode: 403. Errors:\n\n* permission denied`,
    );
    expect(thrown).toMatchObject({ status: 403, method: 'GET', errors: ['permission denied'], code: 'permission-denied' });
  });

  it('without errors in JSON shows the body as it came', async () => {
    const { client } = await against([{ status: 502, body: 'bad gateway' }]);
    await expect(client.read('a')).rejects.toThrow(/Code: 502\. Raw Message:\n\nbad gateway$/);
  });

  it('in a namespace names it', async () => {
    const { client } = await against([{ status: 400, body: { errors: ['no'] }, headers: { 'x-vault-namespace': 'team/' } }]);
    await expect(client.read('a')).rejects.toThrow('\n\nNamespace: team/\nURL: ');
  });

  it('of sys/health is none when the status tells of a standby', async () => {
    const { client } = await against([{ status: 429, body: { standby: true } }]);
    await expect(client.request('GET', 'sys/health')).resolves.toEqual({ status: 429, body: { standby: true } });
  });
});

describe('a redirect', () => {
  it('is followed once, with the body', async () => {
    const { server, client } = await against([{ status: 307, headers: { location: '/v1/there' } }, ok]);
    await expect(client.write('here', { x: 1 })).resolves.toMatchObject({ data: { a: '1' } });
    expect(server.asked.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['PUT', '/v1/here', '{"x":1}'],
      ['PUT', '/v1/there', '{"x":1}'],
    ]);
  });

  it('after a redirect is not followed', async () => {
    const { server, client } = await against([{ status: 307, headers: { location: '/v1/on' } }]);
    await client.raw('GET', 'here');
    expect(server.asked).toHaveLength(2);
  });

  it('is not followed when redirects are off', async () => {
    const { server, client } = await against([{ status: 307, headers: { location: '/v1/there' } }], { redirects: false });
    await client.raw('GET', 'here');
    expect(server.asked).toHaveLength(1);
  });

  it('from HTTPS to HTTP is refused', async () => {
    const tls = { cert: fixture('loopback.pem'), key: fixture('loopback-key.pem') };
    const server = await scriptedServer([{ status: 307, headers: { location: 'http://127.0.0.1:1/v1/there' } }], tls);
    const client = createClient({ address: server.address, token: 't', tls: { authorities: [fixture('loopback.pem')] } });
    ends.push(server.end, client.close);
    await expect(client.read('here')).rejects.toThrow('protocol downgrade');
  });
});

describe('another try', () => {
  it.each([412, 429, 500, 503])('is made after %i', async (status) => {
    const { server, client } = await against([{ status, body: { errors: ['later'] } }, ok], { retries: 1 });
    await expect(client.read('a')).resolves.toMatchObject({ data: { a: '1' } });
    expect(server.asked).toHaveLength(2);
  });

  it.each([400, 403, 404, 501])('is not made after %i', async (status) => {
    const { server, client } = await against([{ status, body: { errors: ['no'] } }, ok], { retries: 2 });
    await client.read('a').catch(() => undefined);
    expect(server.asked).toHaveLength(1);
  });

  it('is made after a broken connection, and no more often than asked', async () => {
    const { server, client } = await against(['break', 'break', ok], { retries: 1 });
    expect((await thrownBy(client.read('a'))).message).toMatch(/^Get "http:.*": (?:EOF|read: connection reset by peer)$/);
    expect(server.asked).toHaveLength(2);
  });

  it('is not made where trying again cannot help', async () => {
    const server = await scriptedServer([ok], { cert: fixture('loopback.pem'), key: fixture('loopback-key.pem') });
    const client = createClient({ address: server.address, retries: 2 });
    ends.push(server.end, client.close);
    await expect(client.read('a')).rejects.toThrow('signed by unknown authority');
    expect(server.connections()).toBe(1);
  });

  it('is the default two times, and the last answer counts', async () => {
    const { server, client } = await against([{ status: 503, body: { errors: ['Vault is sealed'] } }], { retries: undefined });
    await expect(client.read('a')).rejects.toThrow('* Vault is sealed');
    expect(server.asked).toHaveLength(3);
  });
});

describe('a server that cannot be reached', () => {
  it('is told of in the words that people search for', async () => {
    const server = await scriptedServer([ok]);
    await server.end();
    const thrown = await thrownBy(createClient({ address: server.address, retries: 0 }).read('a'));
    const host = server.address.slice('http://'.length);
    expect(thrown.message).toBe(`Get "${server.address}/v1/a": dial tcp ${host}: connect: connection refused`);
    expect(thrown.code).toBe('unavailable');
  });

  it('is given up when the time is over', async () => {
    const { client } = await against(['hang'], { timeout: 100 });
    expect(await thrownBy(client.read('a'))).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('context deadline exceeded'),
    });
  });

  it('is given up when the caller stops', async () => {
    const stop = new AbortController();
    const { client } = await against(['hang'], { signal: stop.signal, retries: 2 });
    setTimeout(() => stop.abort(), 50);
    await expect(client.read('a')).rejects.toThrow('interrupted');
  });

  it('that speaks HTTP is told apart from one that speaks HTTPS', async () => {
    const { server } = await against([ok]);
    const client = createClient({ address: server.address.replace('http:', 'https:'), retries: 0 });
    await expect(client.read('a')).rejects.toThrow('http: server gave HTTP response to HTTPS client');
  });
});

describe('the way to a server', () => {
  it('leads through the proxy of the environment', async () => {
    const { server } = await against([ok]);
    const client = createClient({ address: 'http://vault.invalid:8200', proxies: { HTTP_PROXY: server.address }, retries: 0 });
    ends.push(client.close);
    await expect(client.read('a')).resolves.toBeDefined();
    expect(server.asked[0]?.url).toBe('http://vault.invalid:8200/v1/a');
  });

  it('to this machine never leads through a proxy', async () => {
    const { client } = await against([ok], { proxies: { HTTP_PROXY: 'http://127.0.0.1:1' } });
    await expect(client.read('a')).resolves.toBeDefined();
  });

  it('may be a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'casemate-client-'));
    const socket = join(folder, 'server.sock');
    const server = createServer((request, response) => response.end(JSON.stringify(envelope({ data: { url: request.url } }))));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const client = createClient({ address: `unix://${socket}`, retries: 0 });
    ends.push(
      () => rmSync(folder, { recursive: true }),
      () => void server.close(),
      client.close,
    );
    await expect(client.read('a')).resolves.toMatchObject({ data: { url: '/v1/a' } });
  });
});

describe('a server with a certificate', () => {
  const tls = { cert: fixture('loopback.pem'), key: fixture('loopback-key.pem') };
  const over = async (options: ClientOptions['tls']): Promise<Client> => {
    const server = await scriptedServer([ok], tls);
    const client = createClient({ address: server.address, tls: options, retries: 0 });
    ends.push(server.end, client.close);
    return client;
  };

  it('is believed when its authority is trusted', async () => {
    await expect((await over({ authorities: [tls.cert] })).read('a')).resolves.toBeDefined();
  });

  it('is refused when nobody vouches for it', async () => {
    await expect((await over({})).read('a')).rejects.toThrow('x509: certificate signed by unknown authority');
  });

  it('is believed unseen when verification is off', async () => {
    await expect((await over({ verify: false })).read('a')).resolves.toBeDefined();
  });

  it('must bear the name that is expected', async () => {
    await expect((await over({ authorities: [tls.cert], serverName: 'vault.example' })).read('a')).resolves.toBeDefined();
    await expect((await over({ authorities: [tls.cert], serverName: 'other.example' })).read('a')).rejects.toThrow('is not valid for');
  });
});

describe('unwrapping', () => {
  it('sends the wrapping token in the body beside a token of its own', async () => {
    const { server, client } = await against([ok], { token: 'mine' });
    await client.unwrap('wrapped');
    expect(server.asked[0]).toMatchObject({ method: 'PUT', url: '/v1/sys/wrapping/unwrap', body: '{"token":"wrapped"}' });
    expect(server.asked[0]?.headers['x-vault-token']).toBe('mine');
  });

  it('uses the wrapping token itself where there is no other', async () => {
    const { server, client } = await against([ok]);
    await client.unwrap('wrapped');
    expect(server.asked[0]).toMatchObject({ body: '' });
    expect(server.asked[0]?.headers['x-vault-token']).toBe('wrapped');
  });

  it('gives back a wrapped 404 that says something', async () => {
    const { client } = await against([{ status: 404, body: envelope({ warnings: ['gone'] }) }], { token: 'mine' });
    await expect(client.unwrap('wrapped')).resolves.toMatchObject({ warnings: ['gone'] });
  });
});
