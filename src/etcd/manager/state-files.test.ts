// Which change is under way is told by any copy of a journal, and a copy that was left behind takes nobody back.

import { expect, test } from 'vitest';
import type { JournalRecord, JournalState } from '../../journal/journal.ts';
import { changeUnderWay } from './state-files.ts';

const record = (id: string, epoch: number, state: JournalState): JournalRecord => ({
  ...{ version: 1, id, state, kind: 'etcd-encryption', at: '2026-01-01T00:00:00Z' },
  change: { epoch },
});

test('a change that a machine left open is over when a later one was begun elsewhere', () => {
  expect(changeUnderWay([record('a', 4, 'running'), record('b', 5, 'finished')])).toBeUndefined();
  expect(changeUnderWay([record('a', 4, 'aborting'), record('b', 5, 'aborted')])).toBeUndefined();
  expect(changeUnderWay([record('a', 4, 'running'), record('b', 5, 'running')])?.id).toBe('b');
});

test('a change that came to no node gives way to the one that had its number and was ended', () => {
  expect(changeUnderWay([record('a', 5, 'running'), record('b', 5, 'finished')])).toBeUndefined();
});

test('a change that has the number of one that was taken back is under way', () => {
  expect(changeUnderWay([record('b', 5, 'running'), record('a', 5, 'aborted')])?.id).toBe('b');
});

test('an older change that ended hides no newer one', () => {
  expect(changeUnderWay([record('a', 5, 'running'), record('b', 4, 'finished')])?.id).toBe('a');
});

test('two open changes of one number are nothing to choose from', () => {
  expect(() => changeUnderWay([record('a', 5, 'running'), record('b', 5, 'running')])).toThrow('2 changes that are under way (a, b)');
});
