// The text of a backup: the JSON that Vault and OpenBao write and read, in base64, so that keys move between the servers.

import { Fault } from '../../../base/fault.ts';
import { rfc3339 } from '../../../base/times.ts';
import { base64Bytes } from './base64.ts';
import { type KeySettings, type Milestone, newestOf, type StoredKey, type StoredVersion } from './key-record.ts';
import { knownTypes } from './key-types/known.ts';

/** Numbers of theirs: HKDF-SHA256, the newest way of convergent encryption, and "each version says its own". */
const hkdf = 1;
const convergentVersion = 3;
const ofEachVersion = -1;
const nanoseconds = 1_000_000_000;

interface Entry {
  readonly key: string | null;
  readonly hmac_key: string | null;
  readonly time: string;
  readonly creation_time: number;
  readonly convergent_version: number;
}

interface Moment {
  readonly time: string;
  readonly version: number;
}

interface Policy {
  readonly name: string;
  readonly keys: Readonly<Record<string, Entry>>;
  readonly derived: boolean;
  readonly kdf: number;
  readonly convergent_encryption: boolean;
  readonly convergent_version: number;
  readonly exportable: boolean;
  readonly min_decryption_version: number;
  readonly min_encryption_version: number;
  readonly min_available_version: number;
  readonly latest_version: number;
  readonly deletion_allowed: boolean;
  readonly allow_plaintext_backup: boolean;
  readonly type: number;
  readonly auto_rotate_period: number;
  readonly backup_info: Moment | null;
  readonly Imported: boolean;
  readonly AllowImportedKeyRotation: boolean;
}

/** Everything of the key, in clear. */
export function backupText(key: StoredKey): string {
  const { versions, ...settings } = key;
  const newest = newestOf(versions);
  const usable = versions.filter(({ number }) => number >= settings.minDecryption);
  const policy: Policy & Record<string, unknown> = {
    name: settings.name,
    keys: Object.fromEntries(usable.map((version) => [version.number, entryOf(version, settings)])),
    derived: settings.derived,
    kdf: settings.derived ? hkdf : 0,
    convergent_encryption: settings.convergent,
    exportable: settings.exportable,
    min_decryption_version: settings.minDecryption,
    min_encryption_version: settings.minEncryption,
    latest_version: newest,
    archive_version: newest,
    archive_min_version: settings.minAvailable,
    min_available_version: settings.minAvailable,
    deletion_allowed: settings.deletionAllowed,
    convergent_version: settings.convergent ? ofEachVersion : 0,
    type: knownTypes.get(settings.type)?.backupNumber ?? 0,
    backup_info: momentOf(settings.backedUp),
    restore_info: momentOf(settings.restored),
    allow_plaintext_backup: settings.plaintextBackup,
    version_template: '',
    storage_prefix: '',
    auto_rotate_period: settings.autoRotatePeriod * nanoseconds,
    Imported: settings.imported !== undefined,
    AllowImportedKeyRotation: settings.imported?.rotatable ?? false,
    soft_deleted: false,
  };
  // Their archive holds every version at its number, counted from the oldest that is kept.
  const archive = Array.from({ length: newest - settings.minAvailable + 1 }, (_, index) => {
    const version = versions.find(({ number }) => number === settings.minAvailable + index);
    return version === undefined ? noEntry : entryOf(version, settings);
  });
  return Buffer.from(JSON.stringify({ policy, archived_keys: { keys: archive } })).toString('base64');
}

const otherTypes = { ec_x: null, ec_y: null, ec_d: null, rsa_key: null, rsa_public_key: null, public_key: '' };
const noEntry: Entry = { key: null, hmac_key: null, time: '0001-01-01T00:00:00Z', ...otherTypes, convergent_version: 0, creation_time: 0 };

function entryOf({ created, key, hmac }: StoredVersion, { convergent }: KeySettings): Entry {
  return {
    key,
    hmac_key: hmac,
    time: rfc3339(created),
    ...otherTypes,
    convergent_version: convergent ? convergentVersion : 0,
    creation_time: Math.floor(created / 1000),
  };
}

