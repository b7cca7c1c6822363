// What becomes of calls when the API server is busy, restarting, gone or slow: tried again where that is safe, ended in time, said plainly.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { refusalOf, timed } from '../../test/foundation/listening.ts';
import { localhostCertificate, localhostKey } from '../../test/foundation/localhost.ts';
import { statusReply } from '../../test/foundation/scripted-api.ts';
import { scriptedKube, scriptedToken } from '../../test/foundation/scripted-kube.ts';
import { configMaps, secrets } from './kinds.ts';

const { start, client, afterwards } = scriptedKube();

const ref = { namespace: 'a', name: 'x' };
const object = { metadata: { ...ref, resourceVersion: '7' } };
const there = { body: { ...object, kind: 'ConfigMap', apiVersion: 'v1' } };
const busy = statusReply(429, 'TooManyRequests', 'too many requests');

describe('a busy server', () => {
  it('is asked again, a write too, when it said to wait', async () => {
    const api = await start();
    api.next(busy, { status: 503, headers: { 'Retry-After': '0' } }, there);
    expect(await client(api).replace(configMaps, object)).toMatchObject(object);
    expect(api.seen.map(({ method }) => method)).toStrictEqual(['PUT', 'PUT', 'PUT']);
  });

  it('that stays busy ends the call with what it said', async () => {
    const api = await start();
    api.otherwise(() => busy);
    const fault = await refusalOf(() => client(api).get(configMaps, ref, { timeout: 1_400 }));
    expect(fault).toMatchObject({ code: 'rate-limited', status: 429 });
    expect(fault.message).toContain('too many requests');
  });

  it('that does not say when to come again is not asked again', async () => {
    const api = await start();
    api.otherwise(() => statusReply(500, 'InternalError', 'Internal error occurred: no matching key was found'));
    const fault = await refusalOf(() => client(api).get(configMaps, ref));
    expect(fault).toMatchObject({ code: 'internal', reason: 'InternalError' });
    expect(fault.message).toContain('no matching key was found');
    expect(api.seen).toHaveLength(1);
  });
});

describe('a server that is not there', () => {
  it('is waited for, and the write is done once it is', async () => {
    const { port, stop } = await start();
    await stop();
    const written = client({ url: `https://127.0.0.1:${port}` }).create(configMaps, object);
    await sleep(100);
    const api = await start({ port });
    api.otherwise(() => there);
    expect(await written).toMatchObject(object);
    expect(api.seen).toHaveLength(1);
  });

  it('is given up after the patience that the caller has', async () => {
    const { url, stop } = await start();
    await stop();
    let fault: unknown;
    const took = await timed(async () => {
      fault = await refusalOf(() => client({ url }).get(configMaps, ref, { patience: 150 }));
    });
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(2_000);
    expect(fault).toMatchObject({ code: 'unavailable', fields: { fate: 'refused' } });
    expect((fault as Error).message).toMatch(
      /^get configmaps a\/x: cannot reach https:\S+ \(the configured token\): connection refused; is/,
    );
  });

  it('but another that shows a certificate of somebody else is refused at once', async () => {
    const api = await start();
    const stranger = { credentials: async () => ({ tls: { verify: true }, headers: {} }) };
    const fault = await refusalOf(() => client(api, stranger).get(configMaps, ref));
    expect(fault.message).toContain('its certificate is signed by an authority that is not trusted here');
    expect(api.seen).toStrictEqual([]);
  });
});

describe('a connection that is lost', () => {
  it('before the answer: what is safe to repeat is repeated', async () => {
    const api = await start();
    api.next({ cut: true }, there, { cut: true }, there, { cut: true }, { body: {} });
    const kube = client(api);
    expect(await kube.get(configMaps, ref)).toMatchObject(object);
    expect(await kube.apply(configMaps, { metadata: ref })).toMatchObject(object);
    expect(await kube.remove(configMaps, ref)).toBe(true);
    expect(api.seen).toHaveLength(6);
  });

  it('before the answer to a write: the caller is told that nobody knows', async () => {
    const api = await start();
    api.otherwise(() => ({ cut: true }));
    const kube = client(api);
    const writes = [
      () => kube.replace(configMaps, object),
      () => kube.create(configMaps, object),
      () => kube.patch(configMaps, ref, 'json', []),
    ];
    for (const write of writes) expect((await refusalOf(write)).message).toContain('whether it was done is not known');
    expect(api.seen).toHaveLength(3);
  });

  it('in the middle of an answer: the read begins again', async () => {
    const api = await start();
    api.next({ cut: true, after: '{"kind":"ConfigMap","meta' }, there);
    expect(await client(api).get(configMaps, ref)).toMatchObject(object);
  });
});

