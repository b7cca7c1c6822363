// A process of a storm, to be killed: writes pairs and says so when each is done, or reads them and says what it saw.

import { openLmdb } from '../../src/storage/backends/lmdb.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { newestPair, numbersOf, putPair, raiseCounter } from '../suites/pairs.ts';

// A write to a pipe is done when it returns, so what was said before a kill is heard after it.
const say = (...words: (string | number)[]): boolean => process.stdout.write(`${words.join(' ')}\n`);

async function writePairs(storage: Storage, writer: string): Promise<never> {
  for (let number = ((await numbersOf(storage, 'a', writer)).at(-1) ?? 0) + 1; ; number++) {
    const before = await storage.feed.head();
    await putPair(storage, writer, number);
    say('wrote', writer, number, before, await storage.feed.head());
  }
}

async function raise(storage: Storage): Promise<never> {
  for (;;) say('raised', await raiseCounter(storage));
}

async function readPairs(storage: Storage, writers: readonly string[]): Promise<never> {
  for (;;)
    for (const writer of writers) {
      const seen = await newestPair(storage, writer);
      if (seen !== undefined) say('saw', writer, seen);
    }
}

const [path = '', role, ...writers] = process.argv.slice(2);
const storage = await openLmdb({ path });
await Promise.all(
  role === 'read' ? [readPairs(storage, writers)] : [raise(storage), ...writers.map((writer) => writePairs(storage, writer))],
);
