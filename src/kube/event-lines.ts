// A watch as it comes over the wire: one JSON event in a line; silence and half lines end it.

import { Fault } from '../base/fault.ts';
import { parseJson } from '../base/json.ts';
import { wideLimits } from './pages.ts';
import type { Opened } from './transport.ts';

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** An object in etcd has 1.5 MiB at most; with what the API adds it stays far below. */
const longestLine = 64 * 1024 * 1024;
const lineFeed = 0x0a;

/**
 * Ends with the connection. What stands after the last line feed was cut off and is left out: the next watch brings it again.
 * Throws Fault `timeout` after `quiet` milliseconds without a byte, and what the network throws.
 */
export async function* eventsIn(opened: Pick<Opened, 'body' | 'drop'>, quiet: number): AsyncGenerator<WatchEvent, void, undefined> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of timely(opened, quiet)) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const line = pieces.length === 0 ? chunk.subarray(start, end) : Buffer.concat([...pieces, chunk.subarray(start, end)]);
      pieces = [];
      size = 0;
      start = end + 1;
      if (line.length > 0) yield eventIn(line);
    }
    if (start === chunk.length) continue;
    pieces.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > longestLine) throw new Fault('too-large', 'an event of the watch is longer than 64 MiB');
  }
}

/** Only the time that is spent waiting counts: whoever reads may take long over an event. */
async function* timely({ body, drop }: Pick<Opened, 'body' | 'drop'>, quiet: number): AsyncGenerator<Buffer, void, undefined> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await nextWithin(chunks, quiet, drop);
      if (chunk === undefined) return;
      yield chunk;
    }
  } finally {
    drop();
  }
}

async function nextWithin(chunks: AsyncIterator<Buffer>, quiet: number, drop: () => void): Promise<Buffer | undefined> {
  let silent = false;
  const timer = setTimeout(() => {
    silent = true;
    drop();
  }, quiet);
  try {
    const { done, value } = await chunks.next();
    if (!silent) return done === true ? undefined : value;
  } catch (thrown) {
    if (!silent) throw thrown;
  } finally {
    clearTimeout(timer);
  }
  throw new Fault('timeout', 'the watch was silent for too long');
}

function eventIn(line: Buffer): WatchEvent {
  const event = parseJson(line.toString(), wideLimits);
  if (typeof event !== 'object' || event === null || typeof (event as { type?: unknown }).type !== 'string')
    throw new Fault('corrupted', 'a line of the watch is no event');
  return event as WatchEvent;
}
