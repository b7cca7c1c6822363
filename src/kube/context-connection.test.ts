// What a kubeconfig's user shows the server: files as they are now, plugins with what they need to know, nothing in clear.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { localhostCertificate } from '../../test/foundation/localhost.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import { manualClock } from '../base/clock.ts';
import { contextConnection } from './context-connection.ts';
import { namespaces } from './kinds.ts';
import { readKubeconfig } from './kubeconfig.ts';

const { folder, start, client, afterwards } = scriptedKube();
const never = new AbortController().signal;

function connected(files: Record<string, string>, user: string, server = 'https://127.0.0.1:6443') {
  const clock = manualClock();
  const config = `
clusters: [{name: c, cluster: {server: "${server}", certificate-authority: ca.crt}}]
users: [{name: u, user: ${user}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;
  const path = folder({ 'ca.crt': localhostCertificate, ...files, config });
  for (const name of Object.keys(files)) if (name === 'plugin') chmodSync(join(path, name), 0o755);
  const connect = () => contextConnection(readKubeconfig([join(path, 'config')], undefined), { now: clock.monotonic });
  return { path, clock, connect };
}

describe('a token in a file', () => {
  it('is read again after ten seconds, and at once when the server refused it', async () => {
    const { path, clock, connect } = connected({ token: 'first\n' }, '{tokenFile: token}');
    const connection = connect();
    const shown = async () => (await connection.credentials(never)).headers['Authorization'];
    expect(await shown()).toBe('Bearer first');
    writeFileSync(join(path, 'token'), 'second');
    expect(await shown()).toBe('Bearer first');
    clock.advance(10_000);
    expect(await shown()).toBe('Bearer second');
    writeFileSync(join(path, 'token'), 'third');
    connection.renew();
    expect(await shown()).toBe('Bearer third');
  });

  it('that is missing is named', async () => {
    const { connect } = connected({}, '{tokenFile: token}');
    expect((await refusalOf(() => connect().credentials(never))).message).toMatch(/^cannot read the token \S+token: ENOENT$/);
  });
});

describe('a user', () => {
  it('shows a name and password, and whom it stands in for', async () => {
    const { connect } = connected({}, '{username: a, password: b, as: root, as-groups: [g, h]}');
    expect((await connect().credentials(never)).headers).toStrictEqual({
      Authorization: `Basic ${Buffer.from('a:b').toString('base64')}`,
      'Impersonate-User': 'root',
      'Impersonate-Group': ['g', 'h'],
    });
  });

  it('is not shown over a network in clear, only on this machine', () => {
    expect(() => connected({}, '{token: t}', 'http://10.0.0.1:8080').connect()).toThrow('is not encrypted');
    expect(() => connected({}, '{token: t}', 'http://127.0.0.1:8001').connect()).not.toThrow();
  });
});

describe('a credential plugin', () => {
  const printing = (status: string) => `#!/bin/sh
echo run >> "$(dirname "$0")/runs"
printf '%s' "$KUBERNETES_EXEC_INFO" > "$(dirname "$0")/told"
printf '%s' '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}'
`;
  const user = '{exec: {command: ./plugin, apiVersion: client.authentication.k8s.io/v1, provideClusterInfo: true, interactiveMode: Never}}';

  it('is run once for its token, told of the cluster, and run again when the server refused the token', async () => {
    const { path, connect } = connected({ plugin: printing('{"token":"from-plugin"}') }, user);
    const connection = connect();
    const shown = async () => (await connection.credentials(never)).headers['Authorization'];
    expect([await shown(), await shown()]).toStrictEqual(['Bearer from-plugin', 'Bearer from-plugin']);
    expect(readFileSync(join(path, 'runs'), 'utf8')).toBe('run\n');
    expect(JSON.parse(readFileSync(join(path, 'told'), 'utf8'))).toMatchObject({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://127.0.0.1:6443' } },
    });
    connection.renew();
    await shown();
    expect(readFileSync(join(path, 'runs'), 'utf8')).toBe('run\nrun\n');
  });

  it('may give a certificate', async () => {
    const { connect } = connected({ plugin: printing('{"clientCertificateData":"CERT","clientKeyData":"KEY"}') }, user);
    expect((await connect().credentials(never)).tls).toMatchObject({ certificate: 'CERT', key: 'KEY', authorities: localhostCertificate });
  });

  it.each([
    ['fails', '#!/bin/sh\necho hidden-token >&2; exit 1\n', 'run it by hand'],
    ['prints no JSON', '#!/bin/sh\necho hidden-token\n', 'run it by hand'],
    ['prints no credential', '#!/bin/sh\necho "{}"\n', 'run it by hand'],
    ['is not there', undefined, 'it is not there'],
  ])('that %s is named without what it printed, and tried again the next time', async (_what, script, expected) => {
    const { path, connect } = connected(script === undefined ? {} : { plugin: script }, user);
    const connection = connect();
    const fault = await refusalOf(() => connection.credentials(never));
    expect([fault.code, fault.cause]).toStrictEqual(['permission-denied', undefined]);
    expect(fault.message).toContain(expected);
    expect(fault.message).not.toContain('hidden');
    writeFileSync(join(path, 'plugin'), printing('{"token":"from-plugin"}'), { mode: 0o755 });
    chmodSync(join(path, 'plugin'), 0o755);
    expect((await connection.credentials(never)).headers['Authorization']).toBe('Bearer from-plugin');
  });

  it('is not waited for when the call is over', async () => {
    const { connect } = connected({ plugin: '#!/bin/sh\nexec sleep 2\n' }, user);
    const started = performance.now();
    await expect(connect().credentials(AbortSignal.timeout(800))).rejects.toThrow(/timeout/);
    expect(performance.now() - started).toBeLessThan(1_900);
  });
});

describe('a SOCKS proxy', () => {
  it('of the kubeconfig is gone through', async () => {
    const api = await start();
    api.otherwise(() => ({ body: { metadata: { name: 'default' } } }));
    const asked: string[] = [];
    const proxy = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      // RFC 1928: a greeting, which asks for no password, then the address to connect to.
      socket.once('data', () => {
        socket.write(Buffer.of(5, 0));
        socket.once('data', (request: Buffer) => {
          asked.push([...request.subarray(4, 8)].join('.'));
          const onward = connect(request.readUInt16BE(8), '127.0.0.1', () => {
            socket.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0));
            socket.pipe(onward).pipe(socket);
          });
          onward.on('error', () => socket.destroy());
        });
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    afterwards(() => proxy.close());
    const url = `socks5://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const connection = connected({}, '{token: t}', `${api.url}", proxy-url: "${url}`).connect();
    expect(await client(api, connection).get(namespaces, { name: 'default' })).toMatchObject({ metadata: { name: 'default' } });
    expect(asked).toStrictEqual(['127.0.0.1']);
  });
});
