// kill -9 in a storm of writes, 200 times (or CASEMATE_CRASH_ROUNDS times): the LMDB store keeps every promise.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { seededRandom } from '../suites/seeded-random.ts';
import { killRound, newStorm } from '../suites/storm.ts';

const rounds = Number(process.env['CASEMATE_CRASH_ROUNDS'] ?? 200);
const path = mkdtempSync(join(tmpdir(), 'casemate-crash-'));
const seed = Number(process.env['CASEMATE_CRASH_SEED'] ?? Date.now());

afterAll(() => rmSync(path, { recursive: true }));

it(`loses no acknowledged and no seen write in ${rounds} kills (CASEMATE_CRASH_SEED=${seed})`, async () => {
  const storm = newStorm();
  const random = seededRandom(seed);
  for (let round = 1; round <= rounds; round++) {
    const before = storm.acknowledged;
    await killRound(path, storm, random);
    expect([round, storm.acknowledged > before]).toEqual([round, true]);
  }
});
