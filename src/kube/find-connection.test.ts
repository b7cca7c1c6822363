// Where the API server is looked for, in kubectl's order, and how a pod finds its own.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../test/foundation/listening.ts';
import { scriptedKube } from '../../test/foundation/scripted-kube.ts';
import { manualClock } from '../base/clock.ts';
import { findConnection } from './find-connection.ts';
import { podConnection } from './pod-connection.ts';

const { folder } = scriptedKube();
const never = new AbortController().signal;

const config = (server: string) => `
clusters: [{name: c, cluster: {server: "https://${server}"}}]
contexts: [{name: x, context: {cluster: c}}, {name: y, context: {cluster: c, namespace: other}}]
current-context: x
`;
const podFiles = { token: 'pod-token\n', 'ca.crt': '-----BEGIN CERTIFICATE-----', namespace: 'vault' };
const podEnv = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

describe('the API server', () => {
  const found = async (changes: object) => {
    const home = folder();
    mkdirSync(join(home, '.kube'));
    writeFileSync(join(home, '.kube', 'config'), config('home'));
    const path = folder({ named: config('named'), listed: config('listed') });
    const all = { KUBECONFIG: `:${join(path, 'listed')}`, HOME: home, ...podEnv };
    const options = { kubeconfig: join(path, 'named'), env: all, serviceAccount: folder(podFiles), now: () => 0, ...changes };
    return findConnection(typeof changes === 'function' ? changes(options) : options);
  };

  it('is that of the named file before all else', async () => expect((await found({})).server).toBe('https://named'));

  it('is that of KUBECONFIG next', async () => expect((await found({ kubeconfig: undefined })).server).toBe('https://listed'));

  it('is that of the home folder next', async () => {
    const home = folder();
    mkdirSync(join(home, '.kube'));
    writeFileSync(join(home, '.kube', 'config'), config('home'));
    const connection = await found({ kubeconfig: undefined, env: { HOME: home, ...podEnv }, context: 'y' });
    expect(connection).toMatchObject({ server: 'https://home', namespace: 'other', origin: `context "y" of ${home}/.kube/config` });
  });

  it("is the pod's own in the end", async () => {
    const connection = await found({ kubeconfig: undefined, env: { HOME: folder(), ...podEnv } });
    expect(connection).toMatchObject({ server: 'https://10.96.0.1:443', namespace: 'vault' });
  });

  it('that is nowhere to be found is told with what to set', async () => {
    const nowhere = { kubeconfig: undefined, env: { HOME: folder() } };
    expect(await refusalOf(() => found(nowhere))).toMatchObject({ code: 'usage', message: expect.stringContaining('set KUBECONFIG') });
    // Without a token there is nothing to show, whatever the environment says.
    await refusalOf(() => found({ ...nowhere, env: podEnv, serviceAccount: folder() }));
  });
});

describe('a pod', () => {
  it('sees a renewed token after ten seconds, and at once when the old one was refused', async () => {
    const path = folder(podFiles);
    const clock = manualClock();
    const connection = await podConnection({ env: podEnv, folder: path, now: clock.monotonic });
    const shown = async () => (await connection.credentials(never)).headers['Authorization'];
    expect(await shown()).toBe('Bearer pod-token');
    writeFileSync(join(path, 'token'), 'newer');
    clock.advance(9_999);
    expect(await shown()).toBe('Bearer pod-token');
    clock.advance(1);
    expect(await shown()).toBe('Bearer newer');
    writeFileSync(join(path, 'token'), 'newest');
    connection.renew();
    expect(await shown()).toBe('Bearer newest');
  });

  it('with an IPv6 address is reached', async () => {
    const connection = await podConnection({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder: folder(podFiles), now: () => 0 });
    expect(connection.server).toBe('https://[fd00::1]:443');
  });

  it('whose token is empty is told so', async () => {
    const connection = await podConnection({ env: podEnv, folder: folder({ ...podFiles, token: '\n' }), now: () => 0 });
    expect((await refusalOf(() => connection.credentials(never))).message).toContain('is empty');
  });
});
