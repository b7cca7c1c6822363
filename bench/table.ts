// The figures as people read them: columns of fixed width, so that each line can be printed as soon as it is measured.

import type { Row } from './figures.ts';
import type { FloorVerdict } from './floors.ts';
import { workloads } from './workloads.ts';

interface Column {
  readonly title: string;
  readonly width: number;
  readonly cell: (row: Row) => string;
}

/** `peer` is its name; undefined leaves its columns out. */
export function tableColumns(peer: string | undefined): readonly Column[] {
  const ofPeer: readonly Column[] =
    peer === undefined
      ? []
      : [
          { title: `${peer}/s`, width: peer.length + 4, cell: ({ peer }) => count(peer?.perSecond) },
          { title: 'p99 ms', width: 8, cell: ({ peer }) => milliseconds(peer?.p99) },
          { title: 'ratio', width: 7, cell: ({ ratio }) => (ratio === undefined ? '-' : `${ratio.toFixed(1)}x`) },
        ];
  return [
    { title: 'workload', width: -19, cell: ({ workload }) => workloads[workload].title },
    { title: 'conns', width: 5, cell: ({ connections }) => String(connections) },
    { title: 'audit', width: 6, cell: ({ audit }) => (audit ? 'file' : 'off') },
    { title: 'cache', width: 6, cell: ({ cache }) => (cache ? 'on' : 'off') },
    { title: 'requests/s', width: 11, cell: ({ casemate }) => count(casemate.perSecond) },
    { title: 'p50 ms', width: 8, cell: ({ casemate }) => milliseconds(casemate.p50) },
    { title: 'p99 ms', width: 8, cell: ({ casemate }) => milliseconds(casemate.p99) },
    { title: 'RSS MB', width: 7, cell: ({ megabytes }) => count(megabytes) },
    { title: 'bare/s', width: 8, cell: ({ bare }) => count(bare?.perSecond) },
    { title: 'share', width: 6, cell: ({ share }) => share?.toFixed(2) ?? '-' },
    ...ofPeer,
  ];
}

export function headLine(columns: readonly Column[]): string {
  return lineOf(columns, ({ title }) => title);
}

export function rowLine(columns: readonly Column[], row: Row): string {
  return lineOf(columns, ({ cell }) => cell(row));
}

export function floorLine({ floor, measured, holds }: FloorVerdict): string {
  const shown = measured < 10 ? measured.toFixed(2) : measured.toFixed(0);
  return `${holds ? 'holds ' : 'MISSED'} ${floor} (measured ${shown})`;
}

/** A negative width aligns to the left. */
function lineOf(columns: readonly Column[], text: (column: Column) => string): string {
  return columns
    .map((column) => (column.width < 0 ? text(column).padEnd(-column.width) : text(column).padStart(column.width)))
    .join(' ')
    .trimEnd();
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : Math.round(value).toLocaleString('en-US');
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(2);
}
