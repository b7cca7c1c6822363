// The key ring that a node gets: the one of this cluster wherever it is, and a new one only for the very first node.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { systemRandom } from '../../crypto/random.ts';
import { presentIn } from '../../etcd/install/node-plan.ts';
import { partOf } from '../../etcd/install/provider-steps.ts';
import type { ApiserverState } from '../../etcd/manager/convergence.ts';
import { type ManagedNode, viewOf } from '../../etcd/manager/managed-node.ts';
import { readPrivateFile } from '../../keys/private-file.ts';
import { createRing, ringOf } from '../../keys/ring-file.ts';

export interface RingSource {
  /** Of this machine. */
  readonly given: string | undefined;
  readonly mayBeNew: boolean;
  /** On the nodes. */
  readonly path: string;
  readonly nodes: readonly ManagedNode[];
  readonly states: readonly ApiserverState[];
  readonly kmsName: string;
}

/**
 * Text of its file, the same at each call. Throws Fault `usage` where another node may have a ring that this one ought to have: what
 * two rings seal nobody reads on both nodes.
 */
export function ringSource(source: RingSource, signal: AbortSignal): () => Promise<string> {
  let text: Promise<string> | undefined;
  return () => {
    text ??= found(source, signal);
    return text;
  };
}

async function found({ given, mayBeNew, path, nodes, states, kmsName }: RingSource, signal: AbortSignal): Promise<string> {
  if (given !== undefined) return checked(readPrivateFile(given, 'the key ring'), given);
  for (const node of nodes) {
    const file = await node.files.read(path, signal);
    if (file !== undefined) return checked(file.bytes, `${path} on ${node.name}`);
  }
  if (mayBeNew) return newRing();
  const users: string[] = [];
  for (const node of nodes) if (partOf(presentIn(node, await viewOf(node, signal)), kmsName) !== undefined) users.push(node.name);
  const strangers = states.filter((state) => nodes.every(({ name }) => name !== state.node)).map(({ node }) => node);
  const [first] = [...users, ...strangers];
  if (first === undefined) return newRing();
  throw new Fault(
    'usage',
    `${first} may have a key ring already, which this node needs as well, and it cannot be read from here: copy it and name it with -ring=FILE, or name all nodes in a file with -config=FILE, or, if this is the first node of all, say -new-ring`,
  );
}

async function checked(bytes: Buffer, path: string): Promise<string> {
  await ringOf(bytes, path, undefined);
  return bytes.toString('utf8');
}

async function newRing(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'casemate-ring-'));
  try {
    const path = join(folder, 'etcd.ring');
    await createRing(path, { name: 'etcd', cipher: 'aes-256-gcm' }, { random: systemRandom, clock: systemClock });
    return await readFile(path, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
