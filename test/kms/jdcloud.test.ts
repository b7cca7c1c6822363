// In the place of JD Cloud's plugin: its configuration, its call, its key service and what it has stored, unchanged.

import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CloudServer } from '../suites/cloud-kms/cloud-server.ts';
import { startJdcloud } from '../suites/cloud-kms/jdcloud-server.ts';
import { type KmsCaller, kmsCaller } from './kms-client.ts';
import { type KmsProcess, startKmsProcess } from './kms-process.ts';
import { deskFolder } from './plugin-desk.ts';

const secret = Buffer.from('thirty-two bytes of a seed, sir!');
let folder: string;
let service: CloudServer;
let plugin: KmsProcess | undefined;
const callers: KmsCaller[] = [];

beforeEach(async () => {
  folder = deskFolder();
  service = await startJdcloud();
  service.keys.create('abcd');
});
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  plugin?.child.kill('SIGKILL');
  await plugin?.ended;
  plugin = undefined;
  await service.close();
  rmSync(folder, { recursive: true });
});

const socket = (): string => join(folder, 'run', 'kms-plugin.sock');

/** As the guide has it, its notes included. */
function configured(secretKey = 'secret key of the test', endpoint = new URL(service.address).host): string {
  const path = join(folder, 'jdcloud-kms-plugin.json');
  const text = `{
    "AccessKey": "AK", # 部署前,该参数需要预先知道,
    "SecretKey": "${secretKey}", # 部署前,该参数需要预先知道。
    "KmsEndpoint": "${endpoint}", # 部署前,该参数需要预先知道。
    "KmsKeyId": "abcd", # 部署前,该参数需要预先知道。
    "KmsSchema": "http",
    "GRPCSocketPath": "${socket()}"
  }`;
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

async function started(path = configured()): Promise<KmsCaller> {
  plugin = startKmsProcess([`-f=${path}`]);
  await plugin.until('the plugin is ready');
  const caller = kmsCaller(socket(), 'v1beta1');
  callers.push(caller);
  return caller;
}

describe("in the place of JD Cloud's plugin", () => {
  it('starts with -f and its file, and seals and opens over v1', async () => {
    const v1 = await started();
    const { cipher } = await v1.call('Encrypt', { version: 'v1beta1', plain: secret });
    expect((await v1.call('Decrypt', { version: 'v1beta1', cipher })).plain).toEqual(secret);
    expect(statSync(socket()).mode & 0o777).toBe(0o600);
    expect(plugin?.err()).not.toContain('secret key of the test');
  });

  it('opens what that plugin has stored', async () => {
    const v1 = await started();
    const stored = service.keys.encrypt(service.keys.find('abcd')!, secret);
    expect((await v1.call('Decrypt', { version: 'v1beta1', cipher: stored })).plain).toEqual(secret);
  });

  it('uses a secret key that was changed in the file, without a restart', async () => {
    const v1 = await started();
    service.accounts.set('AK', { secretKey: 'another secret key' });
    await expect(v1.call('Encrypt', { plain: secret })).rejects.toThrow();
    configured('another secret key');
    await vi.waitFor(async () => expect((await v1.call('Encrypt', { plain: secret })).cipher.length).toBeGreaterThan(0), 3_000);
  });

  it('goes on after its key service was away', async () => {
    const v1 = await started();
    const { cipher } = await v1.call('Encrypt', { plain: secret });
    await service.cut();
    await expect(v1.call('Decrypt', { cipher })).rejects.toMatchObject({ code: 14 });
    await service.mend();
    await vi.waitFor(async () => expect((await v1.call('Decrypt', { cipher })).plain).toEqual(secret), 5_000);
  });

  it('is refused where keys would travel in clear', async () => {
    const path = configured('s', 'kms.internal.cn-north-1.jdcloud-api.com');
    plugin = startKmsProcess([`-f=${path}`]);
    expect(await plugin.ended).toBe(1);
    expect(plugin.err()).toContain('keys would travel in clear');
  });
});
