// The LMDB backend passes the exercise suite, and what only a store on a disk can do wrong.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exerciseStorage } from '../../../test/suites/storage.ts';
import { openLmdb } from './lmdb.ts';

exerciseStorage('LMDB', async (options) => {
  const path = mkdtempSync(join(tmpdir(), 'casemate-lmdb-'));
  let storage = await openLmdb({ path, ...options });
  return {
    storage,
    async reopen() {
      await storage.close();
      storage = await openLmdb({ path });
      return storage;
    },
    async cleanup() {
      await storage.close();
      rmSync(path, { recursive: true });
    },
  };
});
