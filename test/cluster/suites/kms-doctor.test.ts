// `casemate kms doctor` on a real kube-apiserver: each thing that is broken on purpose is the one that it names, with what to do.

import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/crypto/random.ts';
import { createRing } from '../../../src/keys/ring-file.ts';
import { type Finding, type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const cluster = clusterOfFile({});
const server = () => cluster().servers[0];
let installer: Installer;
const patience = 120_000;

beforeAll(async () => {
  installer = makeInstaller(cluster());
  await installer.must('install', server());
  await writeSecret(cluster(), await cluster().namespace(), 'login', 'hunter2');
}, patience);

const failing = (found: Readonly<Record<string, Finding>>) =>
  Object.values(found)
    .filter(({ ok }) => !ok)
    .map(({ name }) => name);

/** The newest process of the sidecar. */
function plugin() {
  const found = cluster()
    .runner.components()
    .find(({ name }) => name === `${server().name}-casemate-kms`);
  if (found === undefined) throw new Error('the sidecar does not run');
  return found;
}

async function restartPlugin(): Promise<void> {
  const old = plugin();
  old.kill('SIGTERM');
  await old.ended;
  await until('the plugin runs again', () => plugin().pid !== old.pid && plugin().logs().split('"the plugin is ready"').length > 1);
}

async function restartedWith(text: string): Promise<void> {
  const starts = server().starts();
  writeFileSync(server().manifest, text);
  await until('kube-apiserver is started anew', () => server().starts() > starts);
  await server().ready();
}

test(
  'a cluster that is well has nothing to do, and the exit code says so',
  async () => {
    const { code, stdout } = await installer.run('doctor', server());
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/ok +secret +a Secret was written, lies in etcd as ciphertext of kms-v2 casemate/);
    expect(stdout).not.toContain('To do');
  },
  patience,
);

test(
  'a plugin that hangs: it is the plugin that is named, and where its log is',
  async () => {
    plugin().kill('SIGSTOP');
    try {
      const found = await installer.doctor(server());
      expect(found['plugin']?.ok).toBe(false);
      expect(found['plugin']?.finding).toContain('did not answer within');
      expect(found['plugin']?.remedy).toContain('crictl');
      expect(found['socket']?.ok).toBe(true);
    } finally {
      plugin().kill('SIGCONT');
    }
  },
  patience,
);

test(
  'a folder that others may enter: the mode, and the chmod that mends it',
  async () => {
    const folder = dirname(installer.socketOn(server()));
    chmodSync(folder, 0o755);
    try {
      const found = await installer.doctor(server());
      expect(failing(found)).toEqual(['permissions']);
      expect(found['permissions']?.finding).toContain(`${folder} (mode 0755)`);
      expect(found['permissions']?.remedy).toBe(`chmod 0700 ${folder}`);
    } finally {
      chmodSync(folder, 0o700);
    }
  },
  patience,
);

test(
  'a key ring of another cluster: new Secrets are well, and the ones that nobody can open any more are found all the same',
  async () => {
    const ring = join(installer.pluginFolder, 'etcd.ring');
    copyFileSync(ring, `${ring}.right`);
    rmSync(ring);
    await createRing(ring, { name: 'etcd', cipher: 'aes-256-gcm' }, { random: systemRandom, clock: systemClock });
    await restartPlugin();
    try {
      const found = await installer.doctor(server());
      expect(found['round-trip']?.ok).toBe(true);
      expect(found['stored']).toMatchObject({ ok: false, remedy: expect.stringContaining('give this node the key ring of the others') });
      expect(found['stored']?.finding).toMatch(/cannot be opened on cp1: secrets \S+\/\S+ \(local:etcd:v1:/);
    } finally {
      copyFileSync(`${ring}.right`, ring);
      await restartPlugin();
    }
    expect((await installer.doctor(server()))['stored']?.ok).toBe(true);
  },
  patience,
);

test(
  'without etcd what is stored is not guessed at',
  async () => {
    const found = await installer.doctor(server(), '-etcd-endpoints=http://127.0.0.1:1');
    expect(failing(found)).toEqual(['etcd']);
    expect(found['etcd']?.remedy).toContain('-etcd-endpoints');
    expect(found['secret']).toBeUndefined();
  },
  patience,
);

test(
  'without the flag of the automatic reload, which a second install sets again',
  async () => {
    await restartedWith(readFileSync(server().manifest, 'utf8').replace(/^.*--encryption-provider-config-automatic-reload=true\n/m, ''));
    const found = await installer.doctor(server());
    expect(failing(found)).toEqual(['reload']);
    expect(found['reload']?.remedy).toContain('casemate kms install');
    await installer.must('install', server());
    expect((await installer.doctor(server()))['reload']?.ok).toBe(true);
  },
  patience,
);

test(
  'without the flag of the configuration everything is said to lie in clear',
  async () => {
    const before = readFileSync(server().manifest, 'utf8');
    await cluster().etcd.deleteAll('/registry/secrets/');
    await restartedWith(before.replace(/^.*--encryption-provider-config.*\n/gm, ''));
    const { code } = await installer.run('doctor', server());
    expect(code).toBe(1);
    const found = await installer.doctor(server());
    expect(failing(found)).toEqual(['flag']);
    expect(found['flag']?.finding).toContain('everything lies in etcd in clear');
    await restartedWith(before);
  },
  patience,
);