describe('a call', () => {
  it('ends when its time is over', async () => {
    const api = await start();
    api.otherwise(() => ({ hang: true }));
    const fault = await refusalOf(() => client(api).get(configMaps, ref, { timeout: 100 }));
    expect(fault).toMatchObject({ code: 'timeout', message: expect.stringContaining('did not answer in time') });
  });

  it('ends when its caller stops it, while it waits for an answer or for the server', async () => {
    const api = await start();
    api.next({ hang: true });
    api.otherwise(() => statusReply(429, 'TooManyRequests', ''));
    const kube = client(api);
    for (const _phase of ['answer', 'server']) {
      const stop = new AbortController();
      const call = refusalOf(() => kube.get(configMaps, ref, { signal: stop.signal }));
      setTimeout(() => stop.abort(), 100);
      expect(await call).toMatchObject({ code: 'unavailable', fields: { stopped: true } });
    }
  });

  it('asks for fresh credentials once when they are refused', async () => {
    const api = await start();
    api.otherwise(({ headers }) => (headers.authorization === 'Bearer 2' ? there : statusReply(401, 'Unauthorized', 'Unauthorized')));
    let token = 1;
    const tls = { verify: true, authorities: localhostCertificate };
    const renewing = { credentials: async () => ({ tls, headers: { Authorization: `Bearer ${token}` } }), renew: () => void token++ };
    expect(await client(api, renewing).get(configMaps, ref)).toMatchObject(object);
    token = 2;
    const fault = await refusalOf(() =>
      client(api, { ...renewing, renew: () => {} })
        .get(configMaps, { ...ref, name: 'y' })
        .then(() => {
          token = 5;
          return client(api, renewing).get(configMaps, ref);
        }),
    );
    expect(fault).toMatchObject({ code: 'permission-denied', message: expect.stringContaining('log in again') });
  });

  it('shows its token to the server and to nobody else', async () => {
    const api = await start();
    api.otherwise(() => statusReply(403, 'Forbidden', 'configmaps "x" is forbidden'));
    const fault = await refusalOf(() => client(api).get(configMaps, ref));
    expect(api.seen[0]?.headers.authorization).toBe(`Bearer ${scriptedToken}`);
    expect(JSON.stringify([fault, fault.message, fault.stack, fault.fields, fault.cause])).not.toContain(scriptedToken);
    expect(fault.message).toContain('the configured token needs a Role or ClusterRole that allows get on configmaps a/x');
  });

  it('does not show what a stranger in between says', async () => {
    const api = await start();
    api.otherwise(() => ({ status: 502, body: '<html>some long page</html>' }));
    const fault = await refusalOf(() => client(api).get(secrets, ref));
    expect(fault).toMatchObject({ code: 'unavailable' });
    expect(fault.message).not.toContain('html');
  });
});

describe('connections', () => {
  it('are kept for the next call', async () => {
    const api = await start();
    api.otherwise(() => there);
    const kube = client(api);
    for (let call = 0; call < 3; call++) await kube.get(configMaps, ref);
    expect(api.connections()).toBe(1);
  });

  it('are made anew for a new certificate, and a watch that is under way goes on', async () => {
    const api = await start();
    let certificate: string | undefined;
    const credentials = async () => {
      const shown = certificate === undefined ? {} : { certificate, key: localhostKey };
      return { tls: { verify: true, authorities: localhostCertificate, ...shown }, headers: {} };
    };
    const kube = client(api, { credentials });
    let write: (text: string) => void = () => {};
    api.next(
      { body: { metadata: { resourceVersion: '1' }, items: [] } },
      { stream: (response) => (write = (text) => response.write(text)) },
    );
    api.otherwise(() => there);
    const changes = kube.watch(configMaps);
    expect((await changes.next()).value).toStrictEqual({ type: 'synced' });
    const change = changes.next();
    await sleep(100);
    await kube.get(configMaps, ref);
    expect(api.connections()).toBe(2);
    certificate = localhostCertificate;
    await kube.get(configMaps, ref);
    await kube.get(configMaps, ref);
    write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    expect((await change).value).toMatchObject({ type: 'added', object });
    expect(api.seen).toHaveLength(5);
    // One for the list, which the watch then took over, one for the first read, one for both others.
    expect(api.connections()).toBe(3);
    await changes.return();
  });

  it('go through the proxy that the kubeconfig names', async () => {
    const api = await start();
    api.otherwise(() => there);
    const asked: string[] = [];
    const proxy = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (head) => {
        asked.push(head.toString().split('\r\n')[0] as string);
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    afterwards(() => proxy.close());
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await refusalOf(() => client(api, { proxyUrl }).get(configMaps, ref, { patience: 0 }));
    expect(asked[0]).toBe(`CONNECT 127.0.0.1:${api.port} HTTP/1.1`);
    expect(api.seen).toStrictEqual([]);
  });
});
