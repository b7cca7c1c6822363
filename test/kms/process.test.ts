// `casemate kms` from outside: its configuration, kill -9 and SIGTERM, credentials and audit file that change while it runs.

import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { manualClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { addRingKey, createRing } from '../../src/keys/ring-file.ts';
import { type KmsCaller, kmsCaller } from './kms-client.ts';
import { type KmsProcess, startKmsProcess } from './kms-process.ts';
import { deskFolder } from './plugin-desk.ts';

const secret = Buffer.from('thirty-two bytes of a seed, sir!');
const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const parts = { random: systemRandom, clock: manualClock() };
let folder: string;
let ring: string;
const callers: KmsCaller[] = [];
const processes: KmsProcess[] = [];

beforeAll(async () => {
  folder = deskFolder();
  ring = join(folder, 'ring');
  await createRing(ring, { name: 'cluster-a', cipher: 'aes-256-gcm' }, parts);
});
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  for (const { child, ended } of processes.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const socketAt = (name: string): string => join(folder, 'run', `${name}.sock`);

function config(name: string, more = '', key = `key "local" { path = "${ring}" }`): string {
  const path = join(folder, `${name}.hcl`);
  writeFileSync(
    path,
    `health { address = "127.0.0.1:0" }\n${more}\nprovider "${name}" {\n  socket = "${socketAt(name)}"\n  probe_every = "100ms"\n  ${key}\n}\n`,
    { mode: 0o600 },
  );
  return path;
}

function start(words: readonly string[], env?: Readonly<Record<string, string>>): KmsProcess {
  const started = startKmsProcess(words, env);
  processes.push(started);
  return started;
}

function caller(name: string, version?: 'v2' | 'v1beta1'): KmsCaller {
  const made = kmsCaller(socketAt(name), version);
  callers.push(made);
  return made;
}

async function refusal(words: readonly string[]): Promise<string> {
  const refused = start(words);
  expect(await refused.ended).toBe(1);
  return refused.err();
}

describe('casemate kms serve', () => {
  it('after kill -9 starts again at the same socket, and opens what it sealed before', async () => {
    const path = config('killed');
    const first = start(['serve', `-config=${path}`]);
    await first.until('the plugin is ready');
    const sealed = await caller('killed').call('Encrypt', { plaintext: secret });
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(socketAt('killed'))).toBe(true);
    const second = start(['serve', `-config=${path}`]);
    await second.until('the plugin is ready');
    expect((await caller('killed').call('Decrypt', sealed)).plaintext).toEqual(secret);
    // A third one leaves the second alone.
    expect(await refusal(['serve', `-config=${path}`])).toContain('another process owns this socket');
    expect((await caller('killed').call('Decrypt', sealed)).plaintext).toEqual(secret);
    expect(second.out()).toContain('"type":"unwrap","provider":"killed"');
    expect(first.err() + second.err() + second.out()).not.toContain(secret.toString());
  });

  it('on SIGTERM answers what is under way, and removes its socket', async () => {
    const started = start(['serve', `-config=${config('drained')}`]);
    await started.until('the plugin is ready');
    const client = caller('drained');
    await client.call('Status', {});
    const calls = Array.from({ length: 200 }, () => client.call('Encrypt', { plaintext: secret }));
    await calls[0];
    started.child.kill('SIGTERM');
    const answered = await Promise.allSettled(calls);
    // What it had not taken yet finds nobody; nothing is cut off in the middle.
    for (const one of answered) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 14 });
    expect(await started.ended).toBe(0);
    expect(existsSync(socketAt('drained'))).toBe(false);
  });

  it('notices a new version of the key without a restart', async () => {
    const own = join(folder, 'rotated-ring');
    await createRing(own, { name: 'rotated', cipher: 'sm4-gcm' }, parts);
    const started = start(['serve', `-config=${config('rotated', '', `key "local" { path = "${own}" }`)}`]);
    await started.until('the plugin is ready');
    const client = caller('rotated');
    const before = await client.call('Encrypt', { plaintext: secret });
    await addRingKey(own, { cipher: 'sm4-gcm', use: true }, parts);
    await vi.waitFor(async () => expect((await client.call('Status', {})).key_id).not.toBe(before.key_id), 5_000);
    const after = await client.call('Encrypt', { plaintext: secret });
    expect(after.key_id).toBe((await client.call('Status', {})).key_id);
    expect((await client.call('Decrypt', before)).plaintext).toEqual(secret);
  });

  it('serves several providers, tells their health on loopback, and moves its audit file on SIGHUP', async () => {
    const audit = join(folder, 'audit.log');
    const path = config('one', `audit { path = "${audit}" }`);
    appendFileSync(path, `provider "two" {\n socket = "${socketAt('two')}"\n key "local" { path = "${ring}" }\n}\n`);
    const started = start(['serve', `-config=${path}`]);
    await started.until('the plugin is ready');
    const port = /"health":\{"host":"127.0.0.1","port":(\d+)\}/.exec(started.err())?.[1];
    const asked = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([asked.status, await asked.text()]).toEqual([200, '[+]one ok\n[+]two ok\n']);
    expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('casemate_kms_healthy{provider="two"} 1');
    const sealed = await caller('one').call('Encrypt', { plaintext: secret });
    await caller('two').call('Decrypt', sealed);
    renameSync(audit, `${audit}.1`);
    started.child.kill('SIGHUP');
    await started.until('the audit file was opened anew');
    await caller('two').call('Decrypt', sealed);
    for (const file of [audit, `${audit}.1`]) expect(readFileSync(file, 'utf8')).toMatch(/^\{[^\n]*"provider":"two"[^\n]*\}\n$/);
  });

  it('that cannot have its port for health serves keys all the same', async () => {
    const first = start(['serve', `-config=${config('first')}`]);
    await first.until('the plugin is ready');
    const port = /"port":(\d+)/.exec(first.err())?.[1];
    const path = config('second');
    writeFileSync(path, readFileSync(path, 'utf8').replace('127.0.0.1:0', `127.0.0.1:${port}`));
    const second = start(['serve', `-config=${path}`]);
    await second.until('health and metrics are not served');
    expect((await caller('second').call('Status', {})).healthz).toBe('ok');
  });
});

