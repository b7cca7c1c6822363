// The development server's data folder: a store that unseals itself, with the key and the first root token beside it.

import { accessSync, constants, existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { randomBase62 } from '../../base/random.ts';
import { systemRandom } from '../../crypto/random.ts';
import { keyFromFile, localBackend } from '../../keys/backends/local.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { NewMount } from '../../secrets/mounts/mounts.ts';
import type { SecretsServer } from '../../secrets/server.ts';

export interface DataFolder {
  readonly path: string;
  /** Folder of the LMDB store. */
  readonly store: string;
  /** Audit files may be enabled below it: apart from the key and the token, which no audit device may write to. */
  readonly audit: string;
  /** Holds the first root token, 0600. */
  readonly rootTokenFile: string;
  readonly backend: KeyBackend;
  /** The first root token, known before the store is made: a crash in between leaves no store without its token. */
  readonly rootToken: string;
}

/** Stands in front of the key, which readers of key files know to skip. */
const keyNotice = [
  '# For development only: whoever reads this file can decrypt everything in this folder.',
  '# A server for real work keeps its key elsewhere: see the guide on seals.',
];

/** Makes what is missing, each file 0600 and all at once. Throws Fault `usage` in one sentence. */
export function openDataFolder(path: string): DataFolder {
  prepare(path);
  const keyFile = join(path, 'unseal-key');
  const rootTokenFile = join(path, 'root-token');
  const store = join(path, 'store');
  const audit = join(path, 'audit');
  prepare(audit);
  if (!existsSync(keyFile) && existsSync(store))
    throw new Fault(
      'usage',
      `the data folder ${path} holds a store, but its unseal-key file is gone: put it back, or choose another folder`,
    );
  writeOnce(keyFile, () => `${keyNotice.join('\n')}\n${Buffer.from(systemRandom(32)).toString('base64')}\n`);
  writeOnce(rootTokenFile, () => `hvs.${randomBase62(systemRandom, 24)}\n`);
  const rootToken = readFileSync(rootTokenFile, 'utf8').trim();
  return { path, store, audit, rootTokenFile, rootToken, backend: localBackend({ current: keyFromFile(keyFile) }, systemRandom) };
}

function prepare(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (!statSync(path).isDirectory()) throw new Error('not a folder');
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    const reason =
      code === 'EROFS'
        ? 'it is on a read-only file system'
        : code === 'EEXIST' || code === 'ENOTDIR'
          ? 'it is not a folder'
          : 'this user may not write there';
    throw new Fault('usage', `the data folder ${path} cannot be used: ${reason}; choose another with -data=`, { cause: thrown });
  }
}

/** Written beside and linked into place: a file that is there is whole, and of two starters one wins. */
function writeOnce(path: string, content: () => string): void {
  if (existsSync(path)) return;
  const beside = `${path}.${process.pid}`;
  try {
    writeFileSync(beside, content(), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(beside, path);
  } catch (thrown) {
    if (existsSync(path)) return;
    throw new Fault('usage', `the file ${path} cannot be written; choose another data folder with -data=`, { cause: thrown });
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Mounted in every new development store. */
export const firstMounts: readonly NewMount[] = [
  { table: 'secret', path: 'secret/', type: 'kv', options: { version: '2' }, description: 'key/value secret storage' },
];

/** Initialises a new store, or unseals the one that is there. Resolves to whether it was new. */
export async function prepareDevelopment(server: SecretsServer): Promise<boolean> {
  if (await server.unsealWithBackend(AbortSignal.timeout(30_000))) return false;
  await server.initialize({});
  return true;
}
