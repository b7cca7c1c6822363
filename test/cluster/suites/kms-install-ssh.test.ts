// `casemate kms install` on a node that is reached over a real sshd: a wrong host key, a systemd unit, a sidecar, and the way back.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeKey, type Sshd, startSshd, whyNoSshd } from '../../nodes/sshd.ts';
import { type Installer, makeInstaller } from '../fixture/kms-install.ts';
import { makeManager } from '../fixture/manager.ts';
import type { Component } from '../fixture/runner.ts';
import { storedSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';

const casemate = fileURLToPath(new URL('../../../bin/casemate', import.meta.url));
const unitPath = '/etc/systemd/system/casemate-kms.service';
const link = '/etc/systemd/system/multi-user.target.wants/casemate-kms.service';
const missing = whyNoSshd();

describe.skipIf(missing !== undefined)(missing ?? 'over SSH', () => {
  const cluster = clusterOfFile({});
  const server = () => cluster().servers[0];
  const manifest = () => readFileSync(server().manifest, 'utf8');
  let sshd: Sshd;
  let installer: Installer;
  let before = '';
  let plugin: Component | undefined;

  /** As operator, who needs sudo for all of it. */
  const access = (knownHosts: string) => () => ({
    ssh: { host: '127.0.0.1', port: sshd.port, user: 'operator', key: sshd.key.file, known_hosts: [knownHosts], sudo: true },
  });
  // The unit's socket is at one place for both, since nothing mounts it elsewhere.
  const systemd = () => ['-form=systemd', `-program=${casemate}`, `-socket-folder=${dirname(installer.socket)}`];
  const onNode = (path: string) => sshd.shell(`[ -e ${path} ] || [ -L ${path} ] && cat ${path} 2>/dev/null || echo nothing`).trim();

  beforeAll(async () => {
    if (missing !== undefined) return;
    sshd = await startSshd();
    sshd.shell(`mkdir -p ${dirname(link)}`);
    installer = makeInstaller(cluster(), { access: access(sshd.knownHosts) });
    before = manifest();
  }, 60_000);
  afterAll(async () => {
    await plugin?.end();
    await sshd?.stop();
  });

  async function walk(): Promise<void> {
    const namespace = await cluster().namespace();
    await cluster().kubectl(['create', 'secret', 'generic', 'secret1', '-n', namespace, '--from-literal=mykey=mydata']);
    expect(await storedSecret(cluster(), namespace, 'secret1')).toMatch(/^k8s:enc:kms:v2:casemate:/);
    const shown = await cluster().kubectl(['get', 'secret', 'secret1', '-n', namespace, '-o', 'jsonpath={.data.mykey}']);
    expect(Buffer.from(shown.stdout, 'base64').toString()).toBe('mydata');
    const found = await installer.doctor(server());
    expect(Object.values(found).filter(({ ok }) => !ok)).toEqual([]);
    expect(found['permissions']?.finding).toContain('those of the socket are seen on the node itself');
  }

  test('another host key than the known one is refused before anything is read or written', async () => {
    const other = makeKey(cluster().folder, 'another-host');
    const knownHosts = join(cluster().folder, 'wrong_hosts');
    writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${other.publicLine}\n`);
    const wrong = makeInstaller(cluster(), { name: 'wrong', access: access(knownHosts) });
    for (const verb of ['install', 'uninstall', 'doctor'] as const) {
      const { code, stderr } = await wrong.run(verb, server());
      expect(code).toBe(1);
      expect(stderr).toMatch(/host key/i);
    }
    expect(sshd.log()).not.toContain('Accepted publickey');
    expect(manifest()).toBe(before);
    expect(existsSync(installer.pluginFolder)).toBe(false);
    expect(existsSync(join(server().folder, 'encryption-at-rest'))).toBe(false);
  }, 60_000);

  test('as a systemd unit: the first run writes it and changes nothing else, the second one goes on when it runs', async () => {
    const first = await installer.run('install', server(), ...systemd());
    expect(first.code, first.stderr).toBe(3);
    expect(first.stdout).toContain('kube-apiserver is not changed yet');
    expect(first.stdout).toContain('  systemctl enable --now casemate-kms.service');
    expect(manifest()).toBe(before);
    expect(statSync(join(installer.pluginFolder, 'etcd.ring')).mode & 0o777).toBe(0o600);
    // The machine of the test has an /etc of its own.
    expect(existsSync(unitPath)).toBe(false);

    const unit = onNode(unitPath);
    expect(unit).toContain(`ExecStart=${casemate} kms serve -config=${join(installer.pluginFolder, 'kms.hcl')}`);
    // As often as it takes: five starts in ten seconds are the most otherwise.
    expect(unit).toContain('StartLimitIntervalSec=0');
    verified(unit);

    sshd.shell(`ln -s ${unitPath} ${link}`);
    const [program = '', ...words] = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    plugin = cluster().runner.spawn('unit', program, words);
    await until('the plugin of the unit is ready', () => plugin?.logs().includes('"the plugin is ready"') === true);
    await installer.must('install', server(), ...systemd());
    expect(manifest()).not.toContain('initContainers');
    await walk();
  }, 120_000);

  function verified(unit: string): void {
    const path = join(cluster().folder, 'casemate-kms.service');
    writeFileSync(path, `${unit}\n`);
    try {
      execFileSync('systemd-analyze', ['verify', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (thrown) {
      const { code, stderr = '' } = thrown as { readonly code?: string; readonly stderr?: string };
      // Where there is no systemd, the lines above are what is looked at.
      if (code !== 'ENOENT') expect(stderr).toBe('');
    }
  }

  test('a sidecar does not come where the unit has the socket, and the unit goes without a trace', async () => {
    const now = manifest();
    const refused = await installer.run('install', server());
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('the plugin is a systemd unit on cp1: end it there with "systemctl disable --now');
    expect(manifest()).toBe(now);
    await cluster().etcd.deleteAll('/registry/secrets/');
    await makeManager(cluster(), { access: access(sshd.knownHosts) }).must(['disable', '-yes', '-no-snapshot', '-remove-configuration']);
    const { stdout } = await installer.must('uninstall', server(), '-purge');
    expect(stdout).toContain('systemctl stop casemate-kms.service');
    for (const path of [unitPath, link, join(installer.pluginFolder, 'etcd.ring')]) expect(onNode(path)).toBe('nothing');
    expect(manifest()).not.toMatch(/casemate-kms|encryption-provider/);
    await plugin?.end();
  }, 120_000);

  test('as a sidecar, with nothing but SSH', async () => {
    await installer.must('install', server());
    expect(manifest()).toContain('name: casemate-kms');
    await walk();
  }, 120_000);
});
