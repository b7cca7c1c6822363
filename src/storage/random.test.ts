// Random operations give the same answers in memory, in LMDB and in a plain model.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { exerciseRandomly } from '../../test/suites/storage-random.ts';
import { openLmdb } from './backends/lmdb.ts';
import { openMemory } from './backends/memory.ts';

it('answers random operations alike in every backend', async () => {
  const path = mkdtempSync(join(tmpdir(), 'casemate-random-'));
  const stores = { memory: openMemory(), lmdb: await openLmdb({ path }) };
  try {
    await exerciseRandomly(stores, 60);
  } finally {
    await Promise.all([stores.memory.close(), stores.lmdb.close()]);
    rmSync(path, { recursive: true });
  }
}, 60_000);
