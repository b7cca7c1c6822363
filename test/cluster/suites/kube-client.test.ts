// src/kube against a real API server: who it says it is, large lists, apply and its conflicts, custom resources, aborted calls.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/kube/client.ts';
import { findConnection } from '../../../src/kube/find-connection.ts';
import {
  configMaps,
  customResourceDefinitions,
  namespaces,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  type TokenRequest,
  tokenReviews,
} from '../../../src/kube/kinds.ts';
import { alreadyExists, isConflict, isExpired, type KubeFault } from '../../../src/kube/kube-fault.ts';
import type { Kind } from '../../../src/kube/object.ts';
import { podConnection } from '../../../src/kube/pod-connection.ts';
import { refusalOf, timed } from '../../foundation/listening.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({});
const now = () => performance.now();

async function clientAs(fieldManager = 'casemate-test'): Promise<KubeClient> {
  const connection = await findConnection({ kubeconfig: cluster().kubeconfig, env: {}, now });
  return createKubeClient({ connection, fieldManager, now });
}

let kube: KubeClient;
let namespace = '';
beforeAll(async () => {
  kube = await clientAs();
  namespace = await cluster().namespace('kube');
});

describe('objects', () => {
  it('are created once, read, replaced by the newest version only, and removed', async () => {
    const ref = { namespace, name: 'settings' };
    const created = await kube.create(configMaps, { metadata: ref, data: { colour: 'blue' } });
    expect(alreadyExists(await refusalOf(() => kube.create(configMaps, { metadata: ref })))).toBe(true);
    const replaced = await kube.replace(configMaps, { ...created, data: { colour: 'red' } });
    const late = await refusalOf(() => kube.replace(configMaps, { ...created, data: { colour: 'green' } }));
    expect(isConflict(late)).toBe(true);
    expect(late.message).toContain('read it and try again');
    expect(await kube.get(configMaps, ref)).toStrictEqual(replaced);
    expect(isConflict(await refusalOf(() => kube.remove(configMaps, ref, { uid: 'somebody-else' })))).toBe(true);
    expect(await kube.remove(configMaps, ref, { uid: created.metadata.uid })).toBe(true);
    expect(await kube.remove(configMaps, ref)).toBe(false);
    expect(await kube.get(configMaps, ref)).toBeUndefined();
  });

  it('that are only tried are not written', async () => {
    await kube.create(configMaps, { metadata: { namespace, name: 'tried' } }, { dryRun: true });
    expect(await kube.get(configMaps, { namespace, name: 'tried' })).toBeUndefined();
  });

  it('are patched in each of three ways', async () => {
    const ref = { namespace, name: 'patched' };
    await kube.create(configMaps, { metadata: ref, data: { a: '1', b: '2' } });
    await kube.patch(configMaps, ref, 'merge', { data: { a: null, c: '3' } });
    await kube.patch(configMaps, ref, 'json', [{ op: 'replace', path: '/data/b', value: '4' }]);
    await kube.patch(configMaps, ref, 'strategic', { metadata: { labels: { app: 'db' } } });
    expect(await kube.get(configMaps, ref)).toMatchObject({ metadata: { labels: { app: 'db' } }, data: { b: '4', c: '3' } });
    const { items } = await kube.list(configMaps, { namespace, labels: 'app=db' });
    expect(items.map(({ metadata }) => metadata.name)).toStrictEqual(['patched']);
  });

  it('in a namespace that is not there are refused in a sentence', async () => {
    const fault = await refusalOf(() => kube.create(configMaps, { metadata: { namespace: 'nowhere', name: 'x' } }));
    expect(fault).toMatchObject({ code: 'not-found', message: expect.stringContaining('namespaces "nowhere" not found') });
  });

  it('whose secret is refused do not show it', async () => {
    const stringData = { password: { deep: 'hunter2-hunter2' } as unknown as string };
    for (const act of [
      () => kube.apply(secrets, { metadata: { namespace, name: 'login' }, stringData }),
      () => kube.create(secrets, { metadata: { namespace, name: 'login' }, stringData }),
      () => kube.create(secrets, { metadata: { namespace, name: 'login' }, data: { password: 'hunter2 is no base64 hunter2' } }),
    ]) {
      const fault = await refusalOf(act);
      expect(fault.message).not.toContain('hunter2');
    }
  });
});

