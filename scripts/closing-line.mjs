// A vitest reporter: counts every test and every file that could not be run, and writes the numbers for the closing line to a file.
import { writeFileSync } from 'node:fs';

function isBroken(state) {
  return state !== 'passed' && state !== 'skipped';
}

/** Failures that belong to no test: a file that does not load, a beforeAll or afterAll that throws. */
function countOutsideTests(modules) {
  let failed = 0;
  for (const module of modules) {
    if (module.errors().length > 0) failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed += 1;
  }
  return failed;
}

/** Counts a finished run. A test that neither passed nor was skipped has failed, a run that was cut short as well. */
export function countRun(modules, unhandled = []) {
  const counts = { passed: 0, failed: countOutsideTests(modules) + unhandled.length, skipped: [] };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state, note } = test.result();
      if (state === 'passed') counts.passed += 1;
      else if (isBroken(state)) counts.failed += 1;
      else counts.skipped.push({ name: test.fullName, reason: note ?? 'no reason given' });
    }
  }
  return counts;
}

/** The plain last line of a test run. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;
}

/** The reporter that vitest is handed. `path` is the file the counts go to. */
export function countingReporter(path) {
  return { onTestRunEnd: (modules, unhandled) => writeFileSync(path, JSON.stringify(countRun(modules, unhandled))) };
}
