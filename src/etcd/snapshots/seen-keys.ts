// Remembers which keys were seen already, at 16 bytes each: a big database has millions of them.

import { sha256 } from '../../crypto/hash.ts';

export interface SeenKeys {
  /** True the first time that a key comes. */
  add(key: Uint8Array): boolean;
  readonly count: number;
}

const digestBytes = 16;

/** Half of SHA-256 stands for a key: nobody can find two that are taken for one. Open addressing, a third of the places free. */
export function createSeenKeys(): SeenKeys {
  let places = 1024;
  let table = Buffer.alloc(places * digestBytes);
  let count = 0;
  const place = (digest: Buffer, into: Buffer, size: number): boolean => {
    for (let at = digest.readUInt32LE(0) % size; ; at = (at + 1) % size) {
      const start = at * digestBytes;
      if (isEmpty(into, start)) {
        digest.copy(into, start, 0, digestBytes);
        return true;
      }
      if (digest.compare(into, start, start + digestBytes, 0, digestBytes) === 0) return false;
    }
  };
  const grow = (): void => {
    const wider = Buffer.alloc(table.length * 2);
    for (let start = 0; start < table.length; start += digestBytes)
      if (!isEmpty(table, start)) place(table.subarray(start, start + digestBytes), wider, places * 2);
    table = wider;
    places *= 2;
  };
  return {
    add(key) {
      if (!place(sha256(key), table, places)) return false;
      count += 1;
      if (count * 3 > places * 2) grow();
      return true;
    },
    get count() {
      return count;
    },
  };
}

/** A digest of zeros alone does not come up. */
function isEmpty(table: Buffer, start: number): boolean {
  return table.readBigUInt64LE(start) === 0n && table.readBigUInt64LE(start + 8) === 0n;
}
