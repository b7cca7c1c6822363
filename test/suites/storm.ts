// A storm: processes write and read one store until they are killed; then the store is opened and everything known must be there.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { openLmdb } from '../../src/storage/backends/lmdb.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { expectWhole } from './pairs.ts';

const program = fileURLToPath(new URL('../slow/writer.ts', import.meta.url));
const writers = [
  ['w0', 'w1', 'w2'],
  ['x0', 'x1', 'x2'],
];

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Kept from round to round, since no later round may lose what an earlier one knew. */
export interface Storm {
  readonly pairs: Map<string, number>;
  counter: number;
  /** The newest commit that anybody spoke of. */
  head: number;
  /** Writes that were acknowledged. */
  acknowledged: number;
}

export function newStorm(): Storm {
  return { pairs: new Map(), counter: 0, head: 0, acknowledged: 0 };
}

/** One round. `random` gives numbers from 0 to 1 and settles when who is killed. */
export async function killRound(path: string, storm: Storm, random: () => number): Promise<void> {
  const children = [...writers.map((names) => start(path, 'write', names)), start(path, 'read', writers.flat())];
  try {
    const lines = children.map((child) => linesOf(child));
    await Promise.all(lines.map((heard) => heard.first));
    await pause(random() * 250);
    // In every other round one dies alone, so that the others find its locks.
    if (random() < 0.5) {
      children[Math.floor(random() * children.length)]?.kill('SIGKILL');
      await pause(random() * 150);
    }
    for (const child of children) child.kill('SIGKILL');
    const heard = await Promise.all(lines.map((each) => each.all));
    for (const line of heard.flat()) note(storm, line);
    await expectAllKnown(path, storm, heard.flat());
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

function start(path: string, role: string, names: readonly string[]): Child {
  return spawn(process.execPath, [program, path, role, ...names], { stdio: ['ignore', 'pipe', 'pipe'] });
}

interface Heard {
  /** Resolves at the first line. */
  readonly first: Promise<unknown>;
  /** All whole lines, once the process has ended. Rejects when it ended by itself. */
  readonly all: Promise<string[]>;
}

function linesOf(child: Child): Heard {
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    if (signal !== 'SIGKILL' || complaint !== '') throw new Error(`a process ended with ${code ?? signal}: ${complaint}`);
    return said.split('\n').slice(0, -1);
  });
  return { first: Promise.race([once(child.stdout, 'data'), ended]), all: ended };
}

function note(storm: Storm, line: string): void {
  const [what, ...words] = line.split(' ');
  if (what === 'raised') {
    storm.counter = Math.max(storm.counter, Number(words[0]));
    storm.acknowledged += 1;
    return;
  }
  const [writer = '', number, , after] = words;
  if (what === 'wrote') storm.acknowledged += 1;
  else expect(line).not.toContain('broken');
  storm.pairs.set(writer, Math.max(storm.pairs.get(writer) ?? 0, Number(number)));
  storm.head = Math.max(storm.head, Number(after ?? 0));
}

async function expectAllKnown(path: string, storm: Storm, lines: readonly string[]): Promise<void> {
  // Two that raised the counter to the same number have lost one of the two.
  const raised = lines.filter((line) => line.startsWith('raised'));
  expect(new Set(raised).size).toBe(raised.length);
  const storage = await openLmdb({ path });
  try {
    await expectWhole(storage, storm);
    await expectFeed(storage, storm, lines);
  } finally {
    await storage.close();
  }
}

async function expectFeed(storage: Storage, storm: Storm, lines: readonly string[]): Promise<void> {
  const head = await storage.feed.head();
  expect(head).toBeGreaterThanOrEqual(storm.head);
  storm.head = head;
  for (const line of lines.filter((each) => each.startsWith('wrote')).slice(-20)) {
    const [, writer, number, before] = line.split(' ');
    const changes = await storage.feed.since(Number(before));
    if (changes === 'overrun') continue;
    expect(changes.head).toBe(head);
    const keys = [...changes.keys.keys()];
    expect(keys).toContain(`a/${writer}/${number}`);
    expect(keys).toContain(`b/${writer}/${number}`);
  }
}
