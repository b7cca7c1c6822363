// The rules of settings: which change, which stay, which go together.

import { describe, expect, it } from 'vitest';
import type { StoredKey } from './key-record.ts';
import { changeSettings, checkName, checkTerms, newKey, type SettingsInput, trimmed } from './key-settings.ts';

const terms = {
  type: 'aes256-gcm96',
  derived: false,
  convergent: false,
  exportable: false,
  plaintextBackup: false,
  autoRotatePeriod: 0,
};

function keyWith(versions: number, more: Partial<StoredKey> = {}): StoredKey {
  const stored = Array.from({ length: versions }, (_, index) => ({ number: index + 1, created: 0, key: '', hmac: '' }));
  return { ...newKey('k', terms), versions: stored, ...more };
}

describe('the terms of a new key', () => {
  it.each([
    [{ type: 'nosuch' }, 'unknown key type nosuch'],
    [{ type: '' }, 'unknown key type '],
    [{ type: '__proto__' }, 'unknown key type __proto__'],
    [{ convergent: true }, 'convergent encryption requires derivation to be enabled'],
    [{ autoRotatePeriod: 3599 }, 'auto rotate period must be 0 to disable or at least an hour'],
  ])('%j do not fit: %s', (wrong, why) => {
    expect(() => checkTerms({ ...terms, ...wrong })).toThrow(why);
  });

  it.each(['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305'])('may be of type %s, derived and convergent', (type) => {
    expect(checkTerms({ ...terms, type, derived: true, convergent: true, autoRotatePeriod: 3600 }).name).toBe(type);
  });
});

describe('a name', () => {
  it.each(['a', 'A9', '_', 'a-b', 'a.b', 'a..b', '1-2.3_4'])('may be %s', (name) => expect(() => checkName(name)).not.toThrow());

  it.each(['', '-a', 'a-', '.', '..', 'a.', 'a b', 'a/b', 'é', 'a\n', 'a\0'])('is none that no path can have: %j', (name) => {
    expect(() => checkName(name)).toThrow('unsupported path');
  });
});

describe('a change of the settings', () => {
  it('leaves what is not given', () => {
    const key = keyWith(3, { minDecryption: 2, minEncryption: 2, deletionAllowed: true, autoRotatePeriod: 7200 });
    expect(changeSettings(key, {})).toStrictEqual(key);
  });

  it('cannot take back that the key may leave the server', () => {
    const opened = changeSettings(keyWith(1), { exportable: true, allow_plaintext_backup: true });
    expect(opened).toMatchObject({ exportable: true, plaintextBackup: true });
    expect(changeSettings(opened, { exportable: false, allow_plaintext_backup: false })).toStrictEqual(opened);
  });

  it('can take back that the key may be deleted', () => {
    const allowed = changeSettings(keyWith(1), { deletion_allowed: true });
    expect(allowed.deletionAllowed).toBe(true);
    expect(changeSettings(allowed, { deletion_allowed: false }).deletionAllowed).toBe(false);
  });

  it('counts versions from 1', () => {
    expect(changeSettings(keyWith(3), { min_decryption_version: 0 }).minDecryption).toBe(1);
  });

  const refusals: readonly (readonly [SettingsInput, string])[] = [
    [{ min_decryption_version: -1 }, 'min decryption version cannot be negative'],
    [{ min_encryption_version: -1 }, 'min encryption version cannot be negative'],
    [{ min_decryption_version: 4 }, 'cannot set min decryption version of 4, latest key version is 3'],
    [{ min_encryption_version: 4 }, 'cannot set min encryption version of 4, latest key version is 3'],
    [
      { min_decryption_version: 3, min_encryption_version: 2 },
      'cannot set min encryption/decryption values; min encryption version of 2 must be greater than or equal to min decryption version of 3',
    ],
    [{ auto_rotate_period: 60 }, 'auto rotate period must be 0 to disable or at least an hour'],
  ];

  it.each(refusals)('to %j is refused: %s', (input, why) => {
    expect(() => changeSettings(keyWith(3), input)).toThrow(why);
  });

  it('cannot go below what was trimmed', () => {
    const key = trimmed(keyWith(3, { minDecryption: 3, minEncryption: 3 }), 2);
    expect(() => changeSettings(key, { min_encryption_version: 0 })).toThrow(
      'min encryption version should not be less than min available version',
    );
    expect(() => changeSettings(key, { min_decryption_version: 1 })).toThrow(
      'min decryption version should not be less then min available version',
    );
    expect(changeSettings(key, { min_decryption_version: 2 }).minDecryption).toBe(2);
  });
});

describe('trimming', () => {
  const ready = keyWith(4, { minDecryption: 3, minEncryption: 4 });

  it('drops the versions below the number', () => {
    const after = trimmed(ready, 3);
    expect(after.versions.map(({ number }) => number)).toStrictEqual([3, 4]);
    expect(after.minAvailable).toBe(3);
    expect(trimmed(after, 3)).toStrictEqual(after);
  });

  it.each([
    [ready, undefined, 'missing min_available_version'],
    [ready, 0, 'minimum available version should be positive'],
    [ready, -1, 'minimum available version cannot be decremented'],
    [ready, 4, 'minimum available version cannot be greater than minimum decryption version'],
    [keyWith(4, { minDecryption: 3 }), 2, 'minimum available version cannot be set when minimum encryption version is not set'],
    [keyWith(4, { minDecryption: 2, minEncryption: 2 }), 3, 'minimum available version cannot be greater than minmum encryption version'],
    [trimmed(ready, 3), 2, 'minimum available version cannot be decremented'],
  ])('of %o to %s is refused: %s', (key, wanted, why) => {
    expect(() => trimmed(key, wanted)).toThrow(why);
  });
});
