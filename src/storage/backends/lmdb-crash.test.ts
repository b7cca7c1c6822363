// A few rounds of what test/slow/crash.test.ts does at length: processes are killed while they write, and nothing known is lost.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../test/suites/seeded-random.ts';
import { killRound, newStorm } from '../../../test/suites/storm.ts';

it('loses nothing that was acknowledged or seen when its processes are killed', async () => {
  const path = mkdtempSync(join(tmpdir(), 'casemate-crash-'));
  const storm = newStorm();
  try {
    for (let round = 1; round <= 4; round++) await killRound(path, storm, seededRandom(Date.now()));
    expect(storm.acknowledged).toBeGreaterThan(0);
  } finally {
    rmSync(path, { recursive: true });
  }
}, 60_000);
