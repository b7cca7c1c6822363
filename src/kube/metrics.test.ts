// Prometheus' text format, as far as it is read.

import { expect, test } from 'vitest';
import { samplesOf } from './metrics.ts';

const text = `# HELP loads_total Loads of loads_total.
# TYPE loads_total counter
loads_total{hash="sha256:ab",note="a \\"b\\" \\\\ c"} 3
loads_total_more 9
loads_total 4.5e+06
last 1`;

test('a metric is found by its whole name, with its labels', () => {
  expect(samplesOf(text, 'loads_total')).toEqual([
    { labels: { hash: 'sha256:ab', note: 'a "b" \\ c' }, value: 3 },
    { labels: {}, value: 4_500_000 },
  ]);
  expect(samplesOf(text, 'last')).toEqual([{ labels: {}, value: 1 }]);
});

test('a metric that is not served has no samples', () => {
  expect(samplesOf(text, 'loads')).toEqual([]);
  expect(samplesOf('', 'loads_total')).toEqual([]);
});
