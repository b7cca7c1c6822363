// Messages out of the bytes of a call, however they are cut, and what is no message.

import { describe, expect, it } from 'vitest';
import { frame, frameBytes, messageIn, partialMessage } from './frame.ts';

const words = Buffer.from('thirty-two bytes of a seed, sir!');

function framed(message: Buffer): Buffer {
  return frame(Buffer.concat([Buffer.alloc(frameBytes), message]));
}

describe('a message', () => {
  it('has a frame of five bytes, and comes out of it', () => {
    expect([...framed(words).subarray(0, 5)]).toEqual([0, 0, 0, 0, 32]);
    expect(messageIn(framed(words), 32)).toEqual(words);
    expect(messageIn(framed(Buffer.alloc(0)), 32)).toHaveLength(0);
  });

  it('that has not all come is none yet', () => {
    for (let end = 0; end < framed(words).length; end++) expect(messageIn(framed(words).subarray(0, end), 32)).toBeUndefined();
  });

  it('above the limit is refused as soon as its length is there, and so is what is compressed, damaged or followed by more', () => {
    expect(() => messageIn(framed(words).subarray(0, 5), 31)).toThrow('the message has 32 bytes; 31 are allowed');
    expect(() => messageIn(Buffer.from([1, 0, 0, 0, 3]), 31)).toThrow('compressed messages are not taken here');
    expect(() => messageIn(Buffer.from([2, 0, 0, 0, 3]), 31)).toThrow('malformed');
    expect(() => messageIn(Buffer.concat([framed(words), Buffer.alloc(1)]), 32)).toThrow('a call has one message');
  });
});

describe('a message in pieces', () => {
  it.each([1, 3, 5, 17, 36])('of %d bytes is put together', (step) => {
    const unfinished = { bytes: 0, most: 10_000 };
    const partial = partialMessage(100, unfinished);
    const bytes = framed(words);
    let found: Buffer | undefined;
    for (let at = 0; at < bytes.length; at += step) found = partial.add(bytes.subarray(at, at + step));
    expect(found).toEqual(words);
    expect(unfinished.bytes).toBeGreaterThanOrEqual(bytes.length);
    partial.drop();
    partial.drop();
    expect(unfinished.bytes).toBe(0);
  });

  it('does not change when the chunks do', () => {
    const partial = partialMessage(100, { bytes: 0, most: 10_000 });
    const [chunk, rest] = [Buffer.from(framed(words).subarray(0, 20)), framed(words).subarray(20)];
    expect(partial.add(chunk)).toBeUndefined();
    chunk.fill(0xff);
    expect(partial.add(rest)).toEqual(words);
  });

  it('is refused when all together hold too much, until others have ended', () => {
    const unfinished = { bytes: 0, most: 2_500 };
    const head = framed(Buffer.alloc(100)).subarray(0, 50);
    const [one, other] = [partialMessage(100, unfinished), partialMessage(100, unfinished)];
    one.add(head);
    other.add(head);
    expect(() => partialMessage(100, unfinished).add(head)).toThrow('too many messages are under way that do not end');
    one.drop();
    expect(partialMessage(100, unfinished).add(head)).toBeUndefined();
  });
});
