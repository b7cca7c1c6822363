// The rewrite against real API servers: which key every object carries in etcd afterwards, and what comes of objects that resist.

import { beforeAll, describe, expect, it } from 'vitest';
import { resourcesOf } from '../../../src/etcd/manager/resources.ts';
import { noCounts, objectsIn, type RewriteCursor } from '../../../src/etcd/manager/rewrite-report.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { configMaps, customResourceDefinitions, secrets } from '../../../src/kube/kinds.ts';
import type { Kind } from '../../../src/kube/object.ts';
import { refusalOf } from '../../foundation/listening.ts';
import { aescbc, encryptionOf, identity } from '../fixture/encryption.ts';
import { accountToken, afterListing, clientsOf, clientWith, clusterRole, fill, keysOf, otherThan, rewrite } from '../fixture/rewriting.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { serveWebhook } from '../fixture/webhook.ts';

const sealed = ['secrets', 'configmaps', 'events', 'widgets.casemate.test', 'gadgets.casemate.test'];
const cluster = clusterOfFile({ apiservers: 2, encryption: encryptionOf([aescbc('k0'), identity], sealed) });
const rotate = keysOf(cluster, sealed);

let kube: KubeClient;
let second: KubeClient;
beforeAll(async () => {
  [kube, second] = (await clientsOf(cluster())) as [KubeClient, KubeClient];
  for (const [plural, scope, kind] of [
    ['widgets', 'Namespaced', 'Widget'],
    ['gadgets', 'Cluster', 'Gadget'],
  ] as const) {
    await kube.create(customResourceDefinitions, {
      metadata: { name: `${plural}.casemate.test` },
      spec: { group: 'casemate.test', scope, names: { plural, kind, listKind: `${kind}List` }, versions: versionsOf({ type: 'object' }) },
    });
    await until('the kind is served', () => kube.list(named(plural, kind, scope === 'Namespaced')).catch(() => undefined));
  }
});

const named = (plural: string, kind: string, namespaced: boolean): Kind => ({
  ...{ group: 'casemate.test', version: 'v1', plural, kind, namespaced },
});
const widgets = named('widgets', 'Widget', true);
const gadgets = named('gadgets', 'Gadget', false);
function versionsOf(spec: object): readonly object[] {
  const schema = { type: 'object', properties: { spec: { 'x-kubernetes-preserve-unknown-fields': true, ...spec } } };
  return [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }];
}

