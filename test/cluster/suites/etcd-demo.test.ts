// The demonstration that a person watches: it runs to its end without a terminal, shows what it promises, and leaves nothing behind.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const demo = fileURLToPath(new URL('../../../demo/etcd.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'casemate-demo-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

function run(words: readonly string[], environment: Readonly<Record<string, string>>, until?: RegExp): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [demo, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    const out = { stdout: '', stderr: '' };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out.stdout += text;
      if (until?.test(out.stdout)) child.kill('SIGTERM');
    });
    child.on('close', (code) => resolve({ ...out, code }));
  });
}

test('shows Secrets in clear, sealed with one key and then another, and in clear again, and clears up', async () => {
  const { stdout, stderr, code } = await run(['25'], { TMPDIR: place });
  expect(code, stderr).toBe(0);
  const looks = stdout.split('\n').filter((line) => line.startsWith('etcd, '));
  expect(looks).toEqual([
    expect.stringContaining('hunter0'),
    expect.stringMatching(/k8s:enc:aescbc:v1:cm-1-[0-9a-f]{8}:/),
    expect.stringMatching(/k8s:enc:secretbox:v1:cm-2-[0-9a-f]{8}:/),
    expect.stringContaining('hunter0'),
  ]);
  for (const provider of ['aescbc', 'secretbox', 'identity'])
    expect(stdout).toMatch(new RegExp(`^secrets +${provider} +(cm-\\S+|-) +25$`, 'm'));
  expect(stdout.match(/Every object is sealed as the configuration says/g)).toHaveLength(3);
  expect(stderr).toMatch(/^rewrite: 25 of 25/m);
  expect(readdirSync(place)).toEqual([]);
}, 300_000);

test('an interrupted demonstration ends what it has started', async () => {
  const { stderr, code } = await run(['25'], { TMPDIR: place }, /\$ casemate etcd enable/);
  expect(code).toBe(1);
  expect(stderr).toContain('interrupted; everything that was started is ended');
  expect(readdirSync(place)).toEqual([]);
}, 120_000);

test('without the programs of a cluster it says how to build them', async () => {
  const { stderr, code } = await run([], { CASEMATE_FIXTURES: join(place, 'none') });
  expect(code).toBe(1);
  expect(stderr).toContain('scripts/fixtures/cluster.mjs');
  expect(existsSync(join(place, 'none'))).toBe(false);
});
