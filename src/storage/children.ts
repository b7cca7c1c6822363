// The immediate children of a prefix, found by walking sorted keys and seeking over the levels below.

import { childName, compareKeys } from './keys.ts';
import { type ListOptions, maxKeyBytes } from './storage.ts';

/** The keys of a store from `start` (inclusive) on, in byte order. */
export type KeysFrom = (start: string) => Iterator<string>;

/** Keys of a level that are stepped through before a seek is cheaper. */
const stepsBeforeSeek = 8;

/** `prefix` is `""` or ends in `/`. Costs one step or seek per child, however much lies below. */
export function childrenOf(keysFrom: KeysFrom, prefix: string, { after, limit = Number.POSITIVE_INFINITY }: ListOptions): string[] {
  const names: string[] = [];
  if (limit <= 0 || Buffer.byteLength(prefix) >= maxKeyBytes) return names;
  let keys = keysFrom(after === undefined ? prefix : seekable(prefix + after));
  let level: string | undefined;
  let steps = 0;
  try {
    for (;;) {
      const { done, value: key } = keys.next();
      if (done === true || !key.startsWith(prefix)) return names;
      if (level !== undefined && key.startsWith(level)) {
        steps += 1;
        if (steps < stepsBeforeSeek) continue;
        keys.return?.();
        keys = keysFrom(endOf(level));
        level = undefined;
        continue;
      }
      const name = childName(key, prefix);
      level = name.endsWith('/') ? prefix + name : undefined;
      steps = 0;
      if (name === '' || (after !== undefined && compareKeys(name, after) <= 0)) continue;
      names.push(name);
      if (names.length >= limit) return names;
    }
  } finally {
    keys.return?.();
  }
}

/** The first key that can stand after a whole level: `0` follows `/`. */
function endOf(level: string): string {
  return `${level.slice(0, -1)}0`;
}

/** `after` comes from clients; a store seeks only to what could be a key. Starting earlier is safe, since names are compared. */
function seekable(start: string): string {
  const formed = start.toWellFormed();
  if (Buffer.byteLength(formed) <= maxKeyBytes) return formed;
  return new TextDecoder().decode(Buffer.from(formed).subarray(0, maxKeyBytes - 3)).replace(/\ufffd+$/, '');
}
