// What Casemate must reach at sixteen connections, beside a bare server and beside OpenBao on the same machine.

import type { Row } from './figures.ts';

export interface FloorVerdict {
  readonly floor: string;
  /** What was measured, in the unit of the floor. */
  readonly measured: number;
  readonly holds: boolean;
}

interface Floor {
  readonly name: (row: Row) => string;
  readonly applies: (row: Row) => boolean;
  readonly least: number;
  readonly of: (row: Row) => number | undefined;
}

const connections = 16;
const mostMegabytes = 200;
export const mostStartMilliseconds = 1_000;

const kept: ReadonlySet<string> = new Set(['read', 'lookup']);
const ratios = [
  ['write', 6],
  ['login', 8],
  ['encrypt', 5],
  ['batch', 2],
] as const satisfies readonly (readonly [Row['workload'], number])[];
const audited: ReadonlySet<string> = new Set(['read', 'write', 'lookup']);

const floors: readonly Floor[] = [
  {
    name: ({ workload }) => `${workload}: 0.3 of the bare server`,
    applies: ({ workload, audit, cache }) => kept.has(workload) && !audit && cache,
    least: 0.3,
    of: ({ share }) => share,
  },
  {
    name: ({ workload }) => `${workload} without the cache: 4 times the peer`,
    applies: ({ workload, audit, cache }) => kept.has(workload) && !audit && !cache,
    least: 4,
    of: ({ ratio }) => ratio,
  },
  ...ratios.map(
    ([name, least]): Floor => ({
      name: () => `${name}: ${least} times the peer`,
      applies: ({ workload, audit }) => workload === name && !audit,
      least,
      of: ({ ratio }) => ratio,
    }),
  ),
  {
    name: ({ workload }) => `${workload} with the audit file: 3 times the peer`,
    applies: ({ workload, audit }) => audited.has(workload) && audit,
    least: 3,
    of: ({ ratio }) => ratio,
  },
];

/** Those that the rows can tell about. */
export function floorVerdicts(rows: readonly Row[]): FloorVerdict[] {
  const ofRates = rows
    .filter((row) => row.connections === connections)
    .flatMap((row) =>
      floors
        .filter(({ applies }) => applies(row))
        .flatMap(({ name, least, of }) => {
          const measured = of(row);
          return measured === undefined ? [] : [{ floor: name(row), measured, holds: measured >= least }];
        }),
    );
  const megabytes = rows.flatMap((row) => row.megabytes ?? []);
  if (megabytes.length === 0) return ofRates;
  const most = Math.max(...megabytes);
  return [...ofRates, { floor: `memory: less than ${mostMegabytes} MB`, measured: most, holds: most < mostMegabytes }];
}
