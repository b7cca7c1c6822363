// Snapshots taken in every phase of a rotation that is killed there: restored, a real kube-apiserver reads of them what the inspector says.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { encryptionOf, identity, reload } from '../fixture/encryption.ts';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { clusterPrograms } from '../fixture/programs.ts';
import { passwordOf, readSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const etcdutl = join(clusterPrograms().etcd, 'etcdutl');
const cluster = clusterOfFile({ apiservers: 3 });
/** Where they are restored. */
const target = clusterOfFile({ encryption: encryptionOf([identity]) });

const secrets = 150;
const moments = ['before', 'read', 'write', 'rewrite', 'final', 'after'] as const;
type Moment = (typeof moments)[number];
/** Where the manager is killed; the rewrite, when its first object is written. */
const kills = { read: '"step":"read/cp2"', write: '"step":"write/cp2"', rewrite: undefined, final: '"step":"final/cp2"' } as const;

let manager: Manager;
let namespace = '';
/** Texts of the EncryptionConfigurations of the rotation. */
const configurations: Record<'before' | 'read' | 'write' | 'final', string> = { before: '', read: '', write: '', final: '' };

const pathOf = (moment: Moment) => join(cluster().folder, `${moment}.db`);
/** The last flag of a name wins over the manager's own folder, whose archive opens more than the configuration. */
const noArchive = () => `-state=${join(cluster().folder, 'no-archive')}`;
const fileOf = (name: string) => join(cluster().folder, `${name}.yaml`);
const each = <T>(work: (number: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: secrets }, (_, number) => work(number)));
const save = (moment: Moment) => manager.must(['snapshot', 'save', pathOf(moment)]);

beforeAll(async () => {
  manager = makeManager(cluster());
  namespace = await cluster().namespace();
  await each((number) => writeSecret(cluster(), namespace, `s${number}`, `password ${number}`));
  await manager.must(['enable', '-yes', '-provider=aescbc']);
  const config = join(cluster().servers[0].folder, 'encryption-at-rest', 'config.yaml');
  configurations.before = readFileSync(config, 'utf8');
  await save('before');
  let words: readonly string[] = ['rotate-key', '-yes', '-no-snapshot', '-provider=secretbox', '-format=json'];
  for (const moment of ['read', 'write', 'rewrite', 'final'] as const) {
    const running = manager.start(words);
    const begun = kills[moment];
    const come = async () => (begun === undefined ? (await inEtcd('k8s:enc:secretbox')) > 0 : running.stderr().includes(begun));
    await until(`the moment ${moment}`, come, { within: 120_000, every: 2 });
    running.kill('SIGKILL');
    await running.ended;
    await save(moment);
    words = ['resume', '-yes', '-format=json'];
  }
  const { change } = JSON.parse(readFileSync(join(manager.stateFolder, 'journal.json'), 'utf8'));
  Object.assign(configurations, change.configs);
  await manager.must(['resume', '-yes']);
  await save('after');
  for (const [name, text] of Object.entries(configurations)) writeFileSync(fileOf(name), text, { mode: 0o600 });
}, 400_000);

async function inEtcd(prefix: string): Promise<number> {
  const entries = await cluster().etcd.list(`/registry/secrets/${namespace}/`);
  return entries.filter(({ value }) => value.toString('latin1').startsWith(prefix)).length;
}

interface Inspected {
  readonly rows: readonly { resource: string; provider: string; count: number }[];
  readonly closed: number;
}

async function inspected(moment: Moment, configuration: string): Promise<Inspected> {
  const words = ['snapshot', 'inspect', `-configuration=${fileOf(configuration)}`, noArchive(), '-format=json', pathOf(moment)];
  const { stdout } = await manager.run(words);
  return JSON.parse(stdout);
}

async function restore(moment: Moment): Promise<void> {
  const { etcd, servers } = target();
  await servers[0].stop();
  await etcd.stop();
  rmSync(etcd.dataFolder, { recursive: true });
  const peer = 'http://127.0.0.1:2380';
  await promisify(execFile)(etcdutl, [
    ...['snapshot', 'restore', pathOf(moment), `--data-dir=${etcd.dataFolder}`, '--name=etcd'],
    ...[`--initial-cluster=etcd=${peer}`, `--initial-advertise-peer-urls=${peer}`, '--bump-revision=1000000', '--mark-compacted'],
  ]);
  await etcd.start();
  // One that cannot list its Secrets when it starts never becomes ready.
  await servers[0].writeEncryption(configurations.write);
  await servers[0].start();
}

/** How many of the Secrets of the test a real kube-apiserver cannot give. */
async function unreadable(): Promise<number> {
  const [server] = target().servers;
  const answers = await each((number) => readSecret(server, namespace, `s${number}`));
  for (const [number, answer] of answers.entries()) if (answer.status === 200) expect(passwordOf(answer)).toBe(`password ${number}`);
  expect(answers.filter(({ status }) => status === 404)).toEqual([]);
  return answers.filter(({ status }) => status !== 200).length;
}

test('what lies in the snapshots is what the phases leave: one key, both, and the other one', async () => {
  const providers = async (moment: Moment) =>
    (await inspected(moment, 'write')).rows
      .filter(({ resource }) => resource === 'secrets')
      .map(({ provider, count }) => [provider, count]);
  for (const moment of ['before', 'read'] as const) expect(await providers(moment), moment).toEqual([['aescbc', secrets]]);
  const mixed = await providers('rewrite');
  expect(mixed.map(([provider]) => provider)).toEqual(['aescbc', 'secretbox']);
  for (const moment of ['final', 'after'] as const) expect(await providers(moment), moment).toEqual([['secretbox', secrets]]);
});

test.each(moments)(
  'a snapshot of the moment %s holds for a kube-apiserver exactly what the inspector says',
  async (moment) => {
    if (!existsSync(etcdutl)) throw new Error('the fixture has no etcdutl: run scripts/fixtures/cluster.mjs again');
    await restore(moment);
    const found: Record<string, readonly [number, number]> = {};
    for (const [name, text] of Object.entries(configurations)) {
      await reload(target().servers[0], text);
      found[name] = [(await inspected(moment, name)).closed, await unreadable()];
    }
    for (const [name, [said, seen]] of Object.entries(found)) expect(said, `${name}: ${JSON.stringify(found)}`).toBe(seen);
    // Both configurations that stand on nodes while anything is mixed open all of it.
    expect(found['read']).toEqual([0, 0]);
    expect(found['write']).toEqual([0, 0]);
  },
  120_000,
);

test('an old snapshot is refused under the new configuration by the name of its key, and allowed with the archive', async () => {
  const words = ['snapshot', 'restore-check', `-configuration=${fileOf('final')}`];
  for (const moment of ['before', 'read', 'rewrite'] as const) {
    const refused = await manager.run([...words, noArchive(), pathOf(moment)]);
    expect(refused.code, refused.stdout).toBe(1);
    expect(refused.stderr).toMatch(/aescbc key cm-1-[0-9a-f]{8} is missing, fingerprint [0-9a-f]{32}/);
    const { stdout } = await manager.must([...words, pathOf(moment)]);
    expect(stdout).toMatch(/From the archive, to be added to the configuration before.*: aescbc key cm-1-/);
  }
  await manager.must([...words, noArchive(), pathOf('after')]);
});
