// A second try for test files that failed: tests with real clusters and time limits meet a busy machine, and a fault of the code fails twice.
import { relative } from 'node:path';

/** More broken files than this are no accident of a busy machine. */
const MOST = 4;

/** The files to run once more, alone; none where so many failed that the code must be at fault. */
export function filesToTryAgain({ broken }) {
  return broken.length > MOST ? [] : broken.map(({ file }) => file);
}

/** The counts of the whole run, with those of its broken files replaced by what their second run counted. */
export function afterSecondTry(first, second) {
  const kept = first.broken.reduce(
    (rest, { counts }) => ({
      passed: rest.passed - counts.passed,
      failed: rest.failed - counts.failed,
      skipped: rest.skipped.filter(({ name }) => !counts.skipped.some((other) => other.name === name)),
    }),
    first,
  );
  return {
    passed: kept.passed + second.passed,
    failed: kept.failed + second.failed,
    skipped: [...kept.skipped, ...second.skipped],
    broken: second.broken,
  };
}

/** A line for each test that failed, since one that passes now and fails then is to be mended too. */
export function linesOfFailures(root, broken, word) {
  return broken.flatMap(({ file, names }) =>
    (names.length > 0 ? names : ['(the file itself)']).map((name) => `${word}: ${relative(root, file)}: ${name}`),
  );
}
