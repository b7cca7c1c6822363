// Runs the tests and closes with the plain line "N passed, N failed" (", N skipped" when any were).
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeRun } from './closing-line.mjs';
import { afterSecondTry, filesToTryAgain, linesOfFailures } from './second-try.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NOTHING_COUNTED = { passed: 0, failed: 1, skipped: [], broken: [] };

/** The kinds of test that are not part of the usual run, by the word that asks for them. */
const KINDS = { '--slow': 'vitest.slow.config.ts', '--cluster': 'vitest.cluster.config.ts' };

function readCounts(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    console.log('The test runner ended before it could count.');
    return NOTHING_COUNTED;
  }
}

function runVitest(given, countsPath) {
  const kind = given.find((word) => Object.hasOwn(KINDS, word));
  const others = given.filter((word) => word !== kind);
  const config = kind === undefined ? 'vitest.config.ts' : KINDS[kind];
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--root', ROOT, '--config', join(ROOT, config), ...others], {
    stdio: 'inherit',
    // What tests start are no parts of this run.
    env: { ...process.env, CASEMATE_TEST_COUNTS: countsPath, CASEMATE_COUNTS_INTO: undefined },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

/** Tells why tests were skipped: one line per test, since a skip without a reason hides something. */
function tellSkipped(skipped) {
  for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
}

/** One run of vitest with what it counted. */
async function run(given) {
  const folder = mkdtempSync(join(tmpdir(), 'casemate-tests-'));
  const countsPath = join(folder, 'counts.json');
  const code = await runVitest(given, countsPath);
  const counts = readCounts(countsPath);
  rmSync(folder, { recursive: true, force: true });
  // A runner that fails though no test did (no test found, a crash at the end) has not passed.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

const words = process.argv.slice(2);
const kind = words.find((word) => Object.hasOwn(KINDS, word));
let counts = await run(words);
const again = process.env.CASEMATE_SECOND_TRY === '1' ? filesToTryAgain(counts) : [];
if (again.length > 0) {
  const failedFirst = linesOfFailures(ROOT, counts.broken, 'failed at the first try');
  console.log(`These files are run once more, alone:\n${failedFirst.join('\n')}`);
  const second = await run([...(kind === undefined ? [] : [kind]), '--maxWorkers=1', ...again]);
  counts = afterSecondTry(counts, second);
  for (const line of failedFirst) console.log(line);
}
tellSkipped(counts.skipped);
for (const line of linesOfFailures(ROOT, counts.broken, 'failed')) console.log(line);
closeRun(`test${kind?.slice(1) ?? ''}`, counts);
process.exitCode = counts.failed === 0 ? 0 : 1;
