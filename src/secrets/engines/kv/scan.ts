// The paths of all secrets below one, on all levels: what the verb SCAN answers, and the order in which an upgrade goes through a mount.

import { Fault } from '../../../base/fault.ts';
import type { Reader } from '../../../storage/storage.ts';

const page = 1_000;
/** Paths in one answer: what a client gets must fit in memory on both sides. */
const mostPaths = 100_000;

/** Paths relative to `prefix`, which ends in a slash; never levels. Throws Fault `invalid-request` past 100,000. */
export async function scan(reader: Reader, prefix: string, signal: AbortSignal): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    signal.throwIfAborted();
    const more = await pathsAfter(reader, prefix, found.at(-1), page);
    found.push(...more);
    if (more.length < page) return found;
    if (found.length >= mostPaths)
      throw new Fault('invalid-request', `there are more than ${mostPaths} secrets below this path; scan the levels below it one by one`);
  }
}

/** At most `limit` paths that follow `after` in the order of the levels: a secret before what lies below its name. */
export async function pathsAfter(reader: Reader, prefix: string, after: string | undefined, limit: number): Promise<string[]> {
  const slash = after?.indexOf('/') ?? -1;
  const level = slash < 0 ? undefined : (after as string).slice(0, slash + 1);
  const found: string[] = [];
  const descend = async (name: string, from: string | undefined): Promise<void> => {
    const below = await pathsAfter(reader, prefix + name, from, limit - found.length);
    found.push(...below.map((path) => name + path));
  };
  if (level !== undefined) await descend(level, (after as string).slice(slash + 1));
  let last = level ?? after;
  while (found.length < limit) {
    const wanted = limit - found.length;
    const names = await reader.list(prefix, { limit: wanted, ...(last === undefined ? {} : { after: last }) });
    for (const name of names) {
      if (found.length >= limit) return found;
      if (name.endsWith('/')) await descend(name, undefined);
      else found.push(name);
    }
    if (names.length < wanted) return found;
    last = names.at(-1);
  }
  return found;
}
