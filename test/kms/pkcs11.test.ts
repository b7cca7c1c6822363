// `casemate kms` with a key in a PKCS#11 token: checked, served over both versions of the wire, and while the token's process is killed.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeToken, moduleProcesses, type SofthsmToken, withoutSofthsm } from '../keys/softhsm-token.ts';
import { type KmsCaller, kmsCaller } from './kms-client.ts';
import { type KmsProcess, startKmsProcess } from './kms-process.ts';
import { deskFolder } from './plugin-desk.ts';

const missing = withoutSofthsm();
if (missing !== undefined) it('casemate kms with a PKCS#11 token', ({ skip }) => skip(missing));

const secret = Buffer.from('thirty-two bytes of a seed, sir!');

describe.skipIf(missing !== undefined)('casemate kms with a PKCS#11 token', () => {
  let token: SofthsmToken;
  let folder: string;
  const processes: KmsProcess[] = [];
  const callers: KmsCaller[] = [];
  beforeEach(() => {
    token = makeToken();
    token.importKey('etcd', '01');
    folder = deskFolder();
  });
  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.close();
    for (const { child, ended } of processes.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
    token.end();
  });

  function configured(pin = token.pin): string {
    writeFileSync(join(folder, 'pin'), pin, { mode: 0o600 });
    const path = join(folder, 'kms.hcl');
    writeFileSync(
      path,
      `health { disabled = true }
provider "secrets" {
  socket = "${join(folder, 'run', 'kms.sock')}"
  probe_every = "100ms"
  key "pkcs11" {
    lib         = "${token.module}"
    token_label = "casemate"
    pin         = "file://${join(folder, 'pin')}"
    key_label   = "etcd"
    key_id      = "0x01"
  }
}
`,
      { mode: 0o600 },
    );
    return path;
  }

  function start(...words: string[]): KmsProcess {
    const started = startKmsProcess(words, token.environment);
    processes.push(started);
    return started;
  }

  function caller(version: 'v2' | 'v1beta1'): KmsCaller {
    const made = kmsCaller(join(folder, 'run', 'kms.sock'), version);
    callers.push(made);
    return made;
  }

  it('seals and opens over v2 and v1, and goes on after its process was killed', async () => {
    const plugin = start('serve', `-config=${configured()}`);
    await plugin.until('the plugin is ready');
    const v2 = caller('v2');
    const sealed = await vi.waitFor(() => v2.call('Encrypt', { plaintext: secret, uid: 'u' }), 10_000);
    expect(sealed.keyId ?? sealed.key_id).toMatch(/^pkcs11:etcd:[0-9a-f]{32}$/);
    const opened = () =>
      v2.call('Decrypt', {
        uid: 'u',
        ciphertext: sealed.ciphertext,
        key_id: sealed.key_id,
        keyId: sealed.keyId,
        annotations: sealed.annotations,
      });
    expect((await opened()).plaintext).toEqual(secret);
    const v1 = caller('v1beta1');
    const { cipher } = await v1.call('Encrypt', { version: 'v1beta1', plain: secret });
    const [pid = 0] = moduleProcesses(plugin.child.pid);
    process.kill(pid, 'SIGSEGV');
    await vi.waitFor(async () => expect((await v1.call('Decrypt', { version: 'v1beta1', cipher })).plain).toEqual(secret), 10_000);
    expect((await opened()).plaintext).toEqual(secret);
    expect(plugin.err()).not.toContain(token.pin);
  });

  it('is checked, and leaves no process behind', async () => {
    const check = start('check', `-config=${configured()}`);
    expect(await check.ended, check.err()).toBe(0);
    expect(check.out()).toMatch(/provider secrets, key 1 \(pkcs11\): ok, key id pkcs11:etcd:[0-9a-f]{32}/);
    const wrong = start('check', `-config=${configured('marked-wrong')}`);
    expect(await wrong.ended).toBe(1);
    expect(wrong.err()).toContain('provider secrets, key 1 (pkcs11): the token "casemate" refuses the PIN (CKR_PIN_INCORRECT)');
    expect(wrong.err()).not.toContain('marked');
  });
});
