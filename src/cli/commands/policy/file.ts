// Reads the file of a policy.

import { readFile } from 'node:fs/promises';
import { Ending } from '../../ending.ts';

/** Throws Ending in Go's words. */
export async function readPolicyFile(path: string, exit: 1 | 2): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : (code ?? 'it cannot be read');
    throw new Ending(`Error opening policy file: open ${path}: ${why}`, exit, { cause: thrown });
  }
}
