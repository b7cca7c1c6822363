// A watch of src/kube while API servers restart, etcd forgets, and etcd itself is set back: every final state, once.

import { cpSync, rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createKubeClient, type KubeClient } from '../../../src/kube/client.ts';
import { findConnection } from '../../../src/kube/find-connection.ts';
import { configMaps } from '../../../src/kube/kinds.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({ apiservers: 2 });

async function clientOf(server: string): Promise<KubeClient> {
  const now = () => performance.now();
  const connection = await findConnection({ kubeconfig: cluster().server(server).kubeconfig, env: {}, now });
  return createKubeClient({ connection, fieldManager: 'casemate-test', now });
}

interface Watched {
  /** By name, what the watch told last. */
  readonly state: ReadonlyMap<string, string>;
  /** Every change, as `modified x=2`. */
  readonly changes: readonly string[];
  readonly troubles: readonly string[];
  stop(): Promise<void>;
}

function watched(kube: KubeClient, namespace: string): Watched {
  const stopping = new AbortController();
  const state = new Map<string, string>();
  const changes: string[] = [];
  const troubles: string[] = [];
  const options = {
    signal: stopping.signal,
    pace: { first: 100, longest: 500 },
    onTrouble: (trouble: Error) => void troubles.push(trouble.message),
  };
  const run = async () => {
    for await (const change of kube.watch(configMaps, { namespace }, options)) {
      if (change.type === 'synced') changes.push('synced');
      else if (change.type === 'deleted') {
        state.delete(change.name);
        changes.push(`deleted ${change.name}`);
      } else {
        const { metadata, data } = change.object;
        state.set(metadata.name ?? '', data?.['n'] ?? '');
        changes.push(`${change.type} ${metadata.name}=${data?.['n']}`);
      }
    }
  };
  const running = run();
  return {
    state,
    changes,
    troubles,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function write(kube: KubeClient, namespace: string, name: string, n: string): Promise<void> {
  await kube.apply(configMaps, { metadata: { namespace, name }, data: { n } });
}

async function same(watch: Watched, kube: KubeClient, namespace: string): Promise<void> {
  const { items } = await kube.list(configMaps, { namespace });
  const now = items.map(({ metadata, data }) => [metadata.name, data?.['n']]);
  await until('the watch tells what is there', () => JSON.stringify([...watch.state].sort()) === JSON.stringify(now));
}

it('a watch goes on over a restart of its server, and tells what happened meanwhile', async () => {
  const [first, second] = [await clientOf('cp1'), await clientOf('cp2')];
  const namespace = await cluster().namespace('watch');
  await write(second, namespace, 'x', '1');
  await write(second, namespace, 'gone', '1');
  const watch = watched(first, namespace);
  await until('the first list', () => watch.changes.includes('synced'));
  await cluster().server('cp1').stop();
  await write(second, namespace, 'x', '2');
  await write(second, namespace, 'y', '1');
  await second.remove(configMaps, { namespace, name: 'gone' });
  await until('the watch has asked in vain', () => watch.troubles.some((trouble) => trouble.includes('connection refused')));
  await cluster().server('cp1').start();
  await same(watch, second, namespace);
  expect([...watch.changes].sort()).toStrictEqual(['added gone=1', 'added x=1', 'added y=1', 'deleted gone', 'modified x=2', 'synced']);
  await watch.stop();
}, 120_000);

it('a watch whose state etcd has forgotten lists again, and tells the difference only', async () => {
  const [first, second] = [await clientOf('cp1'), await clientOf('cp2')];
  const namespace = await cluster().namespace('watch');
  for (const name of ['same', 'changed', 'gone', 'replaced']) await write(second, namespace, name, '1');
  const watch = watched(first, namespace);
  await until('the first list', () => watch.changes.includes('synced'));
  await cluster().server('cp1').stop();
  await write(second, namespace, 'changed', '2');
  await write(second, namespace, 'changed', '3');
  await second.remove(configMaps, { namespace, name: 'gone' });
  await second.remove(configMaps, { namespace, name: 'replaced' });
  await write(second, namespace, 'replaced', '2');
  await cluster().etcd.compact(await cluster().etcd.revision());
  await cluster().server('cp1').start();
  await same(watch, second, namespace);
  const after = watch.changes.slice(watch.changes.indexOf('synced') + 1);
  expect(after).toStrictEqual(['deleted gone', 'modified changed=3', 'deleted replaced', 'added replaced=2']);
  expect(watch.troubles.some((trouble) => trouble.includes('start again'))).toBe(true);
  await watch.stop();
}, 120_000);

it('a watch finds its way when etcd is set back to an older state', async () => {
  const kube = await clientOf('cp2');
  const namespace = await cluster().namespace('watch');
  await write(kube, namespace, 'kept', '1');
  const { etcd } = cluster();
  const backup = `${cluster().folder}/etcd-backup`;
  const servers = [cluster().server('cp1'), cluster().server('cp2')];
  await etcd.stop();
  cpSync(etcd.dataFolder, backup, { recursive: true });
  await etcd.start();
  await Promise.all(servers.map((server) => server.ready()));
  await write(kube, namespace, 'kept', '2');
  for (let n = 0; n < 300; n++) await write(kube, namespace, 'lost', String(n));
  const watch = watched(kube, namespace);
  await until('the newer state', () => watch.state.get('lost') === '299');
  await Promise.all(servers.map((server) => server.stop()));
  await etcd.stop();
  rmSync(etcd.dataFolder, { recursive: true });
  cpSync(backup, etcd.dataFolder, { recursive: true });
  await etcd.start();
  await Promise.all(servers.map((server) => server.start()));
  await same(watch, kube, namespace);
  expect([...watch.state]).toStrictEqual([['kept', '1']]);
  await watch.stop();
}, 180_000);