describe('a rewrite', () => {
  it('leaves every object of namespaced, cluster-wide and custom kinds under the new key, and finds nothing to do after that', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, secrets, namespace, 120, { stringData: { password: 'hunter2' } });
    await fill(kube, widgets, namespace, 15);
    await fill(kube, gadgets, undefined, 15);
    const beginning = await rotate();
    const { resources, notes } = await resourcesOf(kube, [...sealed, 'sprockets.casemate.test']);
    expect(notes).toStrictEqual(['sprockets.casemate.test is not served by this API server, so there is nothing to rewrite']);
    const seen: number[] = [];
    const first = await rewrite({ resources, pageSize: 50, clients: [kube, second], onProgress: ({ done }) => seen.push(done) });
    expect(first.counts.refused + first.counts.gone).toBe(0);
    for (const kind of ['secrets', 'configmaps', 'casemate.test/widgets', 'casemate.test/gadgets'])
      expect(await otherThan(cluster(), `/registry/${kind}/`, beginning)).toStrictEqual([]);
    expect(seen.at(-1)).toBe(objectsIn(first.counts));
    const again = await rewrite({ resources, clients: [kube, second] });
    expect(again.counts).toMatchObject({ rewritten: 0, refused: 0 });
    expect(again.counts.current).toBeGreaterThanOrEqual(150);
  });

  it('takes what others change and delete meanwhile for done', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, configMaps, namespace, 20);
    const beginning = await rotate();
    const client = afterListing(kube, async () => {
      await kube.patch(configMaps, { namespace, name: 'x-0003' }, 'merge', { data: { by: 'somebody' } });
      await kube.remove(configMaps, { namespace, name: 'x-0004' });
      await kube.remove(configMaps, { namespace, name: 'x-0005' });
      await kube.create(configMaps, { metadata: { namespace, name: 'x-0005' }, data: { another: 'one' } });
    });
    const { counts } = await rewrite({ resources: [configMaps], clients: [client] });
    expect(counts).toMatchObject({ changed: 2, gone: 1, refused: 0 });
    expect(await otherThan(cluster(), '/registry/configmaps/', beginning)).toStrictEqual([]);
    const changed = await kube.get(configMaps, { namespace, name: 'x-0003' });
    expect(changed?.data).toStrictEqual({ by: 'somebody' });
  });

  it('that is stopped goes on where its cursor stands, and counts each object once', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, widgets, namespace, 100);
    const beginning = await rotate();
    const stop = new AbortController();
    const cursors: RewriteCursor[] = [];
    const options = { resources: [gadgets, widgets], pageSize: 20 };
    const onCursor = async (cursor: RewriteCursor) => {
      cursors.push(JSON.parse(JSON.stringify(cursor)) as RewriteCursor);
      if (cursor.at?.resource === 'widgets.casemate.test' && objectsIn(cursor.at.counts) >= 40) stop.abort();
    };
    const fault = await refusalOf(() => rewrite({ clients: [kube], ...options, onCursor }, stop.signal));
    expect(fault).toMatchObject({ code: 'unavailable', message: expect.stringContaining('it can go on where it was') });
    const cursor = cursors.at(-1) as RewriteCursor;
    expect(cursor).toMatchObject({ version: 1, done: [{ resource: 'gadgets.casemate.test' }], at: { resource: 'widgets.casemate.test' } });
    const report = await rewrite({ clients: [kube], ...options, cursor });
    const all = (await cluster().etcd.list('/registry/casemate.test/')).length;
    expect(objectsIn(report.counts)).toBe(all);
    expect(report.counts.refused).toBe(0);
    expect(await otherThan(cluster(), '/registry/casemate.test/', beginning)).toStrictEqual([]);
    const fresh = { version: 1, done: [], at: { ...cursor.at, next: 'no-token-of-this-server' }, refused: [] } as unknown as RewriteCursor;
    const { counts } = await rewrite({ clients: [kube], resources: [widgets], cursor: fresh });
    // Written since the first list: no call is needed to know it.
    expect(counts).toStrictEqual({ ...noCounts, changed: objectsIn(counts) });
  });

  it('goes on when the server has forgotten the state of its list', async () => {
    const namespace = await cluster().namespace();
    const events: Kind = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
    await fill(kube, events, namespace, 60, { involvedObject: { namespace, kind: 'Pod', name: 'db' } });
    const beginning = await rotate();
    let compacted = 0;
    const client = afterListing(kube, async () => {
      if (compacted++ > 0) return;
      await kube.patch(events, { namespace, name: 'x-0059' }, 'merge', { message: 'later' });
      await cluster().etcd.compact(await cluster().etcd.revision());
    });
    const { counts } = await rewrite({ resources: [events], clients: [client], pageSize: 20 });
    expect(compacted).toBeGreaterThan(2);
    expect(counts).toMatchObject({ gone: 0, refused: 0, changed: 1 });
    expect(await otherThan(cluster(), '/registry/events/', beginning)).toStrictEqual([]);
  });

  it('lists what a webhook refuses, or cannot be asked about, and rewrites the rest', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, secrets, namespace, 30);
    const webhook = await serveWebhook(cluster(), ({ name }) =>
      name === 'x-0007' ? { allowed: false, message: 'frozen by the audit' } : { allowed: true },
    );
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['secrets'] };
    const only = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } };
    const common = { rules: [rule], failurePolicy: 'Fail', sideEffects: 'None', admissionReviewVersions: ['v1'], ...only };
    const hooks: Kind = {
      ...{ group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false },
      ...{ kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations' },
    };
    const { url, caBundle } = webhook;
    const away = { expression: "object.metadata.name == 'x-0011'", name: 'one' };
    await kube.create(hooks, {
      metadata: { name: 'rewrite' },
      webhooks: [
        { name: 'judge.casemate.test', clientConfig: { url, caBundle }, ...common },
        { name: 'away.casemate.test', clientConfig: { url: 'https://127.0.0.1:1/', caBundle }, ...common, matchConditions: [away] },
      ],
    });
    try {
      const touch = { metadata: { labels: { touched: 'yes' } } };
      await until('both webhooks are asked', async () => {
        const refused = await refusalOf(() => kube.patch(secrets, { namespace, name: 'x-0007' }, 'merge', touch, { dryRun: true })).catch(
          () => undefined,
        );
        return refused?.message.includes('frozen by the audit') === true;
      });
      const beginning = await rotate();
      const { counts, refused } = await rewrite({ clients: [kube] });
      expect(counts.refused).toBe(2);
      expect(refused.map(({ resource, object }) => `${resource} ${object}`).toSorted()).toStrictEqual([
        `secrets ${namespace}/x-0007`,
        `secrets ${namespace}/x-0011`,
      ]);
      expect(refused.map(({ reason }) => reason).join()).toContain('frozen by the audit');
      expect(refused.map(({ reason }) => reason).join()).toContain('away.casemate.test');
      expect(await otherThan(cluster(), '/registry/secrets/', beginning)).toStrictEqual(
        ['x-0007', 'x-0011'].map((name) => `/registry/secrets/${namespace}/${name}`),
      );
    } finally {
      await kube.remove(hooks, { name: 'rewrite' });
      await webhook.close();
    }
  });

  it('lists what a schema that became stricter does not let pass, and shows none of its values', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, widgets, namespace, 5, { spec: { colour: 'blue' } });
    await kube.create(widgets, { metadata: { namespace, name: 'old' }, spec: { password: 'hunter2' } });
    const definition = { name: 'widgets.casemate.test' };
    const strict = versionsOf({ type: 'object', oneOf: [{ required: ['colour'] }] });
    await kube.patch(customResourceDefinitions, definition, 'merge', { spec: { versions: strict } });
    const touch = { metadata: { labels: { touched: 'yes' } } };
    await until('the schema counts', () =>
      Promise.all(
        [kube, second].map((client) =>
          refusalOf(() => client.patch(widgets, { namespace, name: 'old' }, 'merge', touch, { dryRun: true })),
        ),
      ).then(
        () => true,
        () => false,
      ),
    );
    const beginning = await rotate();
    const { counts, refused } = await rewrite({ clients: [kube], resources: [widgets] });
    const mine = refused.filter(({ object }) => object.startsWith(`${namespace}/`));
    expect(mine).toMatchObject([{ object: `${namespace}/old`, reason: expect.stringContaining('spec') }]);
    expect(JSON.stringify(refused)).not.toContain('hunter2');
    expect(counts.refused).toBe((await otherThan(cluster(), '/registry/casemate.test/widgets/', beginning)).length);
    await kube.patch(customResourceDefinitions, definition, 'merge', { spec: { versions: versionsOf({ type: 'object' }) } });
  });
});

