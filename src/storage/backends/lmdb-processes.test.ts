// Several processes open one LMDB store: they lose nothing to each other, see each other at once, and survive each other's death.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StoreProcess, startProcess } from '../../../test/suites/processes.ts';
import { bytes } from '../../../test/suites/storage-values.ts';
import { openLmdb } from './lmdb.ts';

let path: string;
let started: StoreProcess[];
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'casemate-processes-'));
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((each) => each.kill()));
  rmSync(path, { recursive: true });
});

function start(count: number, options: { readonly ringCapacity?: number } = {}): StoreProcess[] {
  const more = Array.from({ length: count }, () => startProcess(path, options));
  started.push(...more);
  return more;
}

it('opens a new store in several processes at the same moment', async () => {
  const processes = start(4);
  await Promise.all(processes.map((each, index) => each.ask({ ask: 'put', key: `k/${index}`, value: 'x' })));
  for (const each of processes) expect(await each.ask({ ask: 'list', key: 'k/' })).toEqual(['0', '1', '2', '3']);
  expect(await Promise.all(processes.map((each) => each.end()))).toEqual([0, 0, 0, 0]);
});

it('loses no increment of one counter, however many want it', async () => {
  const processes = start(3);
  await Promise.all(
    processes.flatMap((each) => Array.from({ length: 4 }, () => each.ask({ ask: 'increment', key: 'counter', times: 50 }))),
  );
  for (const each of processes) expect(await each.ask({ ask: 'get', key: 'counter' })).toBe('600');
});

it('shows a write that was acknowledged in one process at once in the other', async () => {
  const [one, other] = start(2) as [StoreProcess, StoreProcess];
  for (let turn = 0; turn < 100; turn++) {
    const [writer, reader] = turn % 2 === 0 ? [one, other] : [other, one];
    await writer.ask({ ask: 'put', key: 'ball', value: String(turn) });
    expect(await reader.ask({ ask: 'get', key: 'ball' })).toBe(String(turn));
  }
});

it('runs the work again when another process wrote what was unchanged, and tells it from what it had read', async () => {
  const [other] = start(1) as [StoreProcess];
  const storage = await openLmdb({ path });
  await storage.put('a', bytes('same'));
  const version = (await storage.read('a'))?.version as number;
  const seen: boolean[] = [];
  await storage.transact(async (transaction) => {
    seen.push(await transaction.unchanged('a', version));
    if (seen.length === 1) await other.ask({ ask: 'put', key: 'a', value: 'same' });
    transaction.put('b', bytes('x'));
  });
  expect(seen).toEqual([true, false]);
  await storage.close();
});

it('names in the feed of one process what the other wrote, until it no longer knows', async () => {
  const [one, other] = start(2, { ringCapacity: 8 }) as [StoreProcess, StoreProcess];
  const position = (await one.ask({ ask: 'head' })) as number;
  for (let count = 0; count < 8; count++) {
    await other.ask({ ask: 'put', key: `k/${count}`, value: 'x' });
    expect(await one.ask({ ask: 'head' })).toBe(position + count + 1);
  }
  const changes = (await one.ask({ ask: 'since', position })) as { readonly head: number; readonly keys: string[] };
  expect([changes.head, changes.keys.sort()]).toEqual([position + 8, Array.from({ length: 8 }, (_, index) => `k/${index}`)]);
  await other.ask({ ask: 'put', key: 'k/8', value: 'x' });
  expect(await one.ask({ ask: 'since', position })).toBe('overrun');
  expect(await one.ask({ ask: 'since', position: position + 8 })).toEqual({ head: position + 9, keys: ['k/8'] });
});

it('loses nothing in one process while others open and close the store', async () => {
  const writers = start(2);
  const working = Promise.all(
    writers.flatMap((each, index) => [
      each.ask({ ask: 'increment', key: 'counter', times: 150 }),
      each.ask({ ask: 'increment', key: `own/${index}`, times: 150 }),
    ]),
  );
  let done = false;
  const opening = (async () => {
    for (let count = 0; !done || count < 20; count++) {
      const storage = await openLmdb({ path });
      if (count % 3 === 0) await storage.put(`opened/${count % 5}`, bytes('x'));
      await storage.close();
    }
  })();
  await working;
  done = true;
  await opening;
  const [reader] = start(1) as [StoreProcess];
  const counted = [];
  for (const key of ['counter', 'own/0', 'own/1']) counted.push(await reader.ask({ ask: 'get', key }));
  expect(counted).toEqual(['300', '150', '150']);
});

it('goes on in one process when another is killed in the middle of its writes', async () => {
  const [survivor] = start(1) as [StoreProcess];
  for (let round = 0; round < 3; round++) {
    const [victim] = start(1) as [StoreProcess];
    await victim.ask({ ask: 'put', key: 'started', value: String(round) });
    const working = [survivor.ask({ ask: 'increment', key: 'mine', times: 40 })];
    const dying = Array.from({ length: 4 }, () => victim.ask({ ask: 'increment', key: 'theirs', times: 1_000_000 }).catch(() => 'dead'));
    await new Promise((resolve) => setTimeout(resolve, 5 + round * 7));
    await victim.kill();
    await Promise.all([...working, ...dying]);
    expect(await survivor.ask({ ask: 'get', key: 'mine' })).toBe(String((round + 1) * 40));
  }
});
