// When LMDB has given its environment up, writes are refused at once: LMDB would leave them unanswered for ever.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bytes } from '../../../../test/suites/storage-values.ts';
import type { Fault } from '../../../base/fault.ts';
import type { Proposal } from '../../transaction.ts';
import { createGroupCommit, type GroupCommit } from './commit.ts';
import { type Environment, openEnvironment } from './environment.ts';
import { createSnapshots } from './snapshots.ts';

let path: string;
let environment: Environment;
let attempts: number;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'casemate-commit-'));
  environment = await openEnvironment({ path });
  attempts = 0;
});
afterEach(async () => {
  await environment.close();
  rmSync(path, { recursive: true });
});

/** Group commit over a disk that fails with this code, as the binding tells it. */
function failing(code: number, after: { readonly takesWrites: boolean }): GroupCommit {
  const feed = Object.create(environment.feed, {
    ifVersion: {
      value: async () => {
        attempts += 1;
        const reason = Promise.reject(Object.assign(new Error('as wanted'), { code }));
        throw Object.assign(new Error('Commit failed'), { commitError: reason });
      },
    },
  }) as Environment['feed'];
  const broken: Environment = { ...environment, feed, takesWrites: () => after.takesWrites };
  return createGroupCommit(broken, createSnapshots(environment));
}

const proposal: Proposal = { reads: new Map(), lists: [], writes: new Map([['a', bytes('x')]]), urgent: false };

async function refusal(group: GroupCommit): Promise<string> {
  return group.commit(proposal).then(
    () => 'written',
    (thrown: Fault) => `${thrown.code}: ${thrown.message}`,
  );
}

it('tries again after a write that failed', async () => {
  const group = failing(5, { takesWrites: true });
  const sentence = 'storage-failed: the store could not write and nothing was written; see the log for the reason';
  expect([await refusal(group), await refusal(group)]).toEqual([sentence, sentence]);
  expect(attempts).toBe(2);
});

it('refuses at once what comes after the environment was given up', async () => {
  const group = failing(5, { takesWrites: false });
  await refusal(group);
  const sentence = 'storage-failed: the store can no longer write to its disk; mend the disk and restart Casemate';
  expect([await refusal(group), await refusal(group)]).toEqual([sentence, sentence]);
  expect(attempts).toBe(1);
});

it('knows whether its environment takes writes', () => {
  expect(environment.takesWrites()).toBe(true);
});
