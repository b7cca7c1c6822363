// The key on this machine: what it seals opens again, the previous key too, and no careless file or text is taken.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fault } from '../../base/fault.ts';
import { exportKey, keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import type { KeyBackend, SealedBytes } from '../key-backend.ts';
import { keyFromFile, keyFromText, localBackend } from './local.ts';

const { signal } = new AbortController();
const key = (fill: number) => keyFromBytes(new Uint8Array(32).fill(fill));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const seal = (backend: KeyBackend, plaintext: string) => backend.seal(Buffer.from(plaintext), signal);

async function refusal(act: () => unknown): Promise<Fault> {
  try {
    await act();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    return thrown as Fault;
  }
  throw new Error('nothing was refused');
}

describe('a local key', () => {
  const backend = localBackend({ current: key(1) }, systemRandom);

  it.each(['', 'a', 'the root key'.repeat(1000)])('opens what it sealed', async (plaintext) => {
    const sealed = await seal(backend, plaintext);
    expect(text(await backend.open(sealed, signal))).toBe(plaintext);
    expect(sealed.annotations).toStrictEqual({});
    // A single letter stands in random bytes now and then.
    if (plaintext.length > 8) expect(text(sealed.ciphertext)).not.toContain(plaintext);
  });

  it('seals the same bytes differently each time', async () => {
    expect((await seal(backend, 'same')).ciphertext).not.toStrictEqual((await seal(backend, 'same')).ciphertext);
  });

  it('is healthy, and names its key alike on every node and after every start', () => {
    expect(backend.type).toBe('static');
    expect(backend.current()).toStrictEqual({ keyId: localBackend({ current: key(1) }, systemRandom).current().keyId, healthy: true });
    // Never to change: data names the key that it was sealed with by this.
    expect(backend.current().keyId).toBe('local:1d01ef70645a852900a94a9b844a0f58');
    expect(backend.current().keyId).not.toBe(localBackend({ current: key(2) }, systemRandom).current().keyId);
  });

  it('does not open with any one bit changed, cut short or under another name', async () => {
    const sealed = await seal(backend, 'the root key');
    const damaged = async (ciphertext: Uint8Array) => (await refusal(() => backend.open({ ...sealed, ciphertext }, signal))).code;
    for (let bit = 0; bit < sealed.ciphertext.length * 8; bit++) {
      const flipped = Uint8Array.from(sealed.ciphertext);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(await damaged(flipped)).toBe('corrupted');
    }
    for (const length of [0, 1, 11, 12, 13, 27, 28, sealed.ciphertext.length - 1])
      expect(await damaged(sealed.ciphertext.subarray(0, length))).toBe('corrupted');
    expect(text(await backend.open(sealed, signal))).toBe('the root key');
  });
});

describe('after a rotation', () => {
  const before = localBackend({ current: key(1) }, systemRandom);
  const after = localBackend({ current: key(2), previous: key(1) }, systemRandom);
  const later = localBackend({ current: key(3), previous: key(2) }, systemRandom);
  let old: SealedBytes;
  beforeAll(async () => {
    old = await seal(before, 'the root key');
  });

  it('the previous key still opens, and only the current one seals', async () => {
    expect(text(await after.open(old, signal))).toBe('the root key');
    const renewed = await seal(after, 'the root key');
    expect(renewed.keyId).toBe(after.current().keyId);
    expect(renewed.keyId).not.toBe(old.keyId);
    expect(text(await later.open(renewed, signal))).toBe('the root key');
  });

  it('a key from before the previous one is named in the refusal', async () => {
    expect(await refusal(() => later.open(old, signal))).toMatchObject({
      code: 'invalid-request',
      message: `the data was sealed with key ${old.keyId}, which is neither the current nor the previous key given here`,
    });
  });

  it('the name of the key is part of what is sealed', async () => {
    expect(await refusal(() => after.open({ ...old, keyId: after.current().keyId }, signal))).toMatchObject({ code: 'corrupted' });
  });
});

const bytes = Uint8Array.from({ length: 32 }, (_, index) => index * 7 + 100);
const hex = Buffer.from(bytes).toString('hex');
const base64 = Buffer.from(bytes).toString('base64');

describe('a key as text', () => {
  it.each([
    ['hex', hex],
    ['upper-case hex', hex.toUpperCase()],
    ['base64', base64],
    ['base64 without padding', base64.replace('=', '')],
    ['base64 for URLs', Buffer.from(bytes).toString('base64url')],
    ['with blanks around it', ` \n${hex}\r\n`],
  ])('may be %s', (_form, given) => {
    expect(exportKey(keyFromText(given, 'the seal stanza'))).toStrictEqual(Buffer.from(bytes));
  });

  it.each([
    ['nothing', ''],
    ['a passphrase', 'correct horse battery staple'],
    ['a passphrase that base64 would take', 'correct horse battery staple correct horse staple'],
    ['hex with a letter too few', hex.slice(1)],
    ['hex with a byte too many', `${hex}00`],
    ['hex with a letter that is none', `g${hex.slice(1)}`],
    ['base64 of 31 bytes', Buffer.from(bytes.subarray(1)).toString('base64')],
    ['base64 of 33 bytes', Buffer.from([...bytes, 1]).toString('base64')],
    ['base64 with a stray character', `!${base64}`],
    ['base64 with a blank in it', `${base64.slice(0, 9)} ${base64.slice(9)}`],
    ['base64 with too much padding', `${base64}=`],
  ])('is refused without being shown: %s', async (_form, given) => {
    const fault = await refusal(() => keyFromText(given, 'the seal stanza'));
    expect(fault).toMatchObject({ code: 'usage', message: 'the seal stanza must hold a key of 32 bytes, as hex or base64' });
  });
});

describe('a key in a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'casemate-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  let count = 0;
  function file(content: string | Uint8Array, mode = 0o600): string {
    const path = join(folder, `key-${count++}`);
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  }

  it.each<[string, string | Uint8Array]>([
    ['raw bytes', bytes],
    ['hex', hex],
    ['hex and a line end', `${hex}\n`],
    ['base64', `${base64}\n`],
    ['notes', `# made on Monday\n${hex}\n# not to be lost\n`],
  ])('may hold %s', (_form, content) => {
    expect(exportKey(keyFromFile(file(content)))).toStrictEqual(Buffer.from(bytes));
  });

  it.each([0o600, 0o400, 0o700])('may have mode %o', (mode) => {
    expect(exportKey(keyFromFile(file(hex, mode)))).toStrictEqual(Buffer.from(bytes));
  });

  it.each([0o640, 0o604, 0o644, 0o620, 0o601, 0o666])('is refused with mode %o, before it is read', async (mode) => {
    const path = file('not even a key', mode);
    expect(await refusal(() => keyFromFile(path))).toMatchObject({
      code: 'usage',
      message: `the key file ${path} may be read by others; chmod it to 0600`,
    });
  });

  it('is judged by what a link points to', async () => {
    const link = join(folder, 'link');
    symlinkSync(file(hex, 0o644), link);
    expect((await refusal(() => keyFromFile(link))).message).toContain('may be read by others');
  });

  it('is refused without being shown when it holds no key', async () => {
    const path = file('hunter2 hunter2\n');
    const fault = await refusal(() => keyFromFile(path));
    expect(fault).toMatchObject({ code: 'usage', message: `the key file ${path} must hold a key of 32 bytes, as hex or base64` });
    expect(String(fault.cause)).not.toContain('hunter2');
  });

  it('must be there and be a file', async () => {
    const missing = join(folder, 'missing');
    expect(await refusal(() => keyFromFile(missing))).toMatchObject({
      code: 'usage',
      message: `the key file ${missing} cannot be read: it is not there`,
    });
    const directory = join(folder, 'directory');
    mkdirSync(directory, { mode: 0o700 });
    expect(await refusal(() => keyFromFile(directory))).toMatchObject({
      code: 'usage',
      message: `the key file ${directory} cannot be read`,
    });
  });
});
