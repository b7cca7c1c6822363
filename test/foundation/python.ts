// Finds the Python that has hvac; scripts/fixtures/python.mjs installs it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'casemate', 'python');

/** The sentence for tests that are skipped because hvac is not there. */
export const NO_HVAC = 'hvac is not installed: run node scripts/fixtures/python.mjs';

/** The path of a Python interpreter that can import hvac; undefined when it is not installed. */
export function pythonWithHvac(): string | undefined {
  const python = join(FOLDER, 'bin', 'python');
  return existsSync(join(FOLDER, 'installed')) && existsSync(python) ? python : undefined;
}