describe('server-side apply', () => {
  it('keeps what others own, refuses to take it over unless it is forced, and drops what it no longer names', async () => {
    const [ours, theirs] = [await clientAs('casemate-sync'), await clientAs('somebody')];
    const metadata = { namespace, name: 'shared' };
    await ours.apply(configMaps, { metadata, data: { ours: '1', also: '2' } });
    await theirs.apply(configMaps, { metadata, data: { theirs: '3' } });
    const fault = (await refusalOf(() => ours.apply(configMaps, { metadata, data: { ours: '1', theirs: '4' } }))) as KubeFault;
    expect(isConflict(fault)).toBe(true);
    expect(fault.causes).toMatchObject([{ reason: 'FieldManagerConflict', field: '.data.theirs' }]);
    expect(fault.message).toContain('conflict with "somebody"');
    const applied = await ours.apply(configMaps, { metadata, data: { ours: '1', theirs: '4' } }, { force: true });
    expect(applied.data).toStrictEqual({ ours: '1', theirs: '4' });
    const { resourceVersion } = applied.metadata;
    const again = await ours.apply(configMaps, { metadata, data: { ours: '1', theirs: '4' } }, { force: true });
    expect(again.metadata.resourceVersion).toBe(resourceVersion);
  });
});

describe('ten thousand objects', () => {
  const count = 10_000;
  let many = '';
  beforeAll(async () => {
    many = await cluster().namespace('many');
    let next = 0;
    const worker = async () => {
      for (let index = next++; index < count; index = next++) {
        await kube.create(configMaps, { metadata: { namespace: many, name: `object-${String(index).padStart(5, '0')}` } });
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
  }, 180_000);

  it('are listed page by page, all of one state, though objects come and go meanwhile', async () => {
    const names: string[] = [];
    const versions = new Set<string>();
    let pages = 0;
    for await (const { items, resourceVersion, consistent } of kube.pages(configMaps, { namespace: many }, { limit: 500 })) {
      names.push(...items.map(({ metadata }) => metadata.name ?? ''));
      versions.add(resourceVersion);
      expect(consistent).toBe(true);
      if (pages++ === 0) {
        await kube.remove(configMaps, { namespace: many, name: 'object-09999' });
        await kube.create(configMaps, { metadata: { namespace: many, name: 'object-10000' } });
      }
    }
    expect(pages).toBe(20);
    expect(names).toStrictEqual(Array.from({ length: count }, (_, index) => `object-${String(index).padStart(5, '0')}`));
    expect(versions.size).toBe(1);
    await kube.remove(configMaps, { namespace: many, name: 'object-10000' });
  });

  it('are listed in one call', async () => {
    const { items } = await kube.list(configMaps, { namespace: many });
    expect(new Set(items.map(({ metadata }) => metadata.uid)).size).toBe(count - 1);
  });

  it('say so when the rest of the list has been forgotten, and give it from a newer state to who takes that', async () => {
    const pages = kube.pages(configMaps, { namespace: many }, { limit: 500 });
    const going = kube.pages(configMaps, { namespace: many }, { limit: 500, expired: 'go-on' });
    const first = [await pages.next(), await going.next()].flatMap(({ value }) => value?.items ?? []);
    expect(first).toHaveLength(1_000);
    await kube.remove(configMaps, { namespace: many, name: 'object-09998' });
    await cluster().etcd.compact(await cluster().etcd.revision());
    // Its cache would still know the state that etcd has forgotten.
    await cluster().servers[0].restart();
    const fault = await refusalOf(() => pages.next());
    expect(isExpired(fault)).toBe(true);
    expect(fault.message).toContain('start again');
    let rest = 0;
    for await (const { items, consistent } of going) {
      expect(consistent).toBe(false);
      rest += items.length;
    }
    expect(rest).toBe(count - 2 - 500);
    expect((await kube.list(configMaps, { namespace: many })).items).toHaveLength(count - 2);
  });

  it('are let go of in the middle', async () => {
    const stop = new AbortController();
    const listing = refusalOf(() => kube.list(configMaps, { namespace: many }, { limit: 100, signal: stop.signal }));
    setTimeout(() => stop.abort(), 20);
    const took = await timed(async () => expect(await listing).toMatchObject({ fields: { stopped: true } }));
    expect(took).toBeLessThan(1_000);
    expect(await refusalOf(() => kube.list(configMaps, { namespace: many }, { limit: 0, timeout: 1 }))).toMatchObject({ code: 'timeout' });
  });
});

describe('a custom resource', () => {
  const widgets: Kind = { group: 'casemate.test', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
  const schema = {
    type: 'object',
    properties: {
      spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: schema } }];

  it('is not served before it is defined, and is found, written and watched after', async () => {
    const ref = { namespace, name: 'first' };
    expect(await refusalOf(() => kube.get(widgets, ref))).toMatchObject({ code: 'unsupported-path' });
    expect(await kube.discovery.kindOf({ apiVersion: 'casemate.test/v1', kind: 'Widget' })).toBeUndefined();
    await kube.create(customResourceDefinitions, {
      metadata: { name: 'widgets.casemate.test' },
      spec: { group: 'casemate.test', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] }, versions },
    });
    const found = await until('the kind', () => kube.discovery.named('wd.casemate.test'));
    expect(found).toMatchObject(widgets);
    expect((await kube.discovery.listable()).some(({ plural }) => plural === 'widgets')).toBe(true);
    await until('the kind is served', () => kube.get(widgets, ref).then(() => true));
    const changes = kube.watch(found, { namespace });
    expect((await changes.next()).value).toStrictEqual({ type: 'synced' });
    await kube.apply(found, { metadata: ref, spec: { big: JSON.rawJSON('9007199254740993') } });
    const { value: added } = await changes.next();
    expect(JSON.stringify(added)).toContain('9007199254740993');
    await kube.patch(found, ref, 'merge', { status: { ready: true } }, { subresource: 'status' });
    expect((await changes.next()).value).toMatchObject({ type: 'modified', object: { status: { ready: true } } });
    await kube.remove(found, ref);
    expect((await changes.next()).value).toMatchObject({ type: 'deleted', name: 'first', object: { status: { ready: true } } });
    await changes.return();
  });

  it('and kinds of every group are found by the names that people use', async () => {
    for (const [name, plural, group] of [
      ['secrets', 'secrets', ''],
      ['cm', 'configmaps', ''],
      ['deployment.apps', 'deployments', 'apps'],
      ['lease.coordination.k8s.io', 'leases', 'coordination.k8s.io'],
    ] as const) {
      expect(await kube.discovery.named(name)).toMatchObject({ plural, group });
    }
    expect(await kube.discovery.named('nothing.example.com')).toBeUndefined();
  });
});

