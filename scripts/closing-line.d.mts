// The types of closing-line.mjs, for the vitest configurations and the tests.
import type { Reporter, TestModule } from 'vitest/node';

export interface Counts {
  passed: number;
  failed: number;
  skipped: { name: string; reason: string }[];
}
export interface BrokenFile {
  file: string;
  counts: Counts;
  names: string[];
}
export function brokenFiles(modules: readonly TestModule[]): BrokenFile[];
export function countRun(modules: readonly TestModule[], unhandled?: readonly unknown[]): Counts;
export function closingLine(counts: Counts): string;
export function sumCounts(runs: readonly Counts[]): Counts;
export function closeRun(name: string, counts: Counts, folder?: string): void;
export function countingReporter(path: string): Reporter;
