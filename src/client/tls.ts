// Reads the certificates that a client trusts and the one that it shows.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { ClientTls } from './transport.ts';

/** What a client trusts and shows, as files that are named and not yet read. */
export interface TlsFiles {
  readonly caCert?: string | undefined;
  /** PEM itself; counts before `caCert`. */
  readonly caBytes?: string | undefined;
  /** Folder; counts after `caCert`. */
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly serverName?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

/** `caBytes` counts before `caCert`, and that before `caPath`, a folder of PEM files. Throws Fault `usage` naming the file. */
export function readTls(files: TlsFiles): ClientTls {
  const { clientCert, clientKey, serverName, skipVerify } = files;
  if ((clientCert === undefined) !== (clientKey === undefined))
    throw new Fault('usage', 'both client cert and client key must be provided');
  const authorities = authoritiesOf(files);
  return {
    ...(authorities === undefined ? {} : { authorities }),
    ...(clientCert === undefined ? {} : { certificate: readPem(clientCert, 'client certificate') }),
    ...(clientKey === undefined ? {} : { key: readPem(clientKey, 'client key') }),
    ...(serverName === undefined ? {} : { serverName }),
    verify: skipVerify !== true,
  };
}

function authoritiesOf({ caBytes, caCert, caPath }: TlsFiles): readonly string[] | undefined {
  if (caBytes !== undefined) return [caBytes];
  if (caCert !== undefined) return [readPem(caCert, 'CA certificate')];
  if (caPath === undefined) return undefined;
  const found = filesUnder(caPath).map((file) => readPem(file, 'CA certificate'));
  if (found.length === 0) throw new Fault('usage', `no CA certificate stands in ${caPath}`);
  return found;
}

function filesUnder(folder: string): readonly string[] {
  return reading('CA folder', folder, () => readdirSync(folder).sort())
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function readPem(path: string, what: string): string {
  const text = reading(what, path, () => readFileSync(path, 'utf8'));
  if (!text.includes('-----BEGIN ')) throw new Fault('usage', `the ${what} ${path} is no PEM`);
  return text;
}

function reading<T>(what: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('usage', `cannot read the ${what} ${path}: ${code ?? 'unknown error'}`, { cause: thrown });
  }
}
