// KMS v2 and v1 over one socket: what is sealed is opened, limits hold at their edges, and what is malformed or changed is refused.

import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { type Desk, openDesk } from './plugin-desk.ts';
import { scriptedKey } from './scripted-key.ts';

const secret = Buffer.from('thirty-two bytes of a seed, sir!');
let desk: Desk;

beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk.end());

function audited(): Record<string, unknown>[] {
  return readFileSync(desk.auditFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('KMS v2', () => {
  it('opens what it sealed, under the key that Status and Encrypt name', async () => {
    const told = await desk.v2.call('Status', {});
    expect(told).toEqual({ version: 'v2', healthz: 'ok', key_id: 'right:v1' });
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret, uid: 'u-1' });
    expect(sealed.key_id).toBe(told.key_id);
    expect(sealed.ciphertext.includes(secret)).toBe(false);
    expect((await desk.v2.call('Decrypt', { ...sealed, uid: 'u-2' })).plaintext).toEqual(secret);
  });

  it('carries annotations to the backend and back', async () => {
    desk.key.script.annotations = { 'kek.casemate.dev': Buffer.from('wrapped'), 'empty.casemate.dev': Buffer.alloc(0) };
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    expect(Object.keys(sealed.annotations)).toEqual(['kek.casemate.dev', 'empty.casemate.dev']);
    expect(sealed.annotations['kek.casemate.dev']).toEqual(Buffer.from('wrapped'));
    expect(sealed.annotations['empty.casemate.dev']).toHaveLength(0);
    expect((await desk.v2.call('Decrypt', sealed)).plaintext).toEqual(secret);
  });

  it('names the new key in Status and Encrypt after a rotation, and opens what the old one sealed', async () => {
    const before = await desk.v2.call('Encrypt', { plaintext: secret });
    desk.key.rotate();
    const [told, after] = [await desk.v2.call('Status', {}), await desk.v2.call('Encrypt', { plaintext: secret })];
    expect([told.key_id, after.key_id]).toEqual(['right:v2', 'right:v2']);
    expect((await desk.v2.call('Decrypt', before)).plaintext).toEqual(secret);
  });

  it('refuses a ciphertext of which any byte was changed, and the key id of another version', async () => {
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    for (const at of [0, 11, 12, 40, sealed.ciphertext.length - 1]) {
      const changed = Buffer.from(sealed.ciphertext);
      changed[at] = (changed[at] as number) ^ 1;
      await expect(desk.v2.call('Decrypt', { ...sealed, ciphertext: changed })).rejects.toMatchObject({ code: status.DATA_LOSS });
    }
    await expect(desk.v2.call('Decrypt', { ...sealed, key_id: 'right:v9' })).rejects.toMatchObject({ code: status.DATA_LOSS });
  });

  it('refuses data of another key at once, in a sentence', async () => {
    const other = await openDesk({ key: scriptedKey('wrong') });
    try {
      const sealed = await other.v2.call('Encrypt', { plaintext: secret });
      await expect(desk.v2.call('Decrypt', sealed)).rejects.toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: 'the data was sealed with another key',
      });
    } finally {
      await other.end();
    }
  });

  it('takes a ciphertext and a key id of 1024 bytes, and refuses 0 and 1025, whoever sends them', async () => {
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    const decrypt = (change: object) => desk.v2.call('Decrypt', { ...sealed, ...change });
    // Of the right length they reach the key, which knows that they are not its own.
    await expect(decrypt({ ciphertext: Buffer.alloc(1024, 1) })).rejects.toMatchObject({ code: status.DATA_LOSS });
    await expect(decrypt({ key_id: 'k'.repeat(1024) })).rejects.toThrow('the data was sealed with another key');
    await expect(decrypt({ ciphertext: Buffer.alloc(1025, 1) })).rejects.toThrow('the ciphertext has 1025 bytes; 1024 are allowed');
    await expect(decrypt({ key_id: 'k'.repeat(1025) })).rejects.toThrow('the key id has 1025 bytes; 1024 are allowed');
    await expect(decrypt({ key_id: `k${'é'.repeat(512)}` })).rejects.toThrow('the key id has 1025 bytes');
    await expect(decrypt({ ciphertext: Buffer.alloc(0) })).rejects.toThrow('the ciphertext is empty');
    await expect(decrypt({ key_id: '' })).rejects.toThrow('the key id is empty');
    const { script } = desk.key;
    script.ciphertext = Buffer.alloc(1024, 1);
    expect((await desk.v2.call('Encrypt', { plaintext: secret })).ciphertext).toHaveLength(1024);
    script.ciphertext = Buffer.alloc(1025, 1);
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow('the ciphertext has 1025 bytes');
    script.ciphertext = undefined;
    script.keyId = 'k'.repeat(1025);
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow('the key id has 1025 bytes');
  });

  it('takes 32 KiB of annotations under domain names, and refuses a byte more and other names', async () => {
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    const decrypt = (annotations: object) => desk.v2.call('Decrypt', { ...sealed, annotations });
    const name = 'key.casemate.dev';
    const full = 32 * 1024 - name.length;
    expect((await decrypt({ [name]: Buffer.alloc(full) })).plaintext).toEqual(secret);
    await expect(decrypt({ [name]: Buffer.alloc(full + 1) })).rejects.toThrow('the annotations have 32769 bytes');
    for (const wrong of ['key', 'Key.casemate.dev', '-key.casemate.dev', 'key..dev', `${'a'.repeat(64)}.dev`, '__proto__', ''])
      await expect(decrypt({ [wrong]: Buffer.from('x') }), wrong).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    desk.key.script.annotations = { nodots: Buffer.from('x') };
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow('no fully qualified domain name');
  });

  it('seals up to 4096 bytes and not nothing', async () => {
    expect((await desk.v2.call('Encrypt', { plaintext: Buffer.alloc(900, 7) })).ciphertext).toHaveLength(928);
    await expect(desk.v2.call('Encrypt', { plaintext: Buffer.alloc(0) })).rejects.toThrow('there is nothing to encrypt');
    await expect(desk.v2.call('Encrypt', { plaintext: Buffer.alloc(4097) })).rejects.toThrow('4097 bytes; 4096 are allowed');
  });
});

