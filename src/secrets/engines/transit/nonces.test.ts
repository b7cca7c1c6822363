// Nonces: every one from the generator, none twice.

import { expect, it } from 'vitest';
import { createNonces } from './nonces.ts';

it('each nonce is the next 12 bytes of the generator, and none is given out twice', () => {
  let drawn = 0;
  const nonces = createNonces((count) => {
    const bytes = Buffer.alloc(count);
    for (let at = 0; at < count; at += 4) bytes.writeUInt32BE(drawn++, at);
    return bytes;
  });
  for (let count = 0; count < 1000; count++) {
    const nonce = nonces();
    expect(nonce).toHaveLength(12);
    expect(Buffer.from(nonce).readUInt32BE(0)).toBe(count * 3);
    expect(Buffer.from(nonce).readUInt32BE(8)).toBe(count * 3 + 2);
  }
});

it('two mounts share no nonces', () => {
  let calls = 0;
  const random = (count: number) => new Uint8Array(count).fill(++calls);
  const [one, other] = [createNonces(random), createNonces(random)];
  expect(one()).not.toStrictEqual(other());
});
