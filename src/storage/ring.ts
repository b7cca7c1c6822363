// The change ring in memory: the keys of the newest commits, by number.

import type { Changes } from './storage.ts';

export interface Ring {
  readonly head: number;
  push(keys: readonly string[]): void;
  since(position: number): Changes | 'overrun';
}

export function createRing(capacity: number): Ring {
  let commits: (readonly string[])[] = [];
  let head = 0;
  return {
    get head() {
      return head;
    },
    push(keys) {
      commits.push(keys);
      head += 1;
      if (commits.length > 2 * capacity) commits = commits.slice(-capacity);
    },
    since(position) {
      const missed = head - position;
      if (missed > Math.min(capacity, commits.length)) return 'overrun';
      return { head, keys: missed <= 0 ? [] : [...new Set(commits.slice(commits.length - missed).flat())] };
    },
  };
}
