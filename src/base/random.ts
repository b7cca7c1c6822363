// Random bytes as they are handed to everything that needs them; the source is in crypto/.

/** A new buffer each time, which is the caller's to write in and to wipe. */
export type RandomBytes = (count: number) => Uint8Array;

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of [0-9A-Za-z], each with the same probability (rejection sampling). */
export function randomBase62(random: RandomBytes, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of random(length + 8)) {
      if (byte >= 248 || text.length === length) continue;
      text += base62[byte % 62];
    }
  }
  return text;
}
