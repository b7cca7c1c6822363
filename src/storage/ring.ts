// The change ring in memory: the keys of the newest commits, by number.

import type { Changes } from './storage.ts';

export interface Ring {
  readonly head: number;
  push(keys: readonly string[]): void;
  since(position: number): Changes | 'overrun';
}

export function createRing(capacity: number): Ring {
  const commits = new Map<number, readonly string[]>();
  let head = 0;
  return {
    get head() {
      return head;
    },
    push(keys) {
      head += 1;
      commits.set(head, keys);
      commits.delete(head - capacity);
    },
    since: (position) => changesSince(position, head, (number) => commits.get(number)),
  };
}

/** `keysOf` gives the keys of a commit while the ring holds it. A position that the store never reached counts as overrun. */
export function changesSince(
  position: number,
  head: number,
  keysOf: (number: number) => readonly string[] | undefined,
): Changes | 'overrun' {
  if (position > head) return 'overrun';
  const keys = new Map<string, number>();
  for (let number = head; number > position; number--) {
    const changed = keysOf(number);
    if (changed === undefined) return 'overrun';
    for (const key of changed) if (!keys.has(key)) keys.set(key, number);
  }
  return { head, keys };
}
