// The rules of a key's settings: what it may be made with, how they change, and which versions may be deleted.

import { Fault } from '../../../base/fault.ts';
import { newestOf, type StoredKey } from './key-record.ts';
import type { KeyType } from './key-types/key-type.ts';
import { knownTypes } from './key-types/known.ts';

export interface NewKeyTerms {
  readonly type: string;
  readonly derived: boolean;
  readonly convergent: boolean;
  readonly exportable: boolean;
  readonly plaintextBackup: boolean;
  /** Seconds. */
  readonly autoRotatePeriod: number;
}

export interface SettingsInput {
  readonly min_decryption_version?: number | undefined;
  readonly min_encryption_version?: number | undefined;
  readonly deletion_allowed?: boolean | undefined;
  readonly exportable?: boolean | undefined;
  readonly allow_plaintext_backup?: boolean | undefined;
  /** Seconds. */
  readonly auto_rotate_period?: number | undefined;
}

const shortestPeriod = 3600;
/** Letters, digits and _ at both ends; - and . between them too. */
const namePattern = /^\w(?:[\w.-]*\w)?$/;

function refusal(message: string): Fault {
  return new Fault('invalid-request', message);
}

/** Throws Fault `unsupported-path` for a name that no key can have, as clients know it: there is no such route. */
export function checkName(name: string): void {
  if (!namePattern.test(name)) throw new Fault('unsupported-path', 'unsupported path');
}

/** Throws Fault `invalid-request` for terms that do not fit together. */
export function checkTerms(terms: NewKeyTerms): KeyType {
  checkPeriod(terms.autoRotatePeriod);
  if (terms.convergent && !terms.derived) throw refusal('convergent encryption requires derivation to be enabled');
  const type = knownTypes.get(terms.type);
  if (type === undefined) throw refusal(`unknown key type ${terms.type}`);
  if (terms.derived && type.derivedBytes === undefined)
    throw refusal(`key derivation and convergent encryption not supported for keys of type ${type.name}`);
  if (terms.convergent && type.encryption === undefined) throw refusal(`convergent encryption not supported for keys of type ${type.name}`);
  return type;
}

function checkPeriod(seconds: number): void {
  if (seconds !== 0 && seconds < shortestPeriod) throw refusal('auto rotate period must be 0 to disable or at least an hour');
}

/** Without versions yet. */
export function newKey(name: string, terms: NewKeyTerms): StoredKey {
  return { name, ...terms, deletionAllowed: false, minDecryption: 1, minEncryption: 0, minAvailable: 0, versions: [] };
}

/** What is given replaces, what is not stays. Throws Fault `invalid-request`. */
export function changeSettings(key: StoredKey, input: SettingsInput): StoredKey {
  const newest = newestOf(key.versions);
  const minDecryption = bounded('decryption', input.min_decryption_version, newest) ?? key.minDecryption;
  const minEncryption = bounded('encryption', input.min_encryption_version, newest) ?? key.minEncryption;
  const after: StoredKey = {
    ...key,
    // Versions are counted from 1.
    minDecryption: Math.max(minDecryption, 1),
    minEncryption,
    deletionAllowed: input.deletion_allowed ?? key.deletionAllowed,
    exportable: key.exportable || input.exportable === true,
    plaintextBackup: key.plaintextBackup || input.allow_plaintext_backup === true,
    autoRotatePeriod: input.auto_rotate_period ?? key.autoRotatePeriod,
  };
  checkMinimums(after);
  checkPeriod(after.autoRotatePeriod);
  return after;
}

function bounded(what: string, version: number | undefined, newest: number): number | undefined {
  if (version === undefined) return undefined;
  if (version < 0) throw refusal(`min ${what} version cannot be negative`);
  if (version > newest) throw refusal(`cannot set min ${what} version of ${version}, latest key version is ${newest}`);
  return version;
}

function checkMinimums({ minDecryption, minEncryption, minAvailable }: StoredKey): void {
  if (minEncryption > 0 && minEncryption < minDecryption)
    throw refusal(
      `cannot set min encryption/decryption values; min encryption version of ${minEncryption} must be greater than or equal to min decryption version of ${minDecryption}`,
    );
  if (minAvailable > minEncryption) throw refusal('min encryption version should not be less than min available version');
  if (minAvailable > minDecryption) throw refusal('min decryption version should not be less then min available version');
}

/** Drops the versions below `wanted`, for good. Throws Fault `invalid-request` while one of them may still be used. */
export function trimmed(key: StoredKey, wanted: number | undefined): StoredKey {
  if (wanted === undefined) throw refusal('missing min_available_version');
  if (wanted < key.minAvailable) throw refusal('minimum available version cannot be decremented');
  if (key.minEncryption === 0) throw refusal('minimum available version cannot be set when minimum encryption version is not set');
  if (wanted > key.minEncryption) throw refusal('minimum available version cannot be greater than minmum encryption version');
  if (wanted > key.minDecryption) throw refusal('minimum available version cannot be greater than minimum decryption version');
  if (wanted < 1) throw refusal('minimum available version should be positive');
  return { ...key, minAvailable: wanted, versions: key.versions.filter(({ number }) => number >= wanted) };
}
