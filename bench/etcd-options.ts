// What the suite `etcd` is told on its command line.

import { Fault } from '../src/base/fault.ts';
import { flagsOf, oneOf, whole } from './words.ts';

export const etcdParts = ['verify', 'rewrite', 'rotation'] as const;
export type EtcdPart = (typeof etcdParts)[number];

export interface EtcdBenchOptions {
  readonly only: readonly EtcdPart[];
  readonly rounds: number;
  /** Secrets of the rewrite. */
  readonly objects: number;
  /** Secrets with which the memory of a rewrite is measured, once; 0 for not at all. */
  readonly memoryObjects: number;
}

export const etcdBenchUsage = `Usage: npm run bench -- etcd [options]

  Measures encryption at rest on the cluster fixture: how long reading 100,000
  keys of etcd takes (verify); how soon all Secrets are sealed anew, beside
  RKE's way and Kubernetes' own StorageVersionMigration (rewrite); and a whole
  rotation on three kube-apiservers with 5,000 Secrets, step by step (rotation).
  It needs what node scripts/fixtures/cluster.mjs builds, and root.

      $ npm run bench -- etcd
      $ npm run bench -- etcd -only=rewrite -objects=2000 -rounds=1

  -only=PARTS            ${etcdParts.join(', ')}; all by default
  -rounds=N              Measurements of each point in turns; 3 by default
  -objects=N             Secrets of the rewrite; 10,000 by default
  -memory-objects=N      Secrets for its memory; 100,000 by default, 1 for none
`;

/** Throws Fault `usage` in a sentence. */
export function etcdBenchOptions(words: readonly string[]): EtcdBenchOptions {
  const text = { type: 'string' } as const;
  const flags = flagsOf(words, { only: text, rounds: text, objects: text, 'memory-objects': text });
  const { only, rounds = '3', objects = '10000', 'memory-objects': memory = '100000' } = flags;
  if (only === '') throw new Fault('usage', '-only names nothing');
  return {
    only: only?.split(',').map((part) => oneOf('-only', part, etcdParts)) ?? etcdParts,
    rounds: whole('-rounds', rounds, 99),
    objects: whole('-objects', objects, 1_000_000),
    memoryObjects: whole('-memory-objects', memory, 1_000_000),
  };
}
