// The suite `cluster`: how soon the test fixture's clusters are ready, and how soon they have ended.

import { startCluster } from '../test/cluster/fixture/start.ts';
import type { ClusterBenchOptions, ClusterLevel } from './cluster-options.ts';

interface Level {
  readonly title: string;
  /** Seconds until it must be ready; undefined where nothing was promised. */
  readonly mostReady: number | undefined;
  start(signal: AbortSignal): Promise<{ stop(): Promise<void> }>;
}

const levels = {
  api: { title: 'etcd and one apiserver', mostReady: 6, start: (signal) => startCluster({ signal }) },
  several: { title: 'etcd and three apiservers', mostReady: undefined, start: (signal) => startCluster({ apiservers: 3, signal }) },
  node: { title: 'a whole node', mostReady: 12, start: (signal) => startCluster({ node: true, signal }) },
} as const satisfies Record<ClusterLevel, Level>;

const mostEnd = 3;

/** Prints a line for each level as soon as it is measured. */
export async function runClusterSuite(
  { only, rounds }: ClusterBenchOptions,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  write(line(['cluster', 'ready s', 'ended s', 'promised']));
  for (const name of only) {
    const level: Level = levels[name];
    const ready: number[] = [];
    const ended: number[] = [];
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      const begun = performance.now();
      const cluster = await level.start(signal);
      const stopping = performance.now();
      await cluster.stop();
      ready.push((stopping - begun) / 1_000);
      ended.push((performance.now() - stopping) / 1_000);
    }
    const [untilReady, untilEnded] = [middle(ready), middle(ended)];
    write(line([level.title, untilReady.toFixed(2), untilEnded.toFixed(2), verdict(level, untilReady, untilEnded)]));
  }
}

function verdict({ mostReady }: Level, ready: number, ended: number): string {
  const promised = [...(mostReady === undefined ? [] : [`ready in ${mostReady} s`]), `ended in ${mostEnd} s`].join(', ');
  const holds = ready < (mostReady ?? Number.POSITIVE_INFINITY) && ended < mostEnd;
  return `${holds ? 'holds ' : 'MISSED'} ${promised}`;
}

function line([title, ready, ended, promised]: readonly [string, string, string, string]): string {
  return `${title.padEnd(28)} ${ready.padStart(8)} ${ended.padStart(8)}  ${promised}\n`;
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] as number;
}
