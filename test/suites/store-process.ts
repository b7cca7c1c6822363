// A process over an LMDB store that does what it is told through its channel, one answer for each question.

import { Fault } from '../../src/base/fault.ts';
import { openLmdb } from '../../src/storage/backends/lmdb.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Answer, Question } from './processes.ts';
import { bytes, text } from './storage-values.ts';

async function increment(storage: Storage, key: string, times: number): Promise<void> {
  for (let time = 0; time < times; time++)
    await storage.transact(async (transaction) => {
      transaction.put(key, bytes(String(Number(text(await transaction.get(key)) ?? 0) + 1)));
    });
}

/** Through the channel of processes goes JSON. */
async function changesSince(storage: Storage, position: number): Promise<unknown> {
  const changes = await storage.feed.since(position);
  return changes === 'overrun' ? changes : { head: changes.head, keys: [...changes.keys.keys()] };
}

async function answer(storage: Storage, question: Question): Promise<unknown> {
  switch (question.ask) {
    case 'get':
      return text(await storage.get(question.key));
    case 'list':
      return storage.list(question.key);
    case 'put':
      return storage.put(question.key, bytes(question.value));
    case 'increment':
      return increment(storage, question.key, question.times);
    case 'head':
      return storage.feed.head();
    case 'since':
      return changesSince(storage, question.position);
  }
}

const [path = '', ringCapacity] = process.argv.slice(2);
const opening = openLmdb({ path, ...(ringCapacity === undefined ? {} : { ringCapacity: Number(ringCapacity) }) });
// Whoever asks is told.
opening.catch(() => {});

process.on('message', async ({ id, question }: { readonly id: number; readonly question: Question }) => {
  const answered: Answer = await opening
    .then((storage) => answer(storage, question))
    .then(
      (given) => ({ id, given }),
      (thrown: unknown) => ({ id, thrown: thrown instanceof Fault ? `${thrown.code}: ${thrown.message}` : String(thrown) }),
    );
  process.send?.(answered);
});
process.on('disconnect', () => {
  opening
    .then((storage) => storage.close())
    .then(
      () => process.exit(0),
      () => process.exit(1),
    );
});