describe('a pod', () => {
  it('is known by the files of its service account, also when its token is replaced', async () => {
    const account = { namespace, name: 'app' };
    await kube.create(serviceAccounts, { metadata: account });
    await kube.create(roles, { metadata: account, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }] });
    await kube.create(roleBindings, {
      metadata: account,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'app' },
      subjects: [{ kind: 'ServiceAccount', ...account }],
    });
    const spec = { audiences: [], expirationSeconds: 600 };
    const { status } = await kube.createAt<TokenRequest>(serviceAccounts, account, 'token', { spec });
    const folder = join(cluster().folder, 'service-account');
    mkdirSync(folder);
    const token = join(folder, 'token');
    writeFileSync(join(folder, 'ca.crt'), readFileSync(cluster().caFile));
    writeFileSync(join(folder, 'namespace'), namespace);
    writeFileSync(token, 'not-yet-a-token');
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(cluster().servers[0].port) };
    const connection = await podConnection({ env, folder, now });
    const inside = createKubeClient({ connection, fieldManager: 'app', now });
    expect(connection.namespace).toBe(namespace);
    const unknown = await refusalOf(() => inside.list(configMaps, { namespace }));
    expect(unknown).toMatchObject({ status: 401, message: expect.stringContaining('log in again') });
    expect(unknown.message).not.toContain('not-yet-a-token');
    writeFileSync(token, status?.token ?? '');
    // The refusal makes it look at the file at once.
    expect((await inside.list(configMaps, { namespace })).items.length).toBeGreaterThan(0);
    const forbidden = await refusalOf(() => inside.get(secrets, { namespace, name: 'login' }));
    expect(forbidden).toMatchObject({ code: 'permission-denied', reason: 'Forbidden' });
    expect(forbidden.message).toContain(`needs a Role or ClusterRole that allows get on secrets ${namespace}/login`);
    expect(forbidden.message).not.toContain(status?.token);
    const review = await kube.create(tokenReviews, { metadata: {}, spec: { token: status?.token ?? '' } });
    expect(review.status).toMatchObject({ authenticated: true, user: { username: `system:serviceaccount:${namespace}:app` } });
  });
});

describe('the server itself', () => {
  it('tells its readiness and its metrics as they are', async () => {
    const ready = await kube.raw('/readyz?verbose');
    expect(ready.status).toBe(200);
    expect(ready.text).toContain('[+]etcd ok');
    expect((await kube.raw('/metrics')).text).toContain('# TYPE apiserver_request_total counter');
    expect((await kube.raw('/no/such/path')).status).toBe(404);
  });

  it('is asked by the token of a kubeconfig as well', async () => {
    const path = join(cluster().folder, 'by-token');
    writeFileSync(`${path}-token`, cluster().token);
    writeFileSync(
      path,
      JSON.stringify({
        clusters: [{ name: 'c', cluster: { server: cluster().servers[0].url, 'certificate-authority': cluster().caFile } }],
        users: [{ name: 'u', user: { tokenFile: 'by-token-token' } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      }),
    );
    const connection = await findConnection({ env: { KUBECONFIG: path }, now });
    const byToken = createKubeClient({ connection, fieldManager: 'casemate-test', now });
    expect(await byToken.get(namespaces, { name: 'default' })).toMatchObject({ kind: 'Namespace', apiVersion: 'v1' });
  });
});
