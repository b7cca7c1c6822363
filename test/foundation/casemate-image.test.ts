// Casemate's own image: what is in it, and that a server starts from its files alone, as the account it names.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withCasemateImage } from '../../scripts/image.mjs';
import type { ImageConfig } from '../../scripts/image-archive.mjs';
import { layOut } from '../../scripts/image-tree.mjs';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { createRing } from '../../src/keys/ring-file.ts';

const repository = join(import.meta.dirname, '../..');
const isRoot = process.getuid?.() === 0;

let folder: string;
let image: { readonly paths: readonly string[]; readonly writable: readonly string[]; readonly config: ImageConfig };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-image-'));
  // The image's user must reach it.
  chmodSync(folder, 0o755);
  image = await withCasemateImage(repository, (tree, config) => {
    if (isRoot) layOut(folder, tree);
    const entries = tree.entries();
    const writable = entries.filter(([, { type, uid, mode }]) => type !== 'link' && (uid !== 0 || (mode & 0o022) !== 0));
    return { paths: entries.map(([path]) => path), writable: writable.map(([path]) => path), config };
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the image's entry point does with these words, in the image's files and as its user. */
function entryPoint(words: readonly string[]): readonly [string, readonly string[]] {
  return ['chroot', [`--userspec=${image.config.User ?? ''}`, folder, ...(image.config.Entrypoint ?? []), ...words]];
}

const env = () => Object.fromEntries((image.config.Env ?? []).map((line) => line.split('=') as [string, string]));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function health(port: number, child: ChildProcess): Promise<unknown> {
  for (let tries = 0; tries < 200 && child.exitCode === null; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/sys/health`).catch(() => undefined);
    if (answer !== undefined) return answer.json();
    await sleep(50);
  }
  throw new Error('the server of the image does not answer');
}

describe("Casemate's image", () => {
  it('holds Node, the bundles and the native packages, and no shell, npm or source', () => {
    expect(image.paths).toEqual(expect.arrayContaining(['usr/bin/node', 'usr/bin/casemate', 'usr/lib/casemate/dist/cli.js']));
    expect(image.paths.filter((path) => /(^|\/)(sh|bash|busybox|npm|casemate\/src|\.[^/]+)$|\.ts$|\/\./.test(path))).toEqual([]);
    expect([...new Set(image.paths.map((path) => path.split('/')[0]))].filter((name) => name !== 'lib' && name !== 'lib64')).toEqual([
      'dev',
      'etc',
      'proc',
      'sys',
      'tmp',
      'usr',
      'var',
    ]);
  });

  it('runs as an account without rights, which owns its data and nothing else', () => {
    expect(image.config.User).toBe('65532:65532');
    expect(image.writable).toEqual(['tmp', 'var/lib/casemate']);
  });

  it('answers as the command', (context) => {
    if (!isRoot) context.skip('chroot needs root');
    const [command, words] = entryPoint(['version']);
    const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8', env: { ...env(), PATH: process.env['PATH'] } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Casemate v/i);
  });

  it('starts the development server', async (context) => {
    if (!isRoot) context.skip('chroot needs root');
    const port = await freePort();
    const [command, words] = entryPoint(['server', '-dev', `-dev-listen-address=127.0.0.1:${port}`]);
    const child = spawn(command, words, { stdio: 'ignore', env: { ...env(), PATH: process.env['PATH'] } });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      expect(await health(port, child)).toMatchObject({ initialized: true, sealed: false });
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  });

  it('starts the KMS plugin with a small heap, as the account it names, and ends it on SIGTERM', async (context) => {
    if (!isRoot) context.skip('chroot needs root');
    const ring = join(folder, 'tmp', 'ring');
    await createRing(ring, { name: 'image', cipher: 'sm4-gcm' }, { random: systemRandom, clock: systemClock });
    const config =
      'health { disabled = true }\nprovider "image" {\n socket = "/tmp/run/kms.sock"\n key "local" { path = "/tmp/ring" }\n}\n';
    writeFileSync(join(folder, 'tmp', 'kms.hcl'), config, { mode: 0o600 });
    for (const name of ['ring', 'kms.hcl']) chownSync(join(folder, 'tmp', name), 65532, 65532);
    const [command, words] = entryPoint(['kms', 'serve', '-config=/tmp/kms.hcl']);
    const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...env(), PATH: process.env['PATH'] } });
    let printed = '';
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
    try {
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          printed += text;
          if (printed.includes('"the plugin is ready"')) resolve();
        });
      });
      expect(printed).toContain('"the plugin is ready"');
      expect(printed).not.toContain('Warning');
      const line = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0');
      expect(line.slice(1, 4)).toEqual(['--max-semi-space-size=2', '--max-old-space-size=64', '--no-maglev']);
      expect(readFileSync(`/proc/${child.pid}/status`, 'utf8')).toMatch(/^Uid:\s+65532\s/m);
    } finally {
      child.kill('SIGTERM');
    }
    expect(await ended).toBe(0);
  });
});
