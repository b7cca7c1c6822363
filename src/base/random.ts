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

/** UUID v4 (RFC 9562). */
export function randomUuid(random: RandomBytes): string {
  const bytes = Buffer.from(random(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
