// Encryption of single items: what comes back, what does not, and that others can open it who know the format.

import { webcrypto } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../crypto/random.ts';
import { createCipher } from './cipher.ts';
import { type Key, type StoredKey, usable, withNewVersion } from './key-record.ts';
import { changeSettings, type NewKeyTerms, newKey } from './key-settings.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';
import { createNonces } from './nonces.ts';
import { createWorkingKeys } from './working-keys.ts';

const cipher = createCipher(createWorkingKeys(), createNonces(systemRandom));
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

async function stored(terms: Partial<NewKeyTerms> = {}, versions = 1): Promise<StoredKey> {
  const { type = 'aes256-gcm96' } = terms;
  let key = newKey('k', {
    derived: false,
    convergent: false,
    exportable: false,
    plaintextBackup: false,
    autoRotatePeriod: 0,
    ...terms,
    type,
  });
  for (let count = 0; count < versions; count++)
    key = await withNewVersion(key, { type: knownTypes.get(type) as KeyType, random: systemRandom, now: 0 });
  return key;
}

const made = async (terms?: Partial<NewKeyTerms>, versions?: number) => usable(await stored(terms, versions));

function opened(key: Key, ciphertext: string, circumstances = {}): string {
  return cipher.open(key, ciphertext, circumstances).toString();
}

function bytesOf(ciphertext: string): Buffer {
  return Buffer.from(ciphertext.slice(ciphertext.lastIndexOf(':') + 1), 'base64');
}

describe.each([...knownTypes.keys()])('a key of type %s', (type) => {
  it.each([0, 1, 15, 16, 17, 4095, 4096, 4097, 100_000])('opens what it sealed, at %d bytes', async (length) => {
    const key = await made({ type });
    const plaintext = Buffer.alloc(length, 'casemate');
    const { ciphertext, key_version } = cipher.encrypt(key, base64(plaintext), {});
    expect(key_version).toBe(1);
    expect(ciphertext).toMatch(/^vault:v1:[A-Za-z0-9+/]+={0,2}$/);
    expect(bytesOf(ciphertext)).toHaveLength(12 + length + 16);
    expect(cipher.open(key, ciphertext, {})).toStrictEqual(plaintext);
  });

  it('never gives the same ciphertext twice', async () => {
    const key = await made({ type });
    const nonces = Array.from({ length: 1000 }, () => bytesOf(cipher.encrypt(key, base64('x'), {}).ciphertext).toString('hex', 0, 12));
    expect(new Set(nonces).size).toBe(1000);
  });

  it('opens nothing after any one bit was flipped, and nothing of another key', async () => {
    const key = await made({ type });
    const mismatch = type.startsWith('aes') ? 'cipher: message authentication failed' : 'chacha20poly1305: message authentication failed';
    const { ciphertext } = cipher.encrypt(key, base64('attack at dawn'), { associated_data: base64('a') });
    const sealed = bytesOf(ciphertext);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => opened(key, `vault:v1:${base64(flipped)}`, { associated_data: base64('a') }), `bit ${bit}`).toThrow(mismatch);
    }
    expect(opened(key, ciphertext, { associated_data: base64('a') })).toBe('attack at dawn');
    for (const associated_data of [undefined, '', base64('b'), base64('aa')])
      expect(() => opened(key, ciphertext, { associated_data })).toThrow(mismatch);
    await expect(made({ type }).then((other) => opened(other, ciphertext, { associated_data: base64('a') }))).rejects.toThrow(mismatch);
  });

  it('opens with the context and the associated data that it was sealed with, and with no others', async () => {
    const keys = [await made({ type, derived: true }), await made({ type, derived: true, convergent: true })];
    const part = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), part, part, fc.nat(1), (plaintext, context, associated, which) => {
        const key = keys[which] as Key;
        const circumstances = { context: base64(context), associated_data: base64(associated) };
        const { ciphertext } = cipher.encrypt(key, base64(plaintext), circumstances);
        expect(cipher.open(key, ciphertext, circumstances)).toStrictEqual(Buffer.from(plaintext));
        const other = base64(Uint8Array.of(...context, 1));
        expect(() => cipher.open(key, ciphertext, { ...circumstances, context: other })).toThrow('message authentication failed');
        expect(() => cipher.open(key, ciphertext, { ...circumstances, associated_data: other + other })).toThrow();
      }),
      { numRuns: 50 },
    );
  });
});

