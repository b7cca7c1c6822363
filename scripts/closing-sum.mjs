// Closes several test runs with one line: the sum of what each left in the folder that CASEMATE_COUNTS_INTO names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closingLine, sumCounts } from './closing-line.mjs';

/** The counts of one run. A run that left none has failed, whatever became of it. */
function countsOf(folder, name) {
  try {
    return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  } catch {
    console.log(`${name} did not come to its end.`);
    return { passed: 0, failed: 1, skipped: [] };
  }
}

const folder = process.env.CASEMATE_COUNTS_INTO;
if (folder === undefined) throw new Error('CASEMATE_COUNTS_INTO names no folder.');
const counts = sumCounts(process.argv.slice(2).map((name) => countsOf(folder, name)));
console.log(closingLine(counts));
process.exitCode = counts.failed === 0 ? 0 : 1;
