// The file of `casemate kms`: ours in HCL or JSON, or that of JD Cloud's plugin; secrets in it are read again when it changes.

import { readFileSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type KmsConfig, readKmsConfig } from '../../base/config/kms.ts';
import { readJdcloudConfig } from '../../base/config/kms-jdcloud.ts';
import { Fault } from '../../base/fault.ts';

/** Throws Fault `usage` in a sentence: also for a file that holds secrets and may be read by others. */
export function loadKmsConfig(path: string): KmsConfig {
  const read = (): KmsConfig => {
    const { text, mode } = contentOf(path);
    const config = readJdcloudConfig({ path, text }) ?? readKmsConfig({ path, text });
    const secrets = secretsIn(config);
    if ((mode & 0o022) !== 0) throw new Fault('usage', `${path} may be written by others; chmod it to 0600`);
    if (secrets.size > 0 && (mode & 0o077) !== 0)
      throw new Fault('usage', `${path} holds secrets and may be read by others; chmod it to 0600`);
    return config;
  };
  const first = read();
  let latest = secretsIn(first);
  let seen = signOf(path);
  /** What stands there now; what stood there before, while somebody is in the middle of writing it. */
  const fresh = (): ReadonlyMap<string, () => string> => {
    const sign = signOf(path);
    if (sign === seen) return latest;
    try {
      latest = secretsIn(read());
      seen = sign;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
    }
    return latest;
  };
  return followed(first, (place, old) => () => (fresh().get(place) ?? old)()) as KmsConfig;
}

function contentOf(path: string): { readonly text: string; readonly mode: number } {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Fault('usage', `${path} is a folder; name the file`);
    if (stat.size > mostBytes) throw new Fault('usage', `${path} is larger than a configuration can be`);
    return { text: readFileSync(path, 'utf8'), mode: stat.mode };
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const { code } = thrown as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : `it cannot be read (${code})`;
    throw new Fault('usage', `${resolve(path)}: ${reason}`, { cause: thrown });
  }
}

const mostBytes = 512 * 1024;

/** Tells one content from another without reading it. */
function signOf(path: string): string {
  const stat: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}/${stat.size}/${stat.mtimeMs}`;
}

/** Secrets that stand in the configuration itself, by their place in it. */
function secretsIn(config: KmsConfig): Map<string, () => string> {
  const found = new Map<string, () => string>();
  followed(config, (place, reveal) => {
    found.set(place, reveal);
    return reveal;
  });
  return found;
}

/** A copy in which each secret is revealed by what `replace` makes of its place and its own function. */
function followed(value: unknown, replace: (place: string, reveal: () => string) => () => string, place = ''): unknown {
  if (typeof value === 'function') return replace(place, value as () => string);
  if (Array.isArray(value)) return value.map((item, index) => followed(item, replace, `${place}/${index}`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, followed(item, replace, `${place}/${name}`)]));
}