describe('what others know of the format', () => {
  const subtle = webcrypto.subtle;

  /** HKDF-SHA256 and AES-GCM as the specification of the format says, put together here once more. */
  async function openedElsewhere(key: StoredKey, context: string, ciphertext: string, keyBytes: number): Promise<string> {
    const input = await subtle.importKey('raw', Buffer.from(key.versions[0]?.key ?? '', 'base64'), 'HKDF', false, ['deriveBits']);
    const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: Buffer.from(context) };
    const bits = await subtle.deriveBits(hkdf, input, keyBytes * 8);
    const aes = await subtle.importKey('raw', bits, 'AES-GCM', false, ['decrypt']);
    const sealed = Uint8Array.from(bytesOf(ciphertext));
    return Buffer.from(await subtle.decrypt({ name: 'AES-GCM', iv: sealed.subarray(0, 12) }, aes, sealed.subarray(12))).toString();
  }

  it.each([
    ['aes128-gcm96', 16],
    ['aes256-gcm96', 32],
  ])('is enough to open what a derived key of type %s sealed', async (type, keyBytes) => {
    for (const convergent of [false, true]) {
      const key = await stored({ type, derived: true, convergent });
      const { ciphertext } = cipher.encrypt(usable(key), base64('for others'), { context: base64('tenant 7') });
      expect(await openedElsewhere(key, 'tenant 7', ciphertext, keyBytes)).toBe('for others');
    }
  });

  it("is enough to foresee a convergent key's nonce", async () => {
    const key = await stored({ derived: true, convergent: true });
    const { ciphertext } = cipher.encrypt(usable(key), base64('for others'), { context: base64('tenant 7') });
    const input = await subtle.importKey('raw', Buffer.from(key.versions[0]?.key ?? '', 'base64'), 'HKDF', false, ['deriveBits']);
    const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: Buffer.from('tenant 7') };
    const nonceKey = (await subtle.deriveBits(hkdf, input, 512)).slice(32);
    const hmac = await subtle.importKey('raw', nonceKey, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const digest = Buffer.from(await subtle.sign('HMAC', hmac, Buffer.from('for others')));
    expect(bytesOf(ciphertext).subarray(0, 12)).toStrictEqual(digest.subarray(0, 12));
  });
});

describe('a convergent key', () => {
  const context = base64('c');

  it('gives equal ciphertexts for equal plaintexts, contexts and associated data, and for nothing less', async () => {
    const key = await made({ derived: true, convergent: true });
    const sealed = (plaintext: string, circumstances: object) => cipher.encrypt(key, base64(plaintext), circumstances).ciphertext;
    const same = sealed('a', { context });
    expect(sealed('a', { context })).toBe(same);
    expect(sealed('a', { context, associated_data: base64('x') })).toBe(sealed('a', { context, associated_data: base64('x') }));
    const others = [
      same,
      sealed('b', { context }),
      sealed('a', { context: base64('d') }),
      sealed('a', { context, associated_data: base64('x') }),
      sealed('a', { context, associated_data: base64('y') }),
    ];
    expect(new Set(others.map((ciphertext) => bytesOf(ciphertext).toString('hex', 0, 12))).size).toBe(others.length);
  });
});

describe('a derived key', () => {
  it('does nothing without a context', async () => {
    const key = await made({ derived: true });
    expect(() => cipher.encrypt(key, base64('x'), {})).toThrow("missing 'context' for key derivation");
    expect(() => cipher.encrypt(key, base64('x'), { context: '' })).toThrow("missing 'context' for key derivation");
    expect(() => cipher.encrypt(key, base64('x'), { context: '\n' })).toThrow("missing 'context' for key derivation");
    expect(() => cipher.encrypt(key, base64('x'), { context: '!' })).toThrow('illegal base64 data at input byte 0');
    const { ciphertext } = cipher.encrypt(key, base64('x'), { context: base64('c') });
    expect(() => opened(key, ciphertext)).toThrow("missing 'context' for key derivation");
  });

  it('takes contexts of any length, and more of them than are remembered', async () => {
    const key = await made({ derived: true });
    const long = base64(Buffer.alloc(5000, 'c'));
    expect(opened(key, cipher.encrypt(key, base64('x'), { context: long }).ciphertext, { context: long })).toBe('x');
    const contexts = Array.from({ length: 1500 }, (_, index) => base64(`context ${index}`));
    const ciphertexts = contexts.map((context) => cipher.encrypt(key, base64(context), { context }).ciphertext);
    for (const [index, context] of contexts.entries()) expect(opened(key, ciphertexts[index] ?? '', { context })).toBe(context);
  });

  it('has other keys in another version', async () => {
    const key = await made({ derived: true }, 2);
    const { ciphertext } = cipher.encrypt(key, base64('x'), { context: base64('c') });
    expect(() => opened(key, ciphertext.replace('v2', 'v1'), { context: base64('c') })).toThrow('message authentication failed');
  });
});

