// The gate: who commits goes in beside others who commit, who opens goes in alone, and the dead let go.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StoreProcess, startProcess } from '../../../../test/suites/processes.ts';
import { gateFile } from './folder.ts';
import { type Gate, openGate } from './gate.ts';

let path: string;
let gates: Gate[];
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'casemate-gate-'));
  gates = [openGate(gateFile(path)), openGate(gateFile(path)), openGate(gateFile(path))];
});
afterEach(() => {
  for (const gate of gates) gate.close();
  rmSync(path, { recursive: true });
});

async function isPending(work: Promise<unknown>): Promise<boolean> {
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), 300));
  return (await Promise.race([work, late])) === 'late';
}

it('lets those who commit pass side by side', async () => {
  const leaves = await Promise.all([...gates, ...gates].map((gate) => gate.pass()));
  for (const leave of leaves) leave();
  expect(await gates[0]?.alone(() => 'in')).toBe('in');
});

it('keeps out who opens until the last of those who commit has left', async () => {
  const [one, other, opener] = gates as [Gate, Gate, Gate];
  const leaves = [await one.pass(), await one.pass(), await other.pass()];
  const opening = opener.alone(() => 'in');
  for (const leave of leaves) {
    expect(await isPending(opening)).toBe(true);
    leave();
  }
  expect(await opening).toBe('in');
});

it('keeps out who commits until the one who opens has left', async () => {
  const opener = new DatabaseSync(gateFile(path));
  opener.exec('BEGIN EXCLUSIVE');
  const passing = (gates[0] as Gate).pass();
  expect(await isPending(passing)).toBe(true);
  opener.close();
  (await passing)();
});

it('is what every commit and every opening of a store passes', async () => {
  const processes = [startProcess(path)];
  try {
    const [writer] = processes as [StoreProcess];
    await writer.ask({ ask: 'put', key: 'a', value: '1' });
    const opener = new DatabaseSync(gateFile(path));
    opener.exec('BEGIN EXCLUSIVE');
    const late = startProcess(path);
    processes.push(late);
    const waiting = [
      late.ask({ ask: 'head' }),
      writer.ask({ ask: 'put', key: 'a', value: '2' }),
      writer.ask({ ask: 'increment', key: 'b', times: 1 }),
    ];
    for (const each of waiting) expect(await isPending(each)).toBe(true);
    expect(await writer.ask({ ask: 'get', key: 'a' })).toBe('1');
    opener.close();
    await Promise.all(waiting);
    expect(await late.ask({ ask: 'get', key: 'a' })).toBe('2');
  } finally {
    await Promise.all(processes.map((each) => each.kill()));
  }
});

it('is let go by a process that is killed inside', async () => {
  const [gate] = gates as [Gate];
  for (let round = 0; round < 3; round++) {
    const child = startProcess(path);
    const working = child.ask({ ask: 'increment', key: 'a', times: 1_000_000 }).catch(() => 'dead');
    await child.ask({ ask: 'put', key: 'b', value: 'x' });
    await child.kill();
    expect(await working).toBe('dead');
    expect(await gate.alone(() => 'in')).toBe('in');
  }
});

it('lets work throw, and opens again', async () => {
  const [gate] = gates as [Gate];
  const failing = gate.alone(() => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  (await gate.pass())();
});
