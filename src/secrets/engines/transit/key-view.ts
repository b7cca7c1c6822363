// What is shown of a key: settings and versions, never its bytes.

import { rfc3339 } from '../../../base/times.ts';
import type { Key, Milestone } from './key-record.ts';

export function describeKey({ settings, type, newest, versions }: Key): Record<string, unknown> {
  const encrypts = type.encryption !== undefined;
  return {
    allow_plaintext_backup: settings.plaintextBackup,
    auto_rotate_period: settings.autoRotatePeriod,
    ...(settings.backedUp === undefined ? {} : { backup_info: milestone(settings.backedUp) }),
    ...derivation(settings),
    deletion_allowed: settings.deletionAllowed,
    derived: settings.derived,
    exportable: settings.exportable,
    imported_key: settings.imported !== undefined,
    ...(settings.imported === undefined ? {} : { imported_key_allow_rotation: settings.imported.rotatable }),
    keys: Object.fromEntries([...versions].map(([number, version]) => [number, type.describe(version)])),
    latest_version: newest.number,
    min_available_version: settings.minAvailable,
    min_decryption_version: settings.minDecryption,
    min_encryption_version: settings.minEncryption,
    name: settings.name,
    ...(settings.restored === undefined ? {} : { restore_info: milestone(settings.restored) }),
    soft_deleted: false,
    supports_decryption: encrypts,
    supports_derivation: type.derivedBytes !== undefined,
    supports_encryption: encrypts,
    supports_signing: type.signs,
    type: type.name,
  };
}

function derivation({ derived, convergent }: Key['settings']): Record<string, unknown> {
  if (!derived) return {};
  // -1: each version says its own, and all of ours are of the newest kind.
  const version = convergent ? { convergent_encryption_version: -1 } : {};
  return { convergent_encryption: convergent, ...version, kdf: 'hkdf_sha256' };
}

function milestone({ time, version }: Milestone): Record<string, unknown> {
  return { time: rfc3339(time), version };
}
