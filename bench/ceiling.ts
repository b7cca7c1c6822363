// The ceiling: a bare node:http server that gives the same answer to everything, and nothing else happens in it.

import { fileURLToPath } from 'node:url';
import type { ApiAnswer } from './api.ts';
import type { CannedAnswer } from './ceiling-process.ts';
import { type Child, nextMessage, startChild } from './children.ts';
import type { Place } from './connection.ts';

export interface Ceiling {
  readonly place: Place;
  end(): Promise<void>;
}

const program = fileURLToPath(new URL('./ceiling-process.ts', import.meta.url));

/** Answers with the status, the headers and the bytes of an answer that a server gave. */
export async function startCeiling(answer: ApiAnswer, core: number | undefined, signal: AbortSignal): Promise<Ceiling> {
  const child: Child = startChild('the bare server', [process.execPath, program], { core, speaks: 'messages' });
  try {
    const listening = nextMessage<Place>(child, signal);
    child.process.send({ status: answer.status, headers: ownHeaders(answer.rawHeaders), body: answer.body } satisfies CannedAnswer);
    return { place: await listening, end: () => child.end() };
  } catch (thrown) {
    await child.end();
    throw thrown;
  }
}

/** Those that Node adds to every answer it adds here too. */
const addedByNode = new Set(['date', 'connection', 'keep-alive']);

function ownHeaders(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, at) => !addedByNode.has((rawHeaders[at - (at % 2)] as string).toLowerCase()));
}
