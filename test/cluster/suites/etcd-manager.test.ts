// Encryption at rest on three kube-apiservers, as an operator does it: enabled, rotated, moved to another provider, disabled, proved.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Manager, makeManager } from '../fixture/manager.ts';
import { passwordOf, readSecret, storedSecret, writeSecret } from '../fixture/secrets.ts';
import { clusterOfFile } from '../fixture/suite.ts';

const cluster = clusterOfFile({ apiservers: 3 });

async function verified(manager: Manager): Promise<readonly { resource: string; provider: string; key: string; count: number }[]> {
  return JSON.parse((await manager.must(['verify', '-format=json', '-resources=secrets'])).stdout).rows;
}

test('the whole life: enable, rotate, another provider, disable', async () => {
  const manager = makeManager(cluster());
  const namespace = await cluster().namespace();
  for (let number = 0; number < 20; number++) await writeSecret(cluster(), namespace, `s${number}`, `password ${number}`);
  expect(await storedSecret(cluster(), namespace, 's3')).toContain('password 3');

  const enabled = await manager.must(['enable', '-yes', '-provider=aescbc', '-format=json']);
  const { new_keys: keys, kind } = JSON.parse(enabled.stdout);
  expect(kind).toBe('enable');
  expect(keys).toHaveLength(1);
  expect(await storedSecret(cluster(), namespace, 's3')).toMatch(/^k8s:enc:aescbc:v1:cm-1-[0-9a-f]{8}:/);
  expect((await verified(manager)).map(({ provider }) => provider)).toEqual(['aescbc']);
  for (const server of cluster().servers) expect(passwordOf(await readSecret(server, namespace, 's3'))).toBe('password 3');

  const rotated = JSON.parse((await manager.must(['rotate-key', '-yes', '-format=json'])).stdout);
  expect(rotated.kind).toBe('rotate-key');
  expect((await verified(manager)).map(({ key }) => key)).toEqual(rotated.new_keys);
  expect(rotated.new_keys).not.toEqual(keys);

  await manager.must(['rotate-key', '-yes', '-provider=secretbox']);
  expect((await verified(manager)).map(({ provider }) => provider)).toEqual(['secretbox']);
  const status = JSON.parse((await manager.must(['status', '-format=json'])).stdout);
  expect(status).toMatchObject({ enabled: true, resources: [{ resources: ['secrets'], provider: 'secretbox' }] });
  expect(new Set(status.nodes.map(({ runs }: { runs: string }) => runs)).size).toBe(1);

  await manager.must(['disable', '-yes', '-remove-configuration']);
  expect((await verified(manager)).map(({ provider }) => provider)).toEqual(['identity']);
  for (const server of cluster().servers) {
    expect(readFileSync(server.manifest, 'utf8')).not.toContain('encryption-provider-config');
    expect(passwordOf(await readSecret(server, namespace, 's3'))).toBe('password 3');
  }
  const ring = JSON.parse(readFileSync(join(manager.stateFolder, 'keys.json'), 'utf8'));
  expect(ring.keys.map(({ retired, sealed }: Record<string, unknown>) => [typeof retired, typeof sealed])).toEqual(
    Array(3).fill(['string', 'object']),
  );
  expect(statSync(join(manager.stateFolder, 'keys.json')).mode & 0o777).toBe(0o600);
  expect(existsSync(manager.stateFolder)).toBe(true);
}, 400_000);
