// What a write does to the versions of a secret: check-and-set, the next number, and what is no longer kept.

import { Fault } from '../../../base/fault.ts';
import type { Transaction } from '../../../storage/storage.ts';
import { encode, type Secret, type SecretData, type VersionState, versionKey } from './secret.ts';

export interface MountSettings {
  readonly maxVersions: number;
  readonly casRequired: boolean;
  /** Seconds. */
  readonly deleteAfter: number;
}

export const defaultSettings: MountSettings = { maxVersions: 0, casRequired: false, deleteAfter: 0 };
const defaultMaxVersions = 10;

/** Throws Fault `invalid-request` when the given version is not the newest, or must be given and is not. */
export function checkCas(secret: Secret, settings: MountSettings, options: unknown): void {
  const cas = casOf(options);
  if (cas === undefined) {
    if (settings.casRequired || secret.casRequired) throw new Fault('invalid-request', 'check-and-set parameter required for this call');
    return;
  }
  if (cas !== secret.current) throw new Fault('invalid-request', 'check-and-set parameter did not match the current version');
}

function casOf(options: unknown): number | undefined {
  if (typeof options !== 'object' || options === null || !Object.hasOwn(options, 'cas')) return undefined;
  const given = (options as { readonly cas?: unknown }).cas;
  const cas = typeof given === 'string' && /^-?\d+$/.test(given) ? Number(given) : given;
  if (typeof cas !== 'number' || !Number.isSafeInteger(cas)) throw new Fault('invalid-request', 'error parsing check-and-set parameter');
  return cas;
}

/** Adds a version, moves the one before it to its own entry, and drops those that are too old. What it returns is still to be written. */
export function addVersion(
  transaction: Pick<Transaction, 'put' | 'delete'>,
  path: string,
  before: Secret,
  change: { readonly data: SecretData; readonly settings: MountSettings; readonly now: number },
): Secret {
  const { data, settings, now } = change;
  const number = before.current + 1;
  const versions = new Map(before.versions);
  const previous = versions.get(before.current);
  if (previous !== undefined && !previous.destroyed) transaction.put(versionKey(path, before.current), encode(before.data ?? null));
  const life = lifetime(before, settings);
  versions.set(number, { created: now, deletion: life === 0 ? 0 : now + life * 1000, destroyed: false });
  const keep = Math.max(before.maxVersions, settings.maxVersions) || defaultMaxVersions;
  for (const old of versions.keys()) {
    if (old > number - keep) continue;
    versions.delete(old);
    transaction.delete(versionKey(path, old));
  }
  const oldest = number > keep ? number - keep + 1 : before.oldest;
  return { ...before, current: number, oldest, updated: now, versions, data };
}

/** The shorter of mount and secret, where both say one. Seconds. */
function lifetime(secret: Secret, settings: MountSettings): number {
  if (settings.deleteAfter === 0 || secret.deleteAfter === 0) return settings.deleteAfter + secret.deleteAfter;
  return Math.min(settings.deleteAfter, secret.deleteAfter);
}

/** The same secret with some versions in another state; numbers that are not kept are passed over. */
export function changeVersions(secret: Secret, numbers: readonly number[], change: (state: VersionState) => VersionState): Secret {
  const versions = new Map(secret.versions);
  for (const number of numbers) {
    const state = versions.get(number);
    if (state !== undefined) versions.set(number, change(state));
  }
  return { ...secret, versions };
}
