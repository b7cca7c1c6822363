// Lists with writes over them that are not committed yet.

import { childName, compareKeys } from './keys.ts';
import type { ListOptions } from './storage.ts';

/** `undefined` deletes. */
export type Written = ReadonlyMap<string, Uint8Array | undefined>;
export type Lister = (prefix: string, options: ListOptions) => Promise<string[]>;

/** What `stored` would list once `writes` were committed. */
export async function listOver(stored: Lister, writes: Written, prefix: string, options: ListOptions): Promise<string[]> {
  const { added, gone } = await changesBelow(stored, writes, prefix);
  if (added.size === 0 && gone.size === 0) return stored(prefix, options);
  const { after, limit } = options;
  // As many more as may fall out again.
  const names = new Set(await stored(prefix, limit === undefined ? options : { ...options, limit: limit + gone.size }));
  for (const name of gone) names.delete(name);
  for (const name of added) if (after === undefined || compareKeys(name, after) > 0) names.add(name);
  return [...names].sort(compareKeys).slice(0, limit);
}

async function changesBelow(stored: Lister, writes: Written, prefix: string): Promise<{ added: Set<string>; gone: Set<string> }> {
  const added = new Set<string>();
  const gone = new Set<string>();
  const shrunk = new Set<string>();
  for (const [key, value] of writes) {
    if (!key.startsWith(prefix) || key.length === prefix.length) continue;
    const name = childName(key, prefix);
    if (value !== undefined) added.add(name);
    else if (name.endsWith('/')) shrunk.add(name);
    else gone.add(name);
  }
  // A level stays in the list while anything below it is left.
  for (const name of shrunk.difference(added)) {
    const left = await listOver(stored, writes, prefix + name, { limit: 1 });
    if (left.length === 0) gone.add(name);
  }
  return { added, gone };
}
