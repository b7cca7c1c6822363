// Storage in LMDB: one folder, many processes; waiting writes share one commit and one fsync, and nothing is visible before it is durable.

import { Fault } from '../../base/fault.ts';
import { checkKey, checkPrefix } from '../keys.ts';
import type { Backend } from '../storage.ts';
import { type Committer, type Proposal, runTransaction } from '../transaction.ts';
import { createTurns } from '../turns.ts';
import { createGroupCommit } from './lmdb/commit.ts';
import { type EnvironmentOptions, openEnvironment } from './lmdb/environment.ts';
import { createSnapshots } from './lmdb/snapshots.ts';

export type LmdbOptions = EnvironmentOptions;

/**
 * Many processes may open one folder, each of them once: a second opening in the same process would let go of the locks of the first.
 * Throws Fault `storage-failed` or `corrupted`, in one sentence, for a folder that cannot be used or that a newer Casemate wrote.
 */
export async function openLmdb(options: LmdbOptions): Promise<Backend> {
  const environment = await openEnvironment(options);
  const snapshots = createSnapshots(environment);
  const group = createGroupCommit(environment, snapshots);
  const turns = createTurns();
  let closing: Promise<void> | undefined;

  const mustBeOpen = (): void => {
    if (closing !== undefined) throw new Fault('unavailable', 'the store is closed');
  };
  const committer: Committer = {
    read(key) {
      mustBeOpen();
      checkKey(key);
      return snapshots.read(key);
    },
    version(key) {
      mustBeOpen();
      checkKey(key);
      return snapshots.version(key);
    },
    list(prefix, wanted) {
      mustBeOpen();
      checkPrefix(prefix);
      return snapshots.list(prefix, wanted);
    },
    check(proposal) {
      mustBeOpen();
      return group.check(proposal);
    },
    async commit(proposal) {
      mustBeOpen();
      return group.commit(proposal);
    },
  };
  const write = async (key: string, value: Uint8Array | undefined): Promise<void> => {
    checkKey(key);
    await committer.commit(writing(key, value));
  };

  return {
    async get(key) {
      mustBeOpen();
      checkKey(key);
      return snapshots.read(key).value;
    },
    async read(key) {
      const { version, value } = await committer.read(key);
      return value === undefined ? undefined : { version, value };
    },
    list: async (prefix, wanted = {}) => (await committer.list(prefix, wanted)).names,
    put: (key, value) => write(key, Buffer.from(value)),
    delete: (key) => write(key, undefined),
    async transact(work) {
      mustBeOpen();
      return runTransaction(committer, turns, work);
    },
    feed: {
      head() {
        mustBeOpen();
        return snapshots.head();
      },
      async since(position) {
        mustBeOpen();
        return snapshots.since(position);
      },
    },
    close() {
      closing ??= group.idle().then(() => environment.close());
      return closing;
    },
  };
}

const nothingRead: Pick<Proposal, 'reads' | 'lists' | 'urgent'> = { reads: new Map(), lists: [], urgent: false };

function writing(key: string, value: Uint8Array | undefined): Proposal {
  return { ...nothingRead, writes: new Map([[key, value]]) };
}
