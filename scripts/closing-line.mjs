// A vitest reporter: counts every test and every file that could not be run, and writes the numbers for the closing line to a file.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

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

/** The files with a failure in them, each with its own counts and the names of what failed. */
export function brokenFiles(modules) {
  return modules
    .map((module) => ({
      file: module.moduleId,
      counts: countRun([module]),
      names: [...module.children.allTests()].filter((test) => isBroken(test.result().state)).map((test) => test.fullName),
    }))
    .filter(({ counts }) => counts.failed > 0);
}

/** The plain last line of a test run. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;
}

/** The counts of several runs as those of one. */
export function sumCounts(runs) {
  return {
    passed: runs.reduce((sum, { passed }) => sum + passed, 0),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    skipped: runs.flatMap(({ skipped }) => skipped),
  };
}

/** Closes a run. Where `CASEMATE_COUNTS_INTO` names a folder, the run is a part of several, and whoever runs them closes with their sum. */
export function closeRun(name, counts, folder = process.env.CASEMATE_COUNTS_INTO) {
  if (folder === undefined) {
    console.log(closingLine(counts));
    return;
  }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(counts));
  console.log(`${name} is done: ${closingLine(counts)} so far.`);
}

/** The reporter that vitest is handed. `path` is the file the counts go to. */
export function countingReporter(path) {
  return {
    onTestRunEnd: (modules, unhandled) =>
      writeFileSync(path, JSON.stringify({ ...countRun(modules, unhandled), broken: brokenFiles(modules) })),
  };
}
