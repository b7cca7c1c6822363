// One apiserver with etcd and the controller manager: everything that a test may expect of the smallest cluster.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { serveWebhook } from '../fixture/webhook.ts';

const cluster = clusterOfFile({ controllerManager: true });

test('a Secret lies in etcd in clear when nothing else is asked for', async () => {
  const namespace = await cluster().namespace();
  expect((await writeSecret(cluster(), namespace, 'login', 'hunter2')).status).toBe(201);
  expect(passwordOf(await readSecret(cluster(), namespace, 'login'))).toBe('hunter2');
  const stored = await storedSecret(cluster(), namespace, 'login');
  expect(stored.startsWith('k8s\0')).toBe(true);
  expect(stored).toContain('hunter2');
});

test('kubectl works with what it is given on its standard input, and its exit code is told', async () => {
  const namespace = await cluster().namespace();
  const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'colours', namespace }, data: { sky: 'blue' } });
  expect(await cluster().kubectl(['apply', '-f', '-'], { input: manifest })).toEqual({
    stdout: 'configmap/colours created\n',
    stderr: '',
    code: 0,
  });
  const read = await cluster().kubectl(['get', 'configmap', 'colours', '-n', namespace, '-o', 'jsonpath={.data.sky}']);
  expect(read.stdout).toBe('blue');
  const missing = await cluster().kubectl(['get', 'configmap', 'sounds', '-n', namespace]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain('"sounds" not found');
});

test('the version is the one that the wrapper module pins', async () => {
  const { body } = await cluster().call('GET', '/version');
  expect(body.gitVersion).toMatch(/^v1\.\d+\.\d+$/);
  expect(cluster().servers[0].logs()).toContain(body.gitVersion);
});

test('nobody gets an answer without a token, and a wrong token gets 401', async () => {
  expect((await cluster().call('GET', '/api/v1/namespaces', { token: null })).status).toBe(401);
  expect((await cluster().call('GET', '/api/v1/namespaces', { token: 'wrong' })).status).toBe(401);
});

test('TokenReview accepts the token of a ServiceAccount for its own audience only', async () => {
  const namespace = await cluster().namespace();
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  expect((await cluster().call('POST', account, { body: { metadata: { name: 'app' } } })).status).toBe(201);
  const asked = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['vault'], expirationSeconds: 600 } };
  const { token } = (await cluster().call('POST', `${account}/app/token`, { body: asked })).body.status;
  const review = async (audience: string) => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } };
    return (await cluster().call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body })).body.status;
  };
  const accepted = await review('vault');
  expect(accepted).toMatchObject({ authenticated: true, audiences: ['vault'] });
  expect(accepted.user.username).toBe(`system:serviceaccount:${namespace}:app`);
  expect((await review('database')).authenticated).not.toBe(true);
});

test('a mutating webhook that the test serves changes what is created', async () => {
  const namespace = await cluster().namespace();
  const webhook = await serveWebhook(cluster(), ({ object }) => ({
    allowed: object.metadata.name !== 'unwanted',
    message: 'this one is not wanted',
    patch: [{ op: 'add', path: '/data', value: { injected: 'by the test' } }],
  }));
  const name = `test.${namespace}.casemate.test`;
  const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  try {
    const made = await cluster().call('POST', configurations, {
      body: {
        metadata: { name },
        webhooks: [
          {
            name,
            clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            timeoutSeconds: 5,
          },
        ],
      },
    });
    expect(made.status).toBe(201);
    const create = (configMap: string) =>
      cluster().call('POST', `/api/v1/namespaces/${namespace}/configmaps`, { body: { metadata: { name: configMap } } });
    // The apiserver learns of a new webhook by a watch, a moment later.
    let count = 0;
    const changed = await until('the webhook is asked', async () => {
      const { body } = await create(`wanted-${count++}`);
      return body.data !== undefined && body;
    });
    expect(changed.data).toEqual({ injected: 'by the test' });
    const refused = await create('unwanted');
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain('this one is not wanted');
    expect(webhook.requests.at(-1)).toMatchObject({ operation: 'CREATE', name: 'unwanted', namespace });
  } finally {
    await cluster().call('DELETE', `${configurations}/${name}`);
    await webhook.close();
  }
});

