// The least of HTTP/1.1 that a load generator has to read: status and length of an answer.

import { Fault } from '../src/base/fault.ts';

export interface AnswerFrame {
  readonly status: number;
  /** Where the body begins and ends, bytes; the lengths of its chunks stand in it. */
  readonly bodyAt: number;
  readonly end: number;
}

const headEnd = Buffer.from('\r\n\r\n');
const chunked = /\r\ntransfer-encoding: *chunked/i;
const contentLength = /\r\ncontent-length: *(\d+)/i;

/** undefined while the answer is not whole yet. Throws Fault `unavailable` for what is no answer with a length. */
export function frameOf(bytes: Buffer): AnswerFrame | undefined {
  const at = bytes.indexOf(headEnd);
  if (at < 0) return undefined;
  const head = bytes.toString('latin1', 0, at);
  const status = Number(head.slice(9, 12));
  if (!head.startsWith('HTTP/1.1 ') || !Number.isInteger(status)) throw new Fault('unavailable', 'what answers does not speak HTTP/1.1');
  const bodyAt = at + headEnd.length;
  if (chunked.test(head)) {
    const end = endOfChunks(bytes, bodyAt);
    return end === undefined ? undefined : { status, bodyAt, end };
  }
  const length = status === 204 ? 0 : Number(contentLength.exec(head)?.[1] ?? Number.NaN);
  if (Number.isNaN(length)) throw new Fault('unavailable', 'an answer came without its length, and the load generator reads no other');
  const end = bodyAt + length;
  return bytes.length < end ? undefined : { status, bodyAt, end };
}

/** RFC 9112, 7.1, without trailers. */
function endOfChunks(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const length = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (Number.isNaN(length)) throw new Fault('unavailable', 'an answer in chunks is broken');
    at = line + 2 + length + 2;
    if (at > bytes.length) return undefined;
    if (length === 0) return at;
  }
}
