// Backups: they come back whole, in the form that other servers write, and what is no backup is refused without being shown.

import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../crypto/random.ts';
import { backupText, readBackup } from './backup-form.ts';
import { type StoredKey, withNewVersion } from './key-record.ts';
import { changeSettings, type NewKeyTerms, newKey, trimmed } from './key-settings.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';

async function keyWith(versions: number, more: Partial<NewKeyTerms> = {}): Promise<StoredKey> {
  const terms = {
    type: 'aes256-gcm96',
    derived: false,
    convergent: false,
    exportable: true,
    plaintextBackup: true,
    autoRotatePeriod: 0,
    ...more,
  };
  let key = newKey('k', terms);
  for (let count = 0; count < versions; count++)
    key = await withNewVersion(key, { type: knownTypes.get(terms.type) as KeyType, random: systemRandom, now: 1_700_000_000_000 + count });
  return key;
}

const contentOf = (text: string) => JSON.parse(Buffer.from(text, 'base64').toString());
const asText = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64');

/** As OpenBao writes the entry of a version. */
const entry = (fill: number, more: object = {}) => ({
  key: Buffer.alloc(32, fill).toString('base64'),
  hmac_key: Buffer.alloc(32, fill + 100).toString('base64'),
  time: '2023-11-14T22:13:20.123456789Z',
  ec_x: null,
  ec_y: null,
  ec_d: null,
  rsa_key: null,
  rsa_public_key: null,
  public_key: '',
  convergent_version: 0,
  creation_time: 1_700_000_000,
  certificate_chain: null,
  external_key_ref: '',
  ...more,
});

/** Four versions: the first was trimmed, the second may not decrypt any more and lies in the archive alone. */
const policy = {
  name: 'theirs',
  keys: { 3: entry(3), 4: entry(4) },
  derived: false,
  kdf: 0,
  convergent_encryption: false,
  exportable: true,
  min_decryption_version: 3,
  min_encryption_version: 3,
  latest_version: 4,
  archive_version: 4,
  archive_min_version: 2,
  min_available_version: 2,
  deletion_allowed: true,
  convergent_version: 0,
  type: 0,
  backup_info: { time: '2023-11-15T06:13:20+08:00', version: 4 },
  restore_info: null,
  allow_plaintext_backup: true,
  version_template: '',
  storage_prefix: '',
  auto_rotate_period: 31_536_000_000_000_000,
  Imported: false,
  AllowImportedKeyRotation: false,
  soft_deleted: false,
};
const archived_keys = { keys: [entry(2), entry(3), entry(4)] };

