// The memory backend passes the exercise suite.

import { exerciseStorage } from '../../../test/suites/storage.ts';
import { openMemory } from './memory.ts';

exerciseStorage('memory', async (options) => {
  const storage = openMemory(options);
  return { storage, cleanup: () => storage.close() };
});
