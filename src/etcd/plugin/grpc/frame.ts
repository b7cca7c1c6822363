// The frame of a gRPC message: a byte that says whether it is compressed, four of length, and the message.

import { Fault } from '../../../base/fault.ts';

/** Bytes before a message. Whoever writes one leaves them free, so that message and frame are one buffer. */
export const frameBytes = 5;

/** Writes the frame into the first bytes of a buffer whose other bytes are the message. */
export function frame(framed: Buffer): Buffer {
  framed[0] = 0;
  framed.writeUInt32BE(framed.length - frameBytes, 1);
  return framed;
}

/**
 * A view of the one message in the bytes of a call so far; undefined while it is not whole. Throws Fault `too-large` for one above
 * `most` bytes as soon as its length is known, `unsupported-operation` for a compressed one, `internal` for more than one.
 */
export function messageIn(bytes: Buffer, most: number): Buffer | undefined {
  if (bytes.length < frameBytes) return undefined;
  if (bytes[0] === 1)
    throw new Fault('unsupported-operation', 'compressed messages are not taken here; send them as they are (encoding identity)');
  if (bytes[0] !== 0) throw new Fault('internal', 'the frame of the message is malformed');
  const end = frameBytes + bytes.readUInt32BE(1);
  if (end - frameBytes > most) throw new Fault('too-large', `the message has ${end - frameBytes} bytes; ${most} are allowed`);
  if (bytes.length < end) return undefined;
  if (bytes.length > end) throw new Fault('internal', 'a call has one message here');
  return bytes.subarray(frameBytes, end);
}

/** Bytes of messages that are not whole yet, of all calls of a server together: peers that never end theirs fill no memory. */
export interface Unfinished {
  bytes: number;
  readonly most: number;
}

export interface PartialMessage {
  /** As `messageIn`; Fault `rate-limited` when too much is unfinished. */
  add(chunk: Buffer): Buffer | undefined;
  /** Gives its bytes back. */
  drop(): void;
}

const firstRoom = 1_024;

/** Keeps copies: a chunk is a view of all that its connection has read at a time. */
export function partialMessage(most: number, unfinished: Unfinished): PartialMessage {
  let bytes = Buffer.alloc(0);
  let size = 0;
  const grow = (least: number): void => {
    const room = Math.max(firstRoom, 2 * bytes.length, least);
    if (unfinished.bytes + room - bytes.length > unfinished.most)
      throw new Fault('rate-limited', 'too many messages are under way that do not end');
    const larger = Buffer.alloc(room);
    larger.set(bytes.subarray(0, size));
    unfinished.bytes += room - bytes.length;
    bytes = larger;
  };
  return {
    add(chunk) {
      if (size + chunk.length > bytes.length) grow(size + chunk.length);
      bytes.set(chunk, size);
      size += chunk.length;
      return messageIn(bytes.subarray(0, size), most);
    },
    drop() {
      unfinished.bytes -= bytes.length;
      bytes = Buffer.alloc(0);
      size = 0;
    },
  };
}