describe('a key that is not derived', () => {
  it('does not look at a context', async () => {
    const key = await made();
    expect(opened(key, cipher.encrypt(key, base64('x'), { context: base64('c') }).ciphertext)).toBe('x');
  });
});

describe('the version', () => {
  it('is the newest, or the one that is asked for', async () => {
    const key = await made({}, 3);
    expect(cipher.encrypt(key, '', {}).key_version).toBe(3);
    for (const key_version of [1, 2, 3]) {
      const sealed = cipher.encrypt(key, base64('x'), { key_version });
      expect(sealed).toMatchObject({ key_version, ciphertext: expect.stringMatching(`^vault:v${key_version}:`) });
      expect(opened(key, sealed.ciphertext)).toBe('x');
    }
  });

  it('must be one that may still be used', async () => {
    const key = await stored({}, 4);
    const sealed = [1, 2, 3, 4].map((key_version) => cipher.encrypt(usable(key), base64('x'), { key_version }).ciphertext);
    const restricted = usable(changeSettings(key, { min_decryption_version: 2, min_encryption_version: 3 }));
    expect(() => opened(restricted, sealed[0] ?? '')).toThrow('ciphertext or signature version is disallowed by policy (too old)');
    expect(opened(restricted, sealed[1] ?? '')).toBe('x');
    const encrypted = (key_version: number) => () => cipher.encrypt(restricted, base64('x'), { key_version });
    expect(encrypted(2)).toThrow('requested version for encryption is less than the minimum encryption key version');
    expect(encrypted(5)).toThrow('requested version for encryption is higher than the latest key version');
    expect(encrypted(-1)).toThrow('requested version for encryption is negative');
    expect(encrypted(3)()).toMatchObject({ key_version: 3 });
    const lenient = usable(changeSettings(key, { min_decryption_version: 2 }));
    expect(() => cipher.encrypt(lenient, base64('x'), { key_version: 1 })).toThrow('no such key version');
  });

  it('of a ciphertext is read from its text', async () => {
    const key = await made();
    const { ciphertext } = cipher.encrypt(key, base64('x'), {});
    expect(opened(key, ciphertext.replace('v1', 'v0'))).toBe('x');
    expect(opened(key, ciphertext.replace('v1', 'v+01'))).toBe('x');
    expect(() => opened(key, ciphertext.replace('v1', 'v-1'))).toThrow('(too old)');
    expect(() => opened(key, ciphertext.replace('v1', 'v2'))).toThrow('invalid ciphertext: version is too new');
  });
});

describe('a text that is no ciphertext', () => {
  it.each([
    ['', 'no prefix'],
    ['nonsense', 'no prefix'],
    ['VAULT:v1:AAAA', 'no prefix'],
    ['vault:v1', 'wrong number of fields'],
    ['vault:v', 'wrong number of fields'],
    ['vault:v:AAAA', 'version number could not be decoded'],
    ['vault:vx:AAAA', 'version number could not be decoded'],
    ['vault:v1.0:AAAA', 'version number could not be decoded'],
    ['vault:v99999999999999999999:AAAA', 'version number could not be decoded'],
    ['vault:v1:!!!!', 'could not decode base64'],
    ['vault:v1:AAAA:AAAA', 'could not decode base64'],
    ['vault:v1:ŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁŁ', 'could not decode base64'],
  ])('%j is refused: %s', async (text, why) => {
    const key = await made();
    expect(() => cipher.open(key, text, {})).toThrow(`invalid ciphertext: ${why}`);
  });

  it('is refused when it is too short for a nonce', async () => {
    const key = await made();
    expect(() => cipher.open(key, 'vault:v1:', {})).toThrow('invalid ciphertext length');
    expect(() => cipher.open(key, `vault:v1:${base64(Buffer.alloc(11))}`, {})).toThrow('invalid ciphertext length');
    expect(() => cipher.open(key, `vault:v1:${base64(Buffer.alloc(27))}`, {})).toThrow('cipher: message authentication failed');
  });
});

describe('the plaintext', () => {
  it('is wiped once it is sealed, and when it could not be', async () => {
    const key = await made();
    const [one, other] = [Buffer.from('secret'), Buffer.from('secret')];
    cipher.seal(key, one, {});
    expect(() => cipher.seal(key, other, { key_version: 9 })).toThrow();
    expect([one, other].map((bytes) => bytes.toString('hex'))).toStrictEqual(['00'.repeat(6), '00'.repeat(6)]);
  });
});
