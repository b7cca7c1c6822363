// How `npm run test:cluster` runs: the suites on real Kubernetes clusters, each file with clusters of its own.
import { defineConfig } from 'vitest/config';
import { countingReporter } from './scripts/closing-line.mjs';

const counts = process.env['CASEMATE_TEST_COUNTS'];

export default defineConfig({
  test: {
    include: ['test/cluster/suites/**/*.test.ts'],
    pool: 'forks',
    // A start keeps two cores busy for seconds: more files at a time only make each of them late.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 180_000,
    reporters: ['default', ...(counts === undefined ? [] : [countingReporter(counts)])],
  },
});
