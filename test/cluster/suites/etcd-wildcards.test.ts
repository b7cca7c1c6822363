// Encryption at rest of custom resources by their name, and of everything by wildcards, under readers and writers.

import { expect, test } from 'vitest';
import type { Server } from '../fixture/cluster.ts';
import { makeManager } from '../fixture/manager.ts';
import { storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { startTraffic } from '../fixture/traffic.ts';
import { configMapTraffic, customTraffic, secretTraffic } from '../fixture/traffic-kinds.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ apiservers: 2 });
const [group, plural] = ['example.com', 'widgets'];
const widgets = customTraffic(group, 'Widget', plural);

async function defineWidgets(): Promise<void> {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const { status, text } = await cluster().call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    body: {
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural, singular: 'widget', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    },
  });
  if (status !== 201) throw new Error(text);
  const isServed = async (server: Server) => (await server.call('GET', widgets.path('default'))).status === 200;
  for (const server of cluster().servers) await until('widgets are served', () => isServed(server));
}

async function stored(key: string): Promise<string> {
  return (await cluster().etcd.get(`/registry/${key}`))?.value.toString('latin1') ?? '';
}

interface Row {
  readonly resource: string;
  readonly provider: string;
  readonly key: string;
  readonly count: number;
}

test('custom resources and ConfigMaps are sealed by their names, then everything is by a wildcard, then nothing', async () => {
  await defineWidgets();
  const manager = makeManager(cluster());
  const namespace = await cluster().namespace();
  await writeSecret(cluster(), namespace, 'login', 'hunter2');
  const traffic = await startTraffic(cluster(), { kinds: [secretTraffic, configMapTraffic, widgets], pause: 250 });
  const known = { widget: `${group}/${plural}/${traffic.namespace}/known-3`, map: `configmaps/${traffic.namespace}/known-3` };
  const rows = async (resources: string): Promise<readonly Row[]> =>
    JSON.parse((await manager.must(['verify', '-format=json', `-resources=${resources}`])).stdout).rows;
  const change = async (words: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await manager.must([...words, '-yes', '-format=json']);
    expect(traffic.findings(), words.join(' ')).toEqual([]);
    return JSON.parse(stdout).new_keys;
  };

  const [first] = await change(['enable', `-resources=${plural}.${group},configmaps`]);
  const named = await rows(`${plural}.${group},configmaps,secrets`);
  expect(named.map(({ resource, provider, key }) => `${resource} ${provider} ${key}`).sort()).toEqual(
    [`configmaps secretbox ${first}`, 'secrets identity ', `${plural}.${group} secretbox ${first}`].sort(),
  );
  for (const key of Object.values(known)) expect(await stored(key)).toMatch(new RegExp(`^k8s:enc:secretbox:v1:${first}:`));
  expect(await storedSecret(cluster(), namespace, 'login')).toContain('hunter2');

  const [second] = await change(['enable', '-resources=*.*', '-provider=aescbc']);
  const all = await rows('*.*');
  expect(all.length).toBeGreaterThan(15);
  const keyOf = ({ resource }: Row) =>
    ['configmaps', `${plural}.${group}`].includes(resource) ? `secretbox ${first}` : `aescbc ${second}`;
  for (const row of all) expect(`${row.resource} ${row.provider} ${row.key}`).toBe(`${row.resource} ${keyOf(row)}`);
  expect(await storedSecret(cluster(), namespace, 'login')).toMatch(new RegExp(`^k8s:enc:aescbc:v1:${second}:`));

  const rotated = await change(['rotate-key', '-provider=secretbox']);
  expect(rotated).toHaveLength(1);
  expect(new Set((await rows('*.*')).map(({ provider, key }) => `${provider} ${key}`))).toEqual(new Set([`secretbox ${rotated[0]}`]));

  await change(['disable']);
  expect(new Set((await rows('*.*')).map(({ provider }) => provider))).toEqual(new Set(['identity']));
  expect(await stored(known.widget)).toContain('known-3#0');
  expect(await traffic.stop()).toEqual([]);
}, 600_000);
