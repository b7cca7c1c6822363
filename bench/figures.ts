// What was measured of a server at one point, and of several servers beside one another.

import type { Load, Measured, Pace } from './load.ts';
import type { Run } from './tenancy.ts';
import type { WorkloadName } from './workloads.ts';

export interface Figures {
  /** Of the round in the middle, as the rest. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly busy: number;
  /** Requests/s of every round, in order. */
  readonly rounds: readonly number[];
}

/** One line of the table. */
export interface Row {
  readonly workload: WorkloadName;
  readonly connections: number;
  readonly audit: boolean;
  readonly cache: boolean;
  readonly casemate: Figures;
  /** RSS of Casemate right after the point, MB; undefined where the system does not tell. */
  readonly megabytes: number | undefined;
  readonly bare: Figures | undefined;
  readonly peer: Figures | undefined;
  /** Casemate's rate by the bare server's, and by the peer's. */
  readonly share: number | undefined;
  readonly ratio: number | undefined;
}

/** A server that takes its turn. */
export type Side = Omit<Load, 'pace' | 'connections'>;

export interface Turns {
  readonly sides: readonly (Side | undefined)[];
  readonly connections: number;
  readonly rounds: number;
  readonly pace: Pace;
}

/** A-B-A-B, so that what else the machine does meets all sides. Figures in the order of `sides`, undefined where there is none. */
export async function measureInTurns(turns: Turns, run: Run, signal: AbortSignal): Promise<(Figures | undefined)[]> {
  const { sides, connections, rounds, pace } = turns;
  const measured = sides.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [at, side] of sides.entries()) if (side !== undefined) measured[at]?.push(await run({ ...side, connections, pace }, signal));
  return measured.map(middleOf);
}

function middleOf(measured: readonly Measured[]): Figures | undefined {
  const middle = measured.toSorted((one, other) => one.perSecond - other.perSecond)[Math.floor((measured.length - 1) / 2)];
  if (middle === undefined) return undefined;
  const { perSecond, p50, p99, busy } = middle;
  return { perSecond, p50, p99, busy, rounds: measured.map((one) => one.perSecond) };
}

export function quotient(figures: Figures | undefined, by: Figures | undefined): number | undefined {
  return figures === undefined || by === undefined ? undefined : figures.perSecond / by.perSecond;
}