describe('the servers', () => {
  it('set the pace: a client that is held to few calls is not refused, but slows down', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, secrets, namespace, 150);
    const token = await accountToken(kube, namespace, 'cluster-admin');
    const group = 'flowcontrol.apiserver.k8s.io';
    const level: Kind = {
      group,
      version: 'v1',
      kind: 'PriorityLevelConfiguration',
      plural: 'prioritylevelconfigurations',
      namespaced: false,
    };
    const schema: Kind = { group, version: 'v1', kind: 'FlowSchema', plural: 'flowschemas', namespaced: false };
    const limited = { nominalConcurrencyShares: 1, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } };
    const created = await kube.create(level, { metadata: { name: 'narrow' }, spec: { type: 'Limited', limited } });
    const subjects = [{ kind: 'ServiceAccount', serviceAccount: { namespace, name: 'rewriter' } }];
    const resourceRules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['patch', 'update'], clusterScope: true, namespaces: ['*'] }];
    await kube.create(schema, {
      metadata: { name: 'narrow' },
      spec: { matchingPrecedence: 100, priorityLevelConfiguration: { name: 'narrow' }, rules: [{ subjects, resourceRules }] },
    });
    const narrow = clientWith(cluster(), token);
    const beginning = await rotate();
    const report = await until(
      'the flow schema counts',
      async () => {
        const tried = await rewrite({ clients: [narrow], concurrency: { first: 32 } });
        return tried.throttling.answers > 0 && tried;
      },
      { within: 50_000 },
    );
    expect(report.counts.refused).toBe(0);
    expect(report.throttling.priorityLevel).toBe(created.metadata.uid);
    expect(await otherThan(cluster(), '/registry/secrets/', beginning)).toStrictEqual([]);
  }, 120_000);

  it('are told before anything begins that the client may not patch', async () => {
    const namespace = await cluster().namespace();
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }];
    await kube.create(clusterRole, { metadata: { name: namespace }, rules });
    const reader = clientWith(cluster(), await accountToken(kube, namespace, namespace));
    await until('it may list', () => reader.list(configMaps).catch(() => undefined));
    const fault = await refusalOf(() => rewrite({ clients: [reader], resources: [configMaps] }));
    expect(fault).toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('ClusterRole that allows patch on configmaps'),
    });
  });

  it('take over for one that dies in the middle', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, secrets, namespace, 100);
    const beginning = await rotate();
    const server = cluster().server('cp2');
    let killed = false;
    const onCursor = async () => {
      if (killed) return;
      killed = true;
      await server.kill();
    };
    const { counts } = await rewrite({ clients: [kube, second], pageSize: 50, onCursor });
    expect(counts.refused).toBe(0);
    await server.ready();
    expect(await otherThan(cluster(), '/registry/secrets/', beginning)).toStrictEqual([]);
  });

  it('that are all away end the run with a sentence', async () => {
    const server = cluster().server('cp2');
    let stopped = false;
    const onCursor = async () => {
      if (stopped) return;
      stopped = true;
      await server.stop();
    };
    const fault = await refusalOf(() => rewrite({ clients: [second], pageSize: 20, patience: 1_500, onCursor }));
    expect(fault.code).toBe('unavailable');
    await server.start();
  });

  it('have everything under the new key when the configuration names every kind', async () => {
    const beginning = await rotate(['*.*']);
    const { resources } = await resourcesOf(kube, ['*.*']);
    const { counts } = await rewrite({ clients: [kube], resources });
    expect(counts.refused).toBe(0);
    const left = (await otherThan(cluster(), '/registry/', beginning)).map((key) => key.split('/')[2]);
    // No objects of the API: what apiservers keep for themselves.
    const own = ['masterleases', 'peerserverleases', 'ranges'];
    expect(left.filter((folder) => !own.includes(folder ?? ''))).toStrictEqual([]);
  });
});