describe('KMS v1 on the same socket', () => {
  it('says its version, and opens what it sealed after a rotation too', async () => {
    expect(await desk.v1.call('Version', { version: 'v1beta1' })).toMatchObject({ version: 'v1beta1', runtime_name: 'casemate' });
    const { cipher } = await desk.v1.call('Encrypt', { version: 'v1beta1', plain: secret });
    desk.key.rotate();
    expect((await desk.v1.call('Decrypt', { version: 'v1beta1', cipher })).plain).toEqual(secret);
  });

  it('keeps annotations of any size that v1 can store inside the ciphertext', async () => {
    desk.key.script.annotations = { 'kek.casemate.dev': Buffer.alloc(32_000, 3) };
    const { cipher } = await desk.v1.call('Encrypt', { plain: secret });
    expect((await desk.v1.call('Decrypt', { cipher })).plain).toEqual(secret);
    desk.key.script.annotations = { 'kek.casemate.dev': Buffer.alloc(65_500, 3) };
    await expect(desk.v1.call('Encrypt', { plain: secret })).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  it('refuses a ciphertext of which any byte was changed', async () => {
    const { cipher } = await desk.v1.call('Encrypt', { plain: secret });
    for (let at = 0; at < cipher.length; at++) {
      const changed = Buffer.from(cipher);
      changed[at] = (changed[at] as number) ^ 0x10;
      await expect(desk.v1.call('Decrypt', { cipher: changed }), `byte ${at}`).rejects.toBeInstanceOf(Error);
    }
  });

  it('opens what the plugin before it has stored, which has no header', async () => {
    const { ciphertext } = await desk.key.seal(secret, AbortSignal.timeout(1_000));
    expect((await desk.v1.call('Decrypt', { cipher: ciphertext })).plain).toEqual(secret);
    await expect(desk.v1.call('Decrypt', { cipher: Buffer.from('noise that nobody sealed, but long enough') })).rejects.toMatchObject({
      code: status.DATA_LOSS,
    });
  });
});

describe('requests that no kube-apiserver sends', () => {
  it.each([
    ['a length that leads out of the message', 'Decrypt', Buffer.from([0x0a, 0x7f, 1])],
    ['a varint without an end', 'Encrypt', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['a field without a number', 'Status', Buffer.from([0x02, 0x00])],
    ['a group', 'Encrypt', Buffer.from([0x0b])],
    ['a uid that is no UTF-8', 'Encrypt', Buffer.from([0x0a, 1, 65, 0x12, 2, 0xc3, 0x28])],
    ['an annotation that is no message', 'Decrypt', Buffer.from([0x0a, 1, 65, 0x1a, 1, 66, 0x22, 1, 0xff])],
    ['more annotations than anybody needs', 'Decrypt', Buffer.concat(Array.from({ length: 1_100 }, (_, index) => annotation(index)))],
  ])('%s is answered with INVALID_ARGUMENT', async (_what, method, bytes) => {
    const details = expect.stringMatching(/^(the message is malformed: |there are more than 1024 annotations)/) as string;
    await expect(desk.v2.raw(method, bytes)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details });
    expect((await desk.v2.call('Status', {})).healthz).toBe('ok');
  });

  it('unknown fields are skipped, as of a newer kube-apiserver', async () => {
    const plaintext = Buffer.concat([Buffer.from([0x0a, secret.length]), secret]);
    // Numbers 9 to 12: a varint, eight bytes, four bytes, a text.
    const newer = Buffer.from([0x48, 0x96, 0x01, 0x51, 1, 2, 3, 4, 5, 6, 7, 8, 0x5d, 1, 2, 3, 4, 0x62, 2, 65, 66]);
    expect((await desk.v2.raw('Encrypt', Buffer.concat([newer, plaintext]))).length).toBeGreaterThan(secret.length);
  });

  it('a message that is far too long, and a method that is not there, end with their call', async () => {
    await expect(desk.v2.raw('Encrypt', Buffer.alloc(200_000))).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await expect(desk.v2.raw('Rotate', Buffer.alloc(0))).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
    expect((await desk.v2.call('Status', {})).healthz).toBe('ok');
  });
});

describe('what is written down', () => {
  it('each unwrap has a line, with its outcome, before it is answered', async () => {
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret, uid: 'sealing' });
    await desk.v2.call('Decrypt', { ...sealed, uid: 'u-1' });
    expect(audited()).toMatchObject([{ type: 'unwrap', provider: 'secrets', api: 'v2', uid: 'u-1', key_id: 'right:v1', outcome: 'ok' }]);
    await expect(desk.v2.call('Decrypt', { ...sealed, key_id: 'other:v1', uid: 'u-2' })).rejects.toThrow();
    const { cipher } = await desk.v1.call('Encrypt', { plain: secret });
    await desk.v1.call('Decrypt', { cipher });
    expect(audited().slice(1)).toMatchObject([
      { uid: 'u-2', key_id: 'other:v1', outcome: 'invalid-request' },
      { api: 'v1', key_id: 'right:v1', outcome: 'ok' },
    ]);
  });

  it('no line and no metric holds a plaintext, a ciphertext, or what a broken backend says', async () => {
    const sealed = await desk.v2.call('Encrypt', { plaintext: secret });
    await desk.v2.call('Decrypt', sealed);
    desk.key.script.fault = new SyntaxError(`Unexpected token in ${secret.toString()}`);
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toThrow(/^13 INTERNAL: internal error/);
    await expect(desk.v2.call('Decrypt', sealed)).rejects.toThrow(/^13 INTERNAL: internal error/);
    const written = desk.log() + desk.metrics() + readFileSync(desk.auditFile, 'utf8');
    for (const hidden of [secret.toString(), secret.toString('base64'), sealed.ciphertext.toString('base64'), 'Unexpected token'])
      expect(written).not.toContain(hidden);
    expect(desk.log()).toContain('"message":"a call failed by a fault of the program"');
  });

  it('metrics count calls and failures of the backend, and name the key by its hash', async () => {
    await desk.v2.call('Encrypt', { plaintext: secret });
    desk.key.script.fault = new Fault('unavailable', 'the KMS is away');
    await expect(desk.v2.call('Encrypt', { plaintext: secret })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    const metrics = desk.metrics();
    expect(metrics).toContain('casemate_kms_calls_total{provider="secrets",api="v2",operation="encrypt",outcome="ok"} 1\n');
    expect(metrics).toContain('casemate_kms_calls_total{provider="secrets",api="v2",operation="encrypt",outcome="unavailable"} 1\n');
    expect(metrics).toContain('casemate_kms_backend_failures_total{provider="secrets",backend="scripted",code="unavailable"} 1\n');
    expect(metrics).toMatch(/casemate_kms_call_duration_seconds_bucket\{[^}]*operation="encrypt",le="\+Inf"\} 2\n/);
    expect(metrics).toMatch(/casemate_kms_key_info\{provider="secrets",key_id_hash="sha256:[0-9a-f]{64}"\} 1\n/);
    expect(metrics).not.toContain('right:v1');
  });
});

function annotation(index: number): Buffer {
  const name = Buffer.from(`a${index}.casemate.dev`);
  return Buffer.concat([Buffer.from([0x22, name.length + 2, 0x0a, name.length]), name]);
}
