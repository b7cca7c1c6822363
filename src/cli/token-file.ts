// The file that keeps the token of the last login: ~/.vault-token, shared with Vault's and OpenBao's commands.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ending } from './ending.ts';

export interface TokenFile {
  readonly path: string;
  /** Undefined when nobody logged in. */
  read(): string | undefined;
  /** Nobody else can read it, and nobody finds half of it. */
  write(token: string): void;
  erase(): void;
}

/** All throw Ending with exit code 2 when the file cannot be used. */
export function tokenFile(home: string): TokenFile {
  const path = join(home, '.vault-token');
  return {
    path,
    read() {
      try {
        const token = readFileSync(path, 'utf8').trim();
        return token === '' ? undefined : token;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw unusable('read', path, thrown);
      }
    },
    write(token) {
      const draft = `${path}.${process.pid}.tmp`;
      try {
        rmSync(draft, { force: true });
        writeFileSync(draft, token, { mode: 0o600, flag: 'wx' });
        renameSync(draft, path);
      } catch (thrown) {
        rmSync(draft, { force: true });
        throw unusable('write', path, thrown);
      }
    },
    erase() {
      try {
        rmSync(path, { force: true });
      } catch (thrown) {
        throw unusable('erase', path, thrown);
      }
    },
  };
}

function unusable(verb: string, path: string, thrown: unknown): Ending {
  const { code } = thrown as NodeJS.ErrnoException;
  return new Ending(`cannot ${verb} the token file ${path}: ${code ?? 'unknown error'}`, 2, { cause: thrown });
}
