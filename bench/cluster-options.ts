// What the suite `cluster` is told on its command line.

import { parseArgs } from 'node:util';
import { Fault } from '../src/base/fault.ts';

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
  const { only = clusterLevels.join(','), rounds = '3' } = flagsOf(words);
  if (!/^[1-9]\d{0,2}$/.test(rounds)) throw new Fault('usage', `-rounds takes whole numbers from 1 to 999, not ${JSON.stringify(rounds)}`);
  return { rounds: Number(rounds), only: only.split(',').map(levelOf) };
}

const text = { type: 'string' } as const;

/** Go's flags begin with one dash or two. */
function flagsOf(words: readonly string[]) {
  try {
    return parseArgs({ args: words.map((word) => word.replace(/^-(?=[a-z])/, '--')), options: { only: text, rounds: text } }).values;
  } catch (thrown) {
    throw new Fault('usage', (thrown as Error).message, { cause: thrown });
  }
}

function levelOf(name: string): ClusterLevel {
  const found = clusterLevels.find((level) => level === name);
  if (found === undefined) throw new Fault('usage', `-only takes ${clusterLevels.join(', ')}, not ${JSON.stringify(name)}`);
  return found;
}
