// The keys behind a test's key service: with versions, states and aliases, and with ciphertext that tells its key to nobody else.

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

export interface StoredKey {
  readonly id: string;
  state: 'enabled' | 'disabled' | 'deleting';
  readonly versions: { readonly name: string; readonly secret: KeyObject; readonly made: number }[];
}

export interface KeyStore {
  readonly aliases: Map<string, string>;
  /** With a first version. */
  create(id: string): StoredKey;
  /** By id or alias. */
  find(name: string): StoredKey | undefined;
  rotate(id: string): string;
  /** Under the newest version. */
  encrypt(key: StoredKey, plaintext: Buffer): Buffer;
  /** `undefined` for damaged bytes. */
  decrypt(blob: Buffer): { readonly key: StoredKey; readonly plaintext: Buffer } | undefined;
}

export function keyStore(versionName: (count: number) => string = () => randomBytes(32).toString('hex')): KeyStore {
  const keys = new Map<string, StoredKey>();
  const aliases = new Map<string, string>();
  let made = Date.UTC(2026, 0, 1);
  const addVersion = (key: StoredKey): string => {
    const name = versionName(key.versions.length);
    // Two versions within one second, as a hasty operator makes them.
    made += 400;
    key.versions.push({ name, secret: createSecretKey(randomBytes(32)), made });
    return name;
  };
  const found = (name: string) => keys.get(aliases.get(name) ?? name);
  return {
    aliases,
    create(id) {
      const key: StoredKey = { id, state: 'enabled', versions: [] };
      keys.set(id, key);
      addVersion(key);
      return key;
    },
    find: found,
    rotate: (id) => addVersion(keys.get(id) as StoredKey),
    encrypt(key, plaintext) {
      const index = key.versions.length - 1;
      const head = Buffer.from(`${key.id}\n${index}\n`);
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key.versions[index]!.secret, nonce).setAAD(head);
      const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([Uint8Array.of(head.length), head, nonce, cipher.getAuthTag(), sealed]);
    },
    decrypt(blob) {
      const end = 1 + (blob[0] ?? 0);
      const head = blob.subarray(1, end);
      const [id = '', index = ''] = head.toString('latin1').split('\n');
      const key = keys.get(id);
      const secret = key?.versions[Number(index)]?.secret;
      if (key === undefined || secret === undefined || blob.length < end + 28) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', secret, blob.subarray(end, end + 12)).setAAD(head);
      decipher.setAuthTag(blob.subarray(end + 12, end + 28));
      try {
        return { key, plaintext: Buffer.concat([decipher.update(blob.subarray(end + 28)), decipher.final()]) };
      } catch {
        return undefined;
      }
    },
  };
}
