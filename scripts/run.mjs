// Behind every npm script: installs what is missing, finds the locked Node 26 and runs the real program with it.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, Stop } from './install.mjs';
import { compileCache, findNode, missingNode } from './runtime.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** What each npm script runs, relative to the repository; the user's own arguments follow. */
export const PROGRAMS = {
  start: ['src/programs/cli.ts', 'start'],
  test: ['scripts/test.mjs'],
  'test:slow': ['scripts/test.mjs', '--slow'],
  'test:cluster': ['scripts/test-cluster.mjs'],
  check: ['scripts/check.mjs'],
  bench: ['bench/bench.ts'],
  build: ['scripts/build.mjs'],
  image: ['scripts/image.mjs'],
  reference: ['scripts/reference.ts'],
  'demo:etcd': ['demo/etcd.ts'],
};

/** Hands signals on to the child and ends as it ends. */
function follow(child) {
  // A terminal sends Ctrl-C to the whole group by itself: handing it on would tell the child twice.
  const interrupt = () => process.stdin.isTTY || child.kill('SIGINT');
  process.on('SIGINT', interrupt);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`The locked Node does not start on this machine: ${error.message}.`));
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

async function main([name, ...words]) {
  // Typed here as behind npm, which takes it away: the test runner would take every word behind it for no filter.
  const given = words[0] === '--' ? words.slice(1) : words;
  const program = Object.hasOwn(PROGRAMS, name ?? '') ? PROGRAMS[name] : undefined;
  if (program === undefined) throw new Stop(`Usage: node scripts/run.mjs ${Object.keys(PROGRAMS).join('|')} [arguments]`);
  await ensureInstalled(ROOT);
  const node = findNode(ROOT);
  if (node === undefined) throw new Stop(missingNode());
  const cache = compileCache(ROOT);
  const [file, ...fixed] = program;
  follow(
    spawn(node, ['--max-semi-space-size=8', join(ROOT, file), ...fixed, ...given], {
      stdio: 'inherit',
      env: { ...process.env, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
    }),
  );
}

main(process.argv.slice(2)).catch((error) => fail(error instanceof Stop ? error.message : error.stack));
