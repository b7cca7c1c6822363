// What the manager writes down on the nodes: a copy of the journal and of the list of keys, so that no machine is the only one that knows.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { Journal, JournalRecord } from '../../journal/journal.ts';
import { recordOfText, textOfRecord } from '../../journal/record-text.ts';
import type { EncryptionChange } from './change.ts';
import { emptyRing, type KeyRing, ringOfText } from './key-ring.ts';
import type { ManagedNode } from './managed-node.ts';

/** On a node: 0600 in a folder of 0700, beside the configurations, which hold the same keys. */
export function nodeJournal(node: ManagedNode): Journal {
  const path = posix.join(node.stateFolder, 'journal.json');
  return {
    async read(signal) {
      const file = await node.files.read(path, signal);
      return file === undefined ? undefined : recordOfText(file.bytes.toString('utf8'), `${path} on ${node.name}`);
    },
    async write(record, signal) {
      await node.files.makeFolder(node.stateFolder, { mode: 0o700 }, signal);
      await node.files.write(path, Buffer.from(textOfRecord(record)), { mode: 0o600 }, signal);
    },
  };
}

const ringPath = ({ stateFolder }: ManagedNode) => posix.join(stateFolder, 'keys.json');

export async function ringOn(node: ManagedNode, signal: AbortSignal): Promise<KeyRing | undefined> {
  const file = await node.files.read(ringPath(node), signal);
  return file === undefined ? undefined : ringOfText(file.bytes.toString('utf8'), `${ringPath(node)} on ${node.name}`);
}

export async function putRing(node: ManagedNode, ring: KeyRing, signal: AbortSignal): Promise<void> {
  await node.files.makeFolder(node.stateFolder, { mode: 0o700 }, signal);
  await node.files.write(ringPath(node), Buffer.from(textOfRing(ring)), { mode: 0o600 }, signal);
}

export function textOfRing(ring: KeyRing): string {
  return `${JSON.stringify(ring, undefined, 1)}\n`;
}

/** Of all copies the one with the highest epoch, with every key that any copy knows: a list is never shorter than it was. */
export function newestRing(rings: readonly (KeyRing | undefined)[]): KeyRing {
  const there = rings.filter((ring) => ring !== undefined).toSorted((a, b) => a.epoch - b.epoch);
  return there.reduce((older, newer) => {
    const known = new Map(older.keys.map((key) => [key.fingerprint, key]));
    // What is archived once stays so.
    for (const key of newer.keys) known.set(key.fingerprint, { ...known.get(key.fingerprint), ...key });
    return { ...newer, keys: [...known.values()] };
  }, emptyRing);
}

/** The change that is under way, by any copy. Throws Fault `conflict` where two are, which cannot come from one manager at a time. */
export function changeUnderWay(records: readonly (JournalRecord | undefined)[]): JournalRecord | undefined {
  const open = records.filter((record) => record?.state === 'running' || record?.state === 'aborting');
  const closed = new Set(records.flatMap((record) => (record?.state === 'finished' || record?.state === 'aborted' ? [record.id] : [])));
  // A node that was away when the change ended still has it open, and so has a machine whose change another one has taken to its end.
  const left = open.filter((record) => !closed.has(record?.id ?? '') && !records.some((other) => isLater(other, record)));
  const ids = new Set(left.map((record) => record?.id));
  if (ids.size > 1)
    throw new Fault(
      'conflict',
      `the nodes hold journals of ${ids.size} changes that are under way (${[...ids].join(', ')}): two managers were at work without knowing of each other`,
    );
  return left[0];
}

/** Whether the one was begun when the other was over: a change is begun only where none is under way. */
function isLater(one: JournalRecord | undefined, other: JournalRecord | undefined): boolean {
  if (one === undefined || other === undefined || one.id === other.id) return false;
  const [epoch, before] = [epochOf(one), epochOf(other)];
  if (epoch === undefined || before === undefined) return false;
  // With the number of one that was finished, the other one came to no node. What was taken back may give its number to the next one.
  return epoch > before || (epoch === before && one.state === 'finished');
}

function epochOf({ change }: JournalRecord): number | undefined {
  return (change as Partial<EncryptionChange> | null)?.epoch;
}