describe('a backup', () => {
  it.each([...knownTypes.keys()])('of a key of type %s comes back as it was', async (type) => {
    for (const more of [{}, { derived: true }, { derived: true, convergent: true }, { autoRotatePeriod: 400 * 86_400 }]) {
      const key = await keyWith(4, { type, ...more });
      expect(readBackup(backupText(key))).toStrictEqual(key);
      const used = trimmed(changeSettings(key, { min_decryption_version: 3, min_encryption_version: 4, deletion_allowed: true }), 2);
      const backedUp = { ...used, backedUp: { time: 1_700_000_000_000, version: 4 } };
      expect(readBackup(backupText(backedUp))).toStrictEqual(backedUp);
    }
  });

  it('of OpenBao is taken, with what lies in its archive', () => {
    expect(readBackup(asText({ policy, archived_keys }))).toStrictEqual({
      name: 'theirs',
      type: 'aes256-gcm96',
      derived: false,
      convergent: false,
      exportable: true,
      plaintextBackup: true,
      deletionAllowed: true,
      autoRotatePeriod: 31_536_000,
      minDecryption: 3,
      minEncryption: 3,
      minAvailable: 2,
      backedUp: { time: 1_700_000_000_000, version: 4 },
      versions: [2, 3, 4].map((number) => ({
        number,
        created: 1_700_000_000_123,
        key: entry(number).key,
        hmac: entry(number).hmac_key,
      })),
    });
  });

  it('has the fields of OpenBao, and its archive counted from the oldest version that is kept', async () => {
    const { policy: ours, archived_keys: archive } = contentOf(backupText(await keyWith(2, { derived: true, convergent: true })));
    const { external_key_ref, certificate_chain, ...known } = entry(1);
    expect(Object.keys(ours).sort()).toStrictEqual(Object.keys(policy).sort());
    expect(archive.keys.map(({ key }: { key: string | null }) => key)).toStrictEqual([null, ours.keys[1].key, ours.keys[2].key]);
    expect(Object.keys(ours.keys[1]).sort()).toStrictEqual(Object.keys(known).sort());
    expect(ours).toMatchObject({ kdf: 1, convergent_version: -1, keys: { 1: { convergent_version: 3 }, 2: { convergent_version: 3 } } });
  });

  it.each([true, false])('of an imported key says so, and whether the server may rotate it: %j', async (rotatable) => {
    const key = { ...(await keyWith(1)), imported: { rotatable } };
    const text = backupText(key);
    expect(contentOf(text).policy).toMatchObject({ Imported: true, AllowImportedKeyRotation: rotatable });
    expect(readBackup(text)).toStrictEqual(key);
  });

  it('of versions that were not archived yet is taken', () => {
    const whole = { ...policy, keys: { 1: entry(1) }, latest_version: 1, min_decryption_version: 1, min_encryption_version: 0 };
    const restored = readBackup(asText({ policy: { ...whole, min_available_version: 0 }, archived_keys: { keys: null } }));
    expect(restored.versions.map(({ number }) => number)).toStrictEqual([1]);
  });
});

describe('what is no backup', () => {
  const changed = (more: object, archive: object | null = archived_keys) =>
    asText({ policy: { ...policy, ...more }, archived_keys: archive });

  it.each([
    ['!!', 'it is no base64'],
    [Buffer.from('hunter2').toString('base64'), 'it is no JSON'],
    [asText(null), 'it holds no key'],
    [asText({ policy: null }), 'it holds no key'],
    [asText([]), 'it holds no key'],
    [changed({ type: 2 }), 'it has a key of type number 2, which is not known'],
    [changed({ type: 'aes' }), 'it has a key of type number "aes", which is not known'],
    [changed({ name: 5 }), 'it has no name'],
    [changed({ derived: true }), 'its keys are derived with the method of Vault before 0.4'],
    [
      changed({ derived: true, kdf: 1, convergent_encryption: true, convergent_version: 2 }),
      'its convergent encryption is older than version 3',
    ],
    [changed({ latest_version: 5 }), 'version 5 is missing'],
    [changed({ latest_version: 0 }), 'it has fewer versions than it says'],
    [changed({ min_decryption_version: 5 }), 'it has fewer versions than it says'],
    [changed({ latest_version: -1 }), 'a number in it is none'],
    [changed({ latest_version: '4' }), 'a number in it is none'],
    [changed({}, { keys: [entry(2, { key: '!!' }), entry(3), entry(4)] }), 'version 2 is damaged'],
    [changed({}, { keys: [entry(2, { hmac_key: null }), entry(3), entry(4)] }), 'version 2 is damaged'],
    [changed({}, { keys: [] }), 'version 2 is missing'],
    [changed({}, { keys: [null, 5, 'x'] }), 'version 2 is missing'],
    [changed({}, { keys: {} }), 'version 2 is missing'],
    [changed({ keys: 'x' }, null), 'version 2 is missing'],
  ])('is refused: %#', (text, why) => {
    expect(() => readBackup(text)).toThrow(`the backup cannot be restored: ${why}`);
    try {
      readBackup(text);
    } catch (refusal) {
      expect(String(refusal)).not.toMatch(/hunter2|AgICAgIC/);
    }
  });
});
