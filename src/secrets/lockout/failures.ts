// How often a user failed to log in: the stored form, and where it lies.

import { Fault } from '../../base/fault.ts';

export interface Failures {
  /** As the mount knows the user: a name, a role id. */
  readonly alias: string;
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly last: number;
}

export const layout = {
  all: 'core/failed-logins/',
  ofMount: (accessor: string): string => `core/failed-logins/${accessor}/`,
} as const;

/** `name` is the salted digest of the alias. */
export function failuresKey(accessor: string, name: string): string {
  return layout.ofMount(accessor) + name;
}

export function encodeFailures(failures: Failures): Uint8Array {
  return Buffer.from(JSON.stringify({ format: 1, ...failures }));
}

/** Throws Fault `corrupted` for an entry of a later version. */
export function decodeFailures(bytes: Uint8Array): Failures {
  const { format, ...failures } = JSON.parse(Buffer.from(bytes).toString()) as Failures & { readonly format: number };
  if (format !== 1) throw new Fault('corrupted', 'failed logins were written by a newer version; start that version again');
  return failures;
}
