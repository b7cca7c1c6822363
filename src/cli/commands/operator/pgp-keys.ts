// Public PGP keys from files, as sys/init takes them: binary keys in base64.

import { readFileSync } from 'node:fs';
import { Ending } from '../../ending.ts';

/** `list` is paths with commas between them; undefined or empty gives none. Throws Ending. */
export function pgpKeys(flag: string, list: string | undefined): readonly string[] {
  const paths = (list ?? '').split(',').map((path) => path.trim());
  return paths.filter((path) => path !== '').map((path) => pgpKey(flag, path));
}

/** A file holds the key armoured, in base64, or as it is. Throws Ending. */
function pgpKey(flag: string, path: string): string {
  if (path.startsWith('keybase:')) throw new Ending(`-${flag}: keys are not fetched from Keybase: save ${path} in a file and name that`);
  const bytes = contentsOf(flag, path.replace(/^@/, ''));
  const text = bytes.toString('latin1').trim();
  const armoured =
    /^-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:.+\r?\n)*\r?\n([A-Za-z0-9+/=\r\n]+?)(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END /.exec(
      text,
    )?.[1];
  if (armoured !== undefined) return armoured.replace(/[\r\n]/g, '');
  if (text.startsWith('-----')) throw new Ending(`-${flag}: ${path} holds no public PGP key`);
  return /^[A-Za-z0-9+/\r\n]+={0,2}$/.test(text) ? text.replace(/[\r\n]/g, '') : bytes.toString('base64');
}

function contentsOf(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Ending(`-${flag}: cannot read ${path}: ${code ?? 'unknown error'}`, 1, { cause: thrown });
  }
}
