// The types of second-try.mjs, for its tests.
import type { BrokenFile, Counts } from './closing-line.mjs';

export interface RunCounts extends Counts {
  broken: BrokenFile[];
}
export function filesToTryAgain(counts: Pick<RunCounts, 'broken'>): string[];
export function afterSecondTry(first: RunCounts, second: RunCounts): RunCounts;
export function linesOfFailures(root: string, broken: readonly BrokenFile[], word: string): string[];
