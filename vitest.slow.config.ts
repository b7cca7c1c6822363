// How `npm run test:slow` runs: the long random and crash tests, one file after the other.
import { defineConfig } from 'vitest/config';
import { countingReporter } from './scripts/closing-line.mjs';

const counts = process.env['CASEMATE_TEST_COUNTS'];

export default defineConfig({
  test: {
    include: ['test/slow/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 30 * 60_000,
    hookTimeout: 10 * 60_000,
    reporters: ['default', ...(counts === undefined ? [] : [countingReporter(counts)])],
  },
});