function momentOf(milestone: Milestone | undefined): Moment | null {
  return milestone === undefined ? null : { time: rfc3339(milestone.time), version: milestone.version };
}

/** Throws Fault `invalid-request` for a text that is no backup of a key that this server can use. */
export function readBackup(text: string): StoredKey {
  const { policy, archived } = parsed(text);
  const type = [...knownTypes.values()].find(({ backupNumber }) => backupNumber === policy.type);
  if (type === undefined) throw unusable(`it has a key of type number ${JSON.stringify(policy.type)}, which is not known`);
  const [derived, convergent] = [policy.derived === true, policy.convergent_encryption === true];
  if (derived && policy.kdf !== hkdf) throw unusable('its keys are derived with the method of Vault before 0.4');
  const minAvailable = count(policy.min_available_version);
  const versions: StoredVersion[] = [];
  for (let number = Math.max(minAvailable, 1); number <= count(policy.latest_version); number++) {
    const entry = archived[number - minAvailable] ?? policy.keys?.[number];
    if (entry === undefined || typeof entry.key !== 'string') throw unusable(`version ${number} is missing`);
    if (convergent && (entry.convergent_version || policy.convergent_version) !== convergentVersion)
      throw unusable('its convergent encryption is older than version 3');
    versions.push(versionOf(number, entry));
  }
  const settings = {
    minDecryption: Math.max(count(policy.min_decryption_version), 1),
    minEncryption: count(policy.min_encryption_version),
  };
  if (versions.length === 0 || Math.max(settings.minDecryption, settings.minEncryption) > newestOf(versions))
    throw unusable('it has fewer versions than it says');
  if (typeof policy.name !== 'string') throw unusable('it has no name');
  return {
    name: policy.name,
    type: type.name,
    derived,
    convergent,
    exportable: policy.exportable === true,
    plaintextBackup: policy.allow_plaintext_backup === true,
    deletionAllowed: policy.deletion_allowed === true,
    autoRotatePeriod: Math.floor(count(policy.auto_rotate_period) / nanoseconds),
    ...settings,
    minAvailable,
    ...(policy.Imported === true ? { imported: { rotatable: policy.AllowImportedKeyRotation === true } } : {}),
    ...backedUp(policy.backup_info),
    versions,
  };
}

function unusable(why: string): Fault {
  return new Fault('invalid-request', `the backup cannot be restored: ${why}`);
}

function parsed(text: string): { readonly policy: Partial<Policy>; readonly archived: readonly (Entry | undefined)[] } {
  const bytes = base64Bytes(text);
  if (bytes === undefined) throw unusable('it is no base64');
  let content: { readonly policy?: Partial<Policy>; readonly archived_keys?: { readonly keys?: unknown } | null } | null;
  try {
    content = JSON.parse(bytes.toString());
  } catch {
    throw unusable('it is no JSON');
  } finally {
    bytes.fill(0);
  }
  if (typeof content?.policy !== 'object' || content.policy === null) throw unusable('it holds no key');
  const archived = content.archived_keys?.keys;
  // Newer versions stand in the policy alone until their server has archived them.
  const entries = Array.isArray(archived) ? (archived as readonly (Entry | null)[]) : [];
  return { policy: content.policy, archived: entries.map((entry) => (typeof entry?.key === 'string' ? entry : undefined)) };
}

function versionOf(number: number, entry: Entry): StoredVersion {
  const created = Date.parse(entry.time);
  if (base64Bytes(entry.key ?? '') === undefined || typeof entry.hmac_key !== 'string' || base64Bytes(entry.hmac_key) === undefined)
    throw unusable(`version ${number} is damaged`);
  return {
    number,
    created: Number.isNaN(created) || created < 0 ? count(entry.creation_time) * 1000 : created,
    key: entry.key ?? '',
    hmac: entry.hmac_key,
  };
}

function count(value: unknown): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw unusable('a number in it is none');
  return value;
}

function backedUp(moment: Moment | null | undefined): { readonly backedUp?: Milestone } {
  const time = Date.parse(moment?.time ?? '');
  return moment == null || Number.isNaN(time) ? {} : { backedUp: { time, version: count(moment.version) } };
}
