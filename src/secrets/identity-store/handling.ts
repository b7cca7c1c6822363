// What the handlers of the identity store share: the store, the mounts behind accessors, and whole lists read page by page.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Subjects } from './subjects.ts';
import type { MountOf, ShownMount } from './views.ts';

export interface KnownMount extends ShownMount {
  readonly accessor: string;
  readonly local: boolean;
}

export interface IdentityParts {
  /** Below the identity store's prefix. */
  readonly storage: Storage;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly uuid: () => string;
  readonly mounts: () => Promise<readonly KnownMount[]>;
}

export async function mountsByAccessor({ mounts }: IdentityParts): Promise<MountOf> {
  const byAccessor = new Map((await mounts()).map((mount) => [mount.accessor, mount]));
  return (accessor) => byAccessor.get(accessor);
}

/** Throws Fault `invalid-request` for an accessor that no mount has. */
export async function knownMount({ mounts }: IdentityParts, accessor: string): Promise<KnownMount> {
  const found = (await mounts()).find((mount) => mount.accessor === accessor);
  if (found === undefined) throw refused(`invalid mount accessor ${JSON.stringify(accessor)}`);
  return found;
}

const pageSize = 256;

/** All entries below a prefix. What is deleted meanwhile is passed over. */
export async function readAll<T>(storage: Storage, prefix: string, decode: (bytes: Uint8Array) => T, signal: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await storage.list(prefix, { limit: pageSize, ...(after === undefined ? {} : { after }) });
    const stored = await Promise.all(page.map((name) => storage.get(prefix + name)));
    for (const bytes of stored) if (bytes !== undefined) all.push(decode(bytes));
    if (page.length < pageSize) return all;
    after = page.at(-1);
  }
}

export function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}

/** Throws Fault `invalid-request` with the message when the text is empty. */
export function required(value: string | undefined, message: string): string {
  if (value === undefined || value === '') throw refused(message);
  return value;
}