describe('a configuration that is refused', () => {
  it('one with a typo names the word and its place', async () => {
    const path = config('typo', 'audti { path = "stdout" }');
    expect(await refusal(['serve', `-config=${path}`])).toContain('unknown stanza "audti"');
  });

  it('a key file that others may read', async () => {
    const open = join(folder, 'open-ring');
    writeFileSync(open, readFileSync(ring), { mode: 0o644 });
    chmodSync(open, 0o644);
    const path = config('open', '', `key "local" { path = "${open}" }`);
    expect(await refusal(['serve', `-config=${path}`])).toContain('may be read by others; chmod it to 0600');
    expect(existsSync(socketAt('open'))).toBe(false);
  });

  it('a file with secrets in it that others may read, and any file that others may write', async () => {
    const path = config('wide', '', 'key "transit" { address = "https://127.0.0.1:1"  key_name = "k"  token = "hvs.secret" }');
    chmodSync(path, 0o640);
    const told = await refusal(['serve', `-config=${path}`]);
    expect(told).toContain('holds secrets and may be read by others; chmod it to 0600');
    expect(told).not.toContain('hvs.secret');
    const writable = config('writable');
    chmodSync(writable, 0o622);
    expect(await refusal(['serve', `-config=${writable}`])).toContain('may be written by others');
  });

  it.each([
    [['serve'], 'name a configuration with -config=FILE'],
    [['serve', '-config=/nonexistent.hcl'], '/nonexistent.hcl: there is no such file'],
    [['srve'], 'there is no "srve" here; use casemate kms serve, check, install, uninstall or doctor'],
    [['serve', '-config=x', 'more'], 'this program takes flags and no arguments: more'],
  ])('%j', async (words, sentence) => {
    expect(await refusal(words)).toContain(sentence);
  });
});

describe('the released bundle of the plugin', () => {
  it('is whole: it reads a configuration and asks its key', async () => {
    const out = join(folder, 'dist');
    await run(process.execPath, [join(root, 'scripts', 'build.mjs'), relative(root, out)]);
    const words = JSON.stringify(['serve', `-config=${config('bundled')}`]);
    writeFileSync(join(folder, 'entry.mjs'), `import { kms } from './dist/kms.js';\nprocess.exitCode = await kms(${words});\n`);
    const bundled = execFile(process.execPath, [join(folder, 'entry.mjs')]);
    try {
      await vi.waitFor(async () => expect((await caller('bundled').call('Status', {}, 500)).healthz).toBe('ok'), 10_000);
    } finally {
      bundled.kill('SIGKILL');
    }
  }, 30_000);
});

describe('casemate kms check', () => {
  it('says what each key did, and prints a proof that finds a node with another key', async () => {
    const checked = start(['check', `-f=${config('checked')}`]);
    expect(await checked.ended).toBe(0);
    expect(checked.out()).toMatch(/^provider checked, key 1 \(local\): ok, key id local:cluster-a:v1:\w+, seals and opens at /);
    const proof = /^ {2}(proof = ".*")$/m.exec(checked.out())?.[1] ?? '';
    const other = join(folder, 'other-ring');
    await createRing(other, { name: 'cluster-a', cipher: 'aes-256-gcm' }, parts);
    const path = config('other', '', `${proof}\n key "local" { path = "${other}" }`);
    for (const verb of ['serve', 'check'])
      expect(await refusal([verb, `-config=${path}`])).toContain('this node has another key than the proof');
    const right = start(['check', `-config=${config('right', '', `${proof}\n key "local" { path = "${ring}" }`)}`]);
    expect(await right.ended).toBe(0);
  });
});
