// What verify reads is what lies in etcd: counts by provider and key through a real kube-apiserver, TLS, lost members, compaction.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EtcdClient, openEtcd } from '../../../src/etcd/verify/etcd-client.ts';
import { objectOfKey, prefixesOf } from '../../../src/etcd/verify/resource-keys.ts';
import { type ScanOptions, scanResources } from '../../../src/etcd/verify/scan.ts';
import { namedLines, tableLines } from '../../../src/etcd/verify/table.ts';
import { type EtcdMembers, fill, startMembers } from '../../etcd/etcd-members.ts';
import { makeAuthority } from '../fixture/authority.ts';
import { aescbc, encryptionOf, identity, kmsV1, kmsV2, type Provider, reload, secretbox, testKey } from '../fixture/encryption.ts';
import { clusterPrograms } from '../fixture/programs.ts';
import { writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const resources = ['secrets', 'configmaps', 'widgets.example.com'] as const;
const first = encryptionOf([aescbc('old'), identity], resources);
const cluster = clusterOfFile({ kms: ['vault', 'legacy'], encryption: first, flags: ['--feature-gates=KMSv1=true'] });
const aesgcm: Provider = { aesgcm: { keys: [{ name: 'counter', secret: testKey('counter') }] } };

function within(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

function reader(): EtcdClient {
  return openEtcd({ endpoints: [cluster().etcd.url] });
}

async function scanned(options: ScanOptions, client = reader()) {
  try {
    return await scanResources(client, options, { signal: within() });
  } finally {
    client.close();
  }
}

/** `1 secrets aescbc old`, without what the cluster has by itself. */
function counts({ rows }: Awaited<ReturnType<typeof scanned>>): readonly string[] {
  return rows.map(({ resource, provider, key, objects }) => `${objects} ${resource} ${provider} ${key}`.trimEnd());
}

async function makeWidgets(): Promise<void> {
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget' };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await cluster().call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    body: {
      metadata: { name: 'widgets.example.com' },
      spec: { group: 'example.com', scope: 'Namespaced', names, versions: [{ name: 'v1', served: true, storage: true, schema }] },
    },
  });
  await until('widgets are served', async () => (await cluster().call('GET', '/apis/example.com/v1/widgets')).status === 200);
}