test('controllers make the default ServiceAccount of a namespace, and end a namespace with all that is in it', async () => {
  const namespace = await cluster().namespace();
  const path = `/api/v1/namespaces/${namespace}`;
  await until(
    'there is a default ServiceAccount',
    async () => (await cluster().call('GET', `${path}/serviceaccounts/default`)).status === 200,
  );
  await writeSecret(cluster(), namespace, 'login', 'hunter2');
  await cluster().call('DELETE', path);
  await until('the namespace is gone', async () => (await cluster().call('GET', path)).status === 404);
  expect(await storedSecret(cluster(), namespace, 'login')).toBe('');
});

test('etcd can be read and written directly, and a snapshot of it taken', async () => {
  const { etcd, folder } = cluster();
  await etcd.put('/casemate/one', 'first');
  await etcd.put('/casemate/two', Buffer.from([0, 255]));
  await etcd.put('/casematf', 'outside');
  expect((await etcd.list('/casemate/')).map(({ key }) => key)).toEqual(['/casemate/one', '/casemate/two']);
  expect((await etcd.get('/casemate/two'))?.value).toEqual(Buffer.from([0, 255]));
  await etcd.put('/casemate/one', 'second');
  expect(await etcd.get('/casemate/one')).toMatchObject({ version: 2, value: Buffer.from('second') });
  const snapshot = join(folder, 'snapshot.db');
  await etcd.snapshot(snapshot);
  expect(statSync(snapshot).size).toBeGreaterThan(100_000);
  expect(readFileSync(snapshot).includes('/casemate/one')).toBe(true);
  expect(await etcd.deleteAll('/casemate/')).toBe(2);
  expect(await etcd.get('/casemate/one')).toBeUndefined();
});

test('a compaction forgets old revisions, and the apiserver says 410 to whoever still asks for one', async () => {
  const { etcd } = cluster();
  const namespace = await cluster().namespace();
  // Events are the one kind that an apiserver reads from etcd itself: of others it keeps old states in memory for a while.
  const path = `/api/v1/namespaces/${namespace}/events`;
  const create = async (name: string): Promise<number> =>
    (await cluster().call('POST', path, { body: { metadata: { name }, involvedObject: { namespace }, reason: 'Test' } })).status;
  for (const name of ['first', 'second', 'third']) expect(await create(name)).toBe(201);
  const page = await cluster().call('GET', `${path}?limit=1`);
  const next = () => cluster().call('GET', `${path}?limit=1&continue=${encodeURIComponent(page.body.metadata.continue)}`);
  expect((await next()).status).toBe(200);
  await create('fourth');
  await etcd.compact(await etcd.revision());
  const expired = await next();
  expect(expired.status).toBe(410);
  expect(expired.body.reason).toBe('Expired');
});

test('etcd that was killed comes back with its data, and the apiserver with it', async () => {
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'login', 'hunter2');
  await cluster().etcd.kill();
  await cluster().etcd.start();
  await until('the Secret is read again', async () => passwordOf(await readSecret(cluster(), namespace, 'login')) === 'hunter2');
});

test('an apiserver that cannot start is reported with what it printed, and nothing of its cluster is left', async () => {
  const nest = mkdtempSync(join(tmpdir(), 'casemate-nest-'));
  vi.stubEnv('TMPDIR', nest);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(nest, { recursive: true });
  });
  const failed = startCluster({ flags: ['--no-such-flag'] });
  await expect(failed).rejects.toThrow(/cp1-kube-apiserver ended before it was ready[\s\S]*no-such-flag/);
  expect(readdirSync(nest)).toEqual([]);
});
