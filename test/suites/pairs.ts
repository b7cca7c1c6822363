// What the writers of a storm put into a store, and what must be found there whatever happened to them.

import { expect } from 'vitest';
import type { Reader, Storage, Transaction } from '../../src/storage/storage.ts';
import { bytes, text } from './storage-values.ts';

/** Each writer keeps its newest pairs and deletes the one that falls out, all in one transaction. */
export const pairsKept = 8;

/** Tells its number, and differs in length so that some values lie in overflow pages. */
export function writtenValue(writer: string, number: number): string {
  return `${writer} ${number} ${'.'.repeat((number * 769) % 9_000)}`;
}

/** Numbers of the pairs that stand in the store, oldest first. */
export async function numbersOf(reader: Reader, half: 'a' | 'b', writer: string): Promise<number[]> {
  const names = await reader.list(`${half}/${writer}/`);
  return names.map(Number).sort((one, other) => one - other);
}

export async function putPair(storage: Storage, writer: string, number: number): Promise<void> {
  await storage.transact(async (transaction) => {
    for (const half of ['a', 'b']) {
      transaction.put(`${half}/${writer}/${number}`, bytes(writtenValue(writer, number)));
      transaction.delete(`${half}/${writer}/${number - pairsKept}`);
    }
  });
}

/** The newest pair of a writer as one transaction sees it: its number, `undefined` before the first, `broken` for half a pair. */
export async function newestPair(storage: Storage, writer: string): Promise<number | 'broken' | undefined> {
  return storage.transact(async (transaction) => {
    const number = (await numbersOf(transaction, 'a', writer)).at(-1);
    if (number === undefined) return undefined;
    return (await isWhole(transaction, writer, number)) ? number : 'broken';
  });
}

async function isWhole(reader: Reader, writer: string, number: number): Promise<boolean> {
  for (const half of ['a', 'b']) if (text(await reader.get(`${half}/${writer}/${number}`)) !== writtenValue(writer, number)) return false;
  return true;
}

/** Raises the counter that all writers share, and its copy; gives what it has become. */
export async function raiseCounter(storage: Storage): Promise<number> {
  return storage.transact(async (transaction) => {
    const raised = (await numberAt(transaction, 'counter')) + 1;
    transaction.put('counter', bytes(String(raised)));
    transaction.put('copy', bytes(String(raised)));
    return raised;
  });
}

async function numberAt(reader: Reader | Transaction, key: string): Promise<number> {
  return Number(text(await reader.get(key)) ?? 0);
}

/** What was acknowledged or seen: the greatest number of each writer, and of the counter. */
export interface Known {
  readonly pairs: ReadonlyMap<string, number>;
  readonly counter: number;
}

/** Nothing that is known is lost, and nothing is there by halves. */
export async function expectWhole(storage: Storage, known: Known): Promise<void> {
  for (const [writer, number] of known.pairs) {
    const stored = await numbersOf(storage, 'a', writer);
    const newest = stored.at(-1) ?? 0;
    expect(newest).toBeGreaterThanOrEqual(number);
    const oldest = Math.max(1, newest - pairsKept + 1);
    expect(stored).toEqual(Array.from({ length: newest - oldest + 1 }, (_, index) => oldest + index));
    expect(await numbersOf(storage, 'b', writer)).toEqual(stored);
    for (const each of stored) expect([each, await isWhole(storage, writer, each)]).toEqual([each, true]);
  }
  const counter = await numberAt(storage, 'counter');
  expect(counter).toBeGreaterThanOrEqual(known.counter);
  expect(await numberAt(storage, 'copy')).toBe(counter);
}