describe('a cluster with values of every form', () => {
  let namespace = '';
  const create = async (path: string, body: object): Promise<void> => {
    expect((await cluster().call('POST', path, { body })).status).toBe(201);
  };
  const sealWith = (provider: Provider): Promise<void> => {
    const all = [
      ...[aescbc('new'), aescbc('old'), aesgcm, secretbox('box')],
      ...[kmsV1('legacy', cluster().kms('legacy').endpoint), kmsV2('vault', cluster().kms('vault').endpoint), identity],
    ];
    const rest = all.filter((other) => JSON.stringify(other) !== JSON.stringify(provider));
    return reload(cluster().servers[0], encryptionOf([provider, ...rest], resources));
  };

  beforeAll(async () => {
    namespace = await cluster().namespace();
    await makeWidgets();
    const configMap = (name: string) => create(`/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name }, data: { a: 'b' } });
    const widget = (name: string) =>
      create(`/apis/example.com/v1/namespaces/${namespace}/widgets`, { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name } });
    const steps: readonly (readonly [Provider, number])[] = [
      [aescbc('old'), 1],
      [aescbc('new'), 2],
      [aesgcm, 3],
      [secretbox('box'), 4],
      [kmsV1('legacy', cluster().kms('legacy').endpoint), 5],
      [kmsV2('vault', cluster().kms('vault').endpoint), 6],
      [identity, 7],
    ];
    for (const [index, [provider, count]] of steps.entries()) {
      await sealWith(provider);
      for (let number = 0; number < count; number++)
        expect((await writeSecret(cluster(), namespace, `s${index}-${number}`, 'hunter2')).status).toBe(201);
      if (index === 1) await configMap('sealed');
      if (index === 3) await widget('sealed');
      if (index === 6) await Promise.all([configMap('clear'), widget('clear')]);
    }
  }, 180_000);

  test('the table counts every object under its provider and key', async () => {
    const scan = await scanned({ resources: ['secrets', 'widgets.example.com'] });
    const keyId = cluster().kms('vault').keys.current();
    expect(counts(scan)).toEqual(
      [
        '1 secrets aescbc old',
        '2 secrets aescbc new',
        '3 secrets aesgcm counter',
        '7 secrets identity',
        '5 secrets kms-v1 legacy',
        '6 secrets kms-v2 vault',
        '4 secrets secretbox box',
        '1 widgets.example.com identity',
        '1 widgets.example.com secretbox box',
      ].toSorted((one, other) => (one.slice(2) < other.slice(2) ? -1 : 1)),
    );
    expect(scan.rows.find(({ provider }) => provider === 'kms-v2')?.keyId).toBe(keyId);
    expect(tableLines(scan)).toContainEqual(expect.stringMatching(new RegExp(`^secrets +kms-v2 +vault +6 +${keyId}$`)));
  });

  test('the counts are those that the API tells', async () => {
    const scan = await scanned({ resources: ['secrets', 'configmaps', 'namespaces', 'services'] });
    for (const resource of ['secrets', 'configmaps', 'namespaces', 'services']) {
      const { body } = await cluster().call('GET', `/api/v1/${resource}`);
      const inEtcd = scan.rows.filter((row) => row.resource === resource).reduce((sum, { objects }) => sum + objects, 0);
      expect(inEtcd, resource).toBe(body.items.length);
    }
  });

  test('every object that lies in clear or under an old key is named', async () => {
    const scan = await scanned({
      resources,
      expected: (resource, { provider, key }) => resource === 'configmaps' || (provider !== 'identity' && key !== 'old'),
    });
    expect(scan.named.count).toBe(9);
    expect(namedLines(scan)).toEqual([
      `secrets ${namespace}/s0-0: sealed by aescbc with old`,
      ...Array.from({ length: 7 }, (_, number) => `secrets ${namespace}/s6-${number}: in clear`),
      `widgets.example.com ${namespace}/clear: in clear`,
    ]);
  });

  test('a new key id of the plugin shows as a row of its own, and what is under the old one is named', async () => {
    const kms = cluster().kms('vault');
    const before = kms.keys.current();
    const after = kms.keys.rotate();
    // Loaded anew, since an apiserver asks a plugin for its key once a minute at most.
    await sealWith(kmsV2('vault', kms.endpoint));
    expect((await writeSecret(cluster(), namespace, 'rotated', 'hunter2')).status).toBe(201);
    const scan = await scanned({ resources: ['secrets'], expected: (_, { provider, keyId }) => provider !== 'kms-v2' || keyId === after });
    const byId = scan.rows.filter(({ provider }) => provider === 'kms-v2').map(({ keyId, objects }) => [keyId, objects]);
    expect(Object.fromEntries(byId)).toEqual({ [before]: 6, [after]: 1 });
    expect(scan.named.count).toBe(6);
    expect(namedLines(scan)[0]).toBe(`secrets ${namespace}/s5-0: sealed by kms-v2 with vault (key id ${before})`);
  });

  test('everything is read at one revision: what is written meanwhile is not counted', async () => {
    const inner = reader();
    let pages = 0;
    const client: EtcdClient = {
      ...inner,
      async range(request, signal) {
        if (pages++ === 1) await writeSecret(cluster(), namespace, `late-${pages}`, 'hunter2');
        return inner.range(request, signal);
      },
    };
    const before = counts(await scanned({ resources: ['secrets'] }));
    expect(counts(await scanned({ resources: ['secrets'] }, client))).toEqual(before);
    expect(counts(await scanned({ resources: ['secrets'] }))).not.toEqual(before);
  });

  test('the whole of /registry is counted with the same numbers, and what is left over is no object of the API', async () => {
    const all = await scanned({ resources: 'everything' });
    const some = await scanned({ resources });
    for (const row of some.rows) expect(all.rows).toContainEqual(row);
    const keys = (await cluster().etcd.list('/registry/')).map(({ key }) => key);
    const left = keys.filter((key) => objectOfKey(key, '/registry') === undefined);
    expect(left.filter((key) => !/^\/registry\/(?:ranges|masterleases|peerserverleases)\//.test(key))).toEqual([]);
    expect(all.rows.reduce((sum, { objects }) => sum + objects, 0)).toBe(keys.length - left.length);
  });
});

test('for every resource that the apiserver serves and has objects of, they lie where they are looked for', async () => {
  const groups = (await cluster().call('GET', '/apis')).body.groups as readonly {
    readonly preferredVersion: { readonly groupVersion: string };
  }[];
  const paths = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const seen: string[] = [];
  for (const path of paths) {
    const { body } = await cluster().call('GET', path);
    const group = path === '/api/v1' ? '' : `.${path.split('/')[2] ?? ''}`;
    for (const { name, verbs } of body.resources as readonly { readonly name: string; readonly verbs: readonly string[] }[]) {
      if (name.includes('/') || !verbs.includes('list') || !verbs.includes('create')) continue;
      const { items = [] } = (await cluster().call('GET', `${path}/${name}`)).body;
      const wanted = (items as readonly { readonly metadata: { readonly name: string; readonly namespace?: string } }[]).map(
        ({ metadata }) => (metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`),
      );
      const found: string[] = [];
      for (const prefix of prefixesOf(`${name}${group}`, '/registry'))
        found.push(...(await cluster().etcd.list(prefix)).map(({ key }) => key.slice(prefix.length)));
      expect(found.toSorted(), `${name}${group}`).toEqual(wanted.toSorted());
      if (wanted.length > 0) seen.push(`${name}${group}`);
    }
  }
  expect(seen).toEqual(
    expect.arrayContaining(['namespaces', 'services', 'clusterroles.rbac.authorization.k8s.io', 'priorityclasses.scheduling.k8s.io']),
  );
});

