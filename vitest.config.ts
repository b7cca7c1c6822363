// How `npm test` runs: every test of the repository but the slow ones and those on real clusters, each file in a process of its own.
import { configDefaults, defineConfig } from 'vitest/config';
import { countingReporter } from './scripts/closing-line.mjs';

const counts = process.env['CASEMATE_TEST_COUNTS'];

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/slow/**', 'test/cluster/suites/**'],
    // Processes rather than threads: LMDB is native code, and a crash in it must fail one file, not the run.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', ...(counts === undefined ? [] : [countingReporter(counts)])],
  },
});
