// Changes to the settings of one secret: what is given replaces, what is not stays.

import { checkCustom, parseCustom } from './custom-metadata.ts';
import type { Secret } from './secret.ts';

export interface MetadataInput {
  readonly max_versions?: number | undefined;
  readonly cas_required?: boolean | undefined;
  /** Seconds. */
  readonly delete_version_after?: number | undefined;
  readonly custom_metadata?: unknown;
}

/** While patching, custom metadata changes key by key and null deletes; otherwise it is replaced as a whole. */
export function changeSettings(secret: Secret, input: MetadataInput, patching: boolean): Secret {
  return {
    ...secret,
    maxVersions: (input.max_versions ?? secret.maxVersions) >>> 0,
    casRequired: input.cas_required ?? secret.casRequired,
    deleteAfter: input.delete_version_after ?? secret.deleteAfter,
    custom: input.custom_metadata === undefined ? secret.custom : changedCustom(secret.custom, input.custom_metadata, patching),
    metadataVersion: secret.metadataVersion + 1,
  };
}

function changedCustom(before: Secret['custom'], given: unknown, patching: boolean): Secret['custom'] {
  if (given === null) return patching ? null : before;
  const parsed = parseCustom(given, patching);
  const merged = patching ? { ...before, ...parsed } : parsed;
  return checkCustom(Object.fromEntries(Object.entries(merged).filter((pair): pair is [string, string] => pair[1] !== null)));
}