describe('an etcd that wants client certificates', () => {
  let etcd: EtcdMembers;
  const tlsOf = async (name: string, authority = cluster().authority) => {
    const { certificate, key } = await authority.issue({ name, subject: `/CN=${name}` });
    return { ca: Buffer.from(cluster().authority.certificate), cert: Buffer.from(certificate), key: Buffer.from(key) };
  };

  beforeAll(async () => {
    const program = join(clusterPrograms().etcd, 'etcd');
    etcd = await startMembers(cluster().runner, { program, name: 'trio', members: 3, authority: cluster().authority });
    await fill(etcd.writer(), '/registry/secrets/default/s', 5_000, () => Buffer.from(`k8s:enc:aescbc:v1:key1:${'x'.repeat(1_000)}`));
  }, 120_000);
  afterAll(() => etcd?.stop());

  test('is read with one, and tells of its members and its health', async () => {
    const client = openEtcd({ endpoints: etcd.endpoints, tls: await tlsOf('reader') });
    const scan = await scanned({ resources: ['secrets'] }, { ...client, close: () => {} });
    expect(counts(scan)).toEqual(['5000 secrets aescbc key1']);
    const members = await client.members(within());
    expect(members.flatMap(({ clientUrls }) => clientUrls).toSorted()).toEqual(etcd.endpoints.toSorted());
    expect(await client.alarms(within())).toEqual([]);
    const states = await Promise.all(etcd.endpoints.map((endpoint) => client.statusOf(endpoint, within())));
    expect(states.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    expect(states[await etcd.leader()]?.isLeader).toBe(true);
    for (const { version, dbSize, errors, memberId } of states) {
      expect(version).toMatch(/^3\.\d+\.\d+$/);
      expect(dbSize).toBeGreaterThan(5_000_000n);
      expect(errors).toEqual([]);
      expect(members.map(({ id }) => id)).toContain(memberId);
    }
    client.close();
  });

  test('gives a snapshot that ends with its SHA-256', async () => {
    const { createHash } = await import('node:crypto');
    const client = openEtcd({ endpoints: etcd.endpoints, tls: await tlsOf('saver') });
    const pieces: Buffer[] = [];
    for await (const piece of client.snapshot(within())) pieces.push(Buffer.from(piece));
    client.close();
    const file = Buffer.concat(pieces);
    expect(file.length % 512).toBe(32);
    expect(file.subarray(-32)).toEqual(createHash('sha256').update(file.subarray(0, -32)).digest());
  });

  test('refuses a certificate of another authority, and the sentence says so', async () => {
    const stranger = await makeAuthority(join(cluster().folder, 'trio'));
    const tls = await tlsOf('stranger', stranger);
    const client = openEtcd({ endpoints: etcd.endpoints, tls });
    await expect(client.members(within())).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('refused the client certificate') as string,
    });
    client.close();
    const doubting = openEtcd({ endpoints: etcd.endpoints, tls: { ...(await tlsOf('doubting')), ca: Buffer.from(stranger.certificate) } });
    await expect(doubting.members(within())).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('does not prove who it is') as string,
    });
    doubting.close();
  });

  test('is read on when the history is compacted in the middle: from the start, at a newer revision', async () => {
    const client = openEtcd({ endpoints: etcd.endpoints, tls: await tlsOf('patient') });
    let pages = 0;
    const compacting: EtcdClient = {
      ...client,
      async range(request, signal) {
        if (pages++ === 3) {
          await etcd.writer().put('/registry/secrets/default/another', 'k8s\0plain');
          await etcd.writer().compact(await etcd.writer().revision());
        }
        return client.range(request, signal);
      },
    };
    const scan = await scanned({ resources: ['secrets'] }, compacting);
    expect(scan.restarts).toBe(1);
    expect(counts(scan)).toEqual(['5000 secrets aescbc key1', '1 secrets identity']);
    expect(await etcd.writer().delete('/registry/secrets/default/another')).toBe(1);
  });

  test('is not believed when it compacts again and again', async () => {
    const client = openEtcd({ endpoints: etcd.endpoints, tls: await tlsOf('hasty') });
    const hasty: EtcdClient = {
      ...client,
      async range(request, signal) {
        if (request.keysOnly !== true) {
          await etcd.writer().put('/registry/other', 'x');
          await etcd.writer().compact(await etcd.writer().revision());
        }
        return client.range(request, signal);
      },
    };
    await expect(scanned({ resources: ['secrets'], mostRestarts: 2 }, hasty)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('3 times') as string,
    });
  });

  test('pages of big values are asked for anew with fewer of them', async () => {
    await fill(etcd.writer(), '/registry/configmaps/default/c', 400, () => Buffer.from('k8s\0'.padEnd(10)));
    // Small ones first, so that as many are asked for as would be far too much of the big ones.
    for (let number = 500; number < 580; number++)
      await etcd.writer().put(`/registry/configmaps/default/c0000${number}`, Buffer.alloc(1_400_000, `k8s:enc:aesgcm:v1:big:`));
    const scan = await scanned({ resources: ['configmaps'] }, openEtcd({ endpoints: etcd.endpoints, tls: await tlsOf('strong') }));
    expect(counts(scan)).toEqual(['80 configmaps aesgcm big', '400 configmaps identity']);
    await etcd.writer().deleteAll('/registry/configmaps/');
  });

  test('a member that hangs, and a leader that dies, cost time and no object', async () => {
    const leader = await etcd.leader();
    const other = (leader + 1) % 3;
    const order = [other, leader, (leader + 2) % 3].map((member) => etcd.endpoints[member] as string);
    const client = openEtcd({ endpoints: order, tls: await tlsOf('steady'), quiet: 1_000, patience: 30_000 });
    await client.members(within());
    etcd.freeze(other);
    const scan = await scanned({ resources: ['secrets'] }, { ...client, close: () => {} });
    expect(counts(scan)).toEqual(['5000 secrets aescbc key1']);
    etcd.thaw(other);
    await etcd.kill(leader);
    const after = await scanned({ resources: ['secrets'] }, { ...client, close: () => {} });
    expect(counts(after)).toEqual(['5000 secrets aescbc key1']);
    await expect(client.statusOf(etcd.endpoints[leader] as string, within())).rejects.toMatchObject({ code: 'unavailable' });
    client.close();
  }, 60_000);
});
