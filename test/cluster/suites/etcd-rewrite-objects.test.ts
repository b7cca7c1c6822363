// The rewrite against real API servers, as far as objects go through it: what is sent back is what was listed, and nothing of it stays.

import { beforeAll, describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { configMaps, secrets } from '../../../src/kube/kinds.ts';
import type { Kind } from '../../../src/kube/object.ts';
import { aescbc, encryptionOf, identity } from '../fixture/encryption.ts';
import { accountToken, afterListing, clientsOf, clientWith, clusterRole, fill, keysOf, otherThan, rewrite } from '../fixture/rewriting.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const sealed = ['secrets', 'configmaps'];
const cluster = clusterOfFile({ apiservers: 2, encryption: encryptionOf([aescbc('k0'), identity], sealed) });
const rotate = keysOf(cluster, sealed);

let kube: KubeClient;
let second: KubeClient;
beforeAll(async () => {
  [kube, second] = (await clientsOf(cluster())) as [KubeClient, KubeClient];
});

describe('a rewrite', () => {
  it('wipes the values of Secrets that went through it', async () => {
    const own = await cluster().namespace();
    await fill(kube, secrets, own, 120, { stringData: { password: 'hunter2' } });
    const pages: { readonly bytes: Buffer; readonly held: boolean }[] = [];
    const { exchange } = kube;
    const readBytes: typeof exchange.readBytes = async (call, options, most) => {
      const answer = await exchange.readBytes(call, options, most);
      pages.push({ bytes: answer.bytes, held: answer.bytes.includes('hunter2') });
      return answer;
    };
    await rewrite({ clients: [{ ...kube, exchange: { ...exchange, readBytes } }] });
    expect(pages.some(({ held }) => held)).toBe(true);
    for (const { bytes } of pages) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('leaves the values of Secrets in the API server when the client may only patch', async () => {
    const namespace = await cluster().namespace();
    await fill(kube, secrets, namespace, 3, { stringData: { password: 'hunter2' } });
    const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'get', 'patch'] }];
    await kube.create(clusterRole, { metadata: { name: namespace }, rules });
    const patcher = clientWith(cluster(), await accountToken(kube, namespace, namespace));
    await until('it may list', () => patcher.list(secrets).catch(() => undefined));
    const { exchange } = patcher;
    const bodies: string[] = [];
    const read: typeof exchange.read = async (call, options) => {
      const answer = await exchange.read(call, options);
      bodies.push(answer.text);
      return answer;
    };
    const readBytes = () => Promise.reject(new Error('no values were to be asked for'));
    const beginning = await rotate();
    const { counts } = await rewrite({ clients: [{ ...patcher, exchange: { ...exchange, read, readBytes } }] });
    expect(counts.refused).toBe(0);
    expect(await otherThan(cluster(), '/registry/secrets/', beginning)).toStrictEqual([]);
    expect(bodies.join('')).toContain('x-0001');
    expect(bodies.join('')).not.toContain(Buffer.from('hunter2').toString('base64'));
  });

  it('changes nothing of an object but its resourceVersion, also of large ones and while others write', async () => {
    const namespace = await cluster().namespace();
    const large = Buffer.alloc(900 * 1_024, 'large ').toString('base64');
    await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        kube.create(secrets, { metadata: { namespace, name: `large-${index}` }, data: { 'ca.crt': large } }),
      ),
    );
    await kube.create(configMaps, {
      metadata: {
        ...{ namespace, name: 'all', labels: { 'app.kubernetes.io/name': 'all' }, annotations: { note: 'ä\u0000\n"\\'.repeat(50) } },
        finalizers: ['casemate.test/keep'],
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: '0d8e4d22-37a5-4c0d-a0d1-bb9c1a4c9b80' }],
      },
      data: { text: 'plain', empty: '' },
      binaryData: { bytes: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64') },
    });
    await kube.apply(configMaps, { metadata: { namespace, name: 'all' }, data: { applied: 'by another manager' } });
    const leases: Kind = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true };
    await kube.create(leases, {
      metadata: { namespace, name: 'held' },
      spec: { holderIdentity: 'me', renewTime: '2026-01-01T00:00:00.123456Z' },
    });
    const resources = [secrets, configMaps, leases];
    const patterns = [...sealed, 'leases.coordination.k8s.io'];
    await rotate(patterns);
    const mine = async (kind: Kind) =>
      (await kube.list(kind, { namespace })).items.map((object) => {
        const { resourceVersion, ...metadata } = object.metadata;
        return { version: resourceVersion, object: JSON.stringify({ ...object, metadata }) };
      });
    const before = await Promise.all(resources.map((kind) => mine(kind as Kind)));
    const beginning = await rotate(patterns);
    const elsewhere = await cluster().namespace();
    await fill(kube, secrets, elsewhere, 40, { stringData: { count: '0' } });
    const written = new Map<string, number>();
    const stop = new AbortController();
    const writing = (async () => {
      for (let count = 1; !stop.signal.aborted; count++) {
        const name = `x-${String(count % 40).padStart(4, '0')}`;
        await kube.patch(secrets, { namespace: elsewhere, name }, 'merge', { stringData: { count: String(count) } });
        written.set(name, count);
      }
    })();
    const { exchange } = kube;
    const sizes: number[] = [];
    const readBytes: typeof exchange.readBytes = async (call, options, most) => {
      const answer = await exchange.readBytes(call, options, most);
      sizes.push(answer.bytes.length);
      return answer;
    };
    const watched = { ...kube, exchange: { ...exchange, readBytes } };
    const { counts } = await rewrite({ resources, clients: [watched, second] }).finally(() => stop.abort());
    await writing;
    expect(counts.refused).toBe(0);
    expect(Math.max(...sizes)).toBeGreaterThan(900 * 1_024);
    expect(Math.max(...sizes)).toBeLessThan(17 * 1_024 * 1_024);
    const after = await Promise.all(resources.map((kind) => mine(kind as Kind)));
    const objects = (found: typeof before) => found.map((kinds) => kinds.map(({ object }) => object));
    expect(objects(after)).toStrictEqual(objects(before));
    for (const [kind, found] of before.entries())
      for (const [index, { version }] of found.entries()) expect(after[kind]?.[index]?.version).not.toBe(version);
    for (const [name, count] of written) {
      const secret = await kube.get(secrets, { namespace: elsewhere, name });
      expect(Buffer.from(secret?.data?.['count'] ?? '', 'base64').toString()).toBe(String(count));
    }
    for (const folder of ['secrets', 'configmaps', 'leases'])
      expect(await otherThan(cluster(), `/registry/${folder}/`, beginning)).toStrictEqual([]);
    await kube.patch(configMaps, { namespace, name: 'all' }, 'merge', { metadata: { finalizers: null } });
    for (let index = 0; index < 24; index++) await kube.remove(secrets, { namespace, name: `large-${index}` });
  }, 60_000);

  it('brings nothing back that was deleted meanwhile, of kinds that an update makes', async () => {
    const namespace = await cluster().namespace();
    const endpoints: Kind = { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true };
    await fill(kube, endpoints, namespace, 6);
    let first = true;
    const client = afterListing(kube, async () => {
      if (!first) return;
      first = false;
      await kube.remove(endpoints, { namespace, name: 'x-0002' });
      await kube.remove(endpoints, { namespace, name: 'x-0003' });
      await kube.create(endpoints, { metadata: { namespace, name: 'x-0003', labels: { another: 'one' } } });
    });
    const { counts } = await rewrite({ resources: [endpoints], clients: [client] });
    expect(counts).toMatchObject({ gone: 1, changed: 1, refused: 0 });
    expect(await kube.get(endpoints, { namespace, name: 'x-0002' })).toBeUndefined();
    expect((await kube.get(endpoints, { namespace, name: 'x-0003' }))?.metadata.labels).toStrictEqual({ another: 'one' });
  });
});
