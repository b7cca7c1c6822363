// What the suite `cluster` is told on its command line.

import { flagsOf, oneOf, whole } from './words.ts';

export const clusterLevels = ['api', 'several', 'node'] as const;
export type ClusterLevel = (typeof clusterLevels)[number];

export interface ClusterBenchOptions {
  readonly only: readonly ClusterLevel[];
  /** Starts of each level; the median counts. */
  readonly rounds: number;
}

export const clusterBenchUsage = `Usage: npm run bench -- cluster [options]

  Starts the clusters of the test fixture, one after the other, and prints the
  time until each was ready and the time until it had ended, without a process
  or file left. It needs root and the fixture's programs, which
  node scripts/fixtures/cluster.mjs builds. The figures hold for a machine that
  does nothing else.

      $ npm run bench -- cluster
      $ npm run bench -- cluster -only=api,node -rounds=5

  -only=NAME,NAME    Which of api (etcd and one apiserver), several (three
                     apiservers) and node (a whole node); all by default
  -rounds=N          Starts of each; the median counts. 3 by default
`;

/** Throws Fault `usage` in a sentence. */
export function clusterBenchOptions(words: readonly string[]): ClusterBenchOptions {
  const text = { type: 'string' } as const;
  const { only = clusterLevels.join(','), rounds = '3' } = flagsOf(words, { only: text, rounds: text });
  return { rounds: whole('-rounds', rounds, 999), only: only.split(',').map((name) => oneOf('-only', name, clusterLevels)) };
}
