// What can be said about an audit device: the form of its lines, and for a file device where the file lies.

import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { Fault } from '../../base/fault.ts';

export type DeviceOptions = Readonly<Record<string, string>>;

/** What every device takes. */
export interface LineForm {
  readonly raw: boolean;
  readonly hmacAccessor: boolean;
  readonly elideListResponses: boolean;
  readonly prefix: string;
}

export interface FileOptions {
  /** An absolute path, or `stdout`. */
  readonly path: string;
  readonly mode: number;
}

const privateMode = 0o600;
const trues = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falses = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** Throws Fault `invalid-request` for an option that cannot be read. */
export function readLineForm(options: DeviceOptions): LineForm {
  const format = options['format'] ?? 'json';
  if (format !== 'json') throw new Fault('invalid-request', `unknown format type ${JSON.stringify(format)}; leave it out, or use json`);
  return {
    raw: flag(options, 'log_raw', false),
    hmacAccessor: flag(options, 'hmac_accessor', true),
    elideListResponses: flag(options, 'elide_list_responses', false),
    prefix: options['prefix'] ?? '',
  };
}

/** Throws Fault `invalid-request` for an option that cannot be read. */
export function readFileOptions(options: DeviceOptions): FileOptions {
  return { path: wantedPath(options), mode: modeOf(options['mode']) };
}

/** Throws Fault `invalid-request` for a word that is neither. */
export function flag(options: DeviceOptions, name: string, otherwise: boolean): boolean {
  const value = options[name];
  if (value === undefined) return otherwise;
  if (trues.has(value)) return true;
  if (falses.has(value)) return false;
  throw new Fault('invalid-request', `the option ${name} must be true or false`);
}

function modeOf(text: string | undefined): number {
  if (text === undefined) return privateMode;
  if (!/^[0-7]{1,4}$/.test(text) || Number.parseInt(text, 8) > 0o777)
    throw new Fault('invalid-request', 'the option mode must be an octal number such as 0600');
  // OpenBao reads mode 0000 as "leave the file's mode as it is"; private is the safer reading. Nobody executes a log.
  return Number.parseInt(text, 8) & ~0o111 || privateMode;
}

/** `path` is the older name. Throws Fault `invalid-request` when there is none. */
function wantedPath(options: DeviceOptions): string {
  const wanted = options['file_path'] ?? options['path'] ?? '';
  if (wanted === '') throw new Fault('invalid-request', 'file_path is required');
  return wanted.toLowerCase() === 'stdout' ? 'stdout' : wanted;
}

/**
 * Whoever may enable a device through the API must not get to write files anywhere (CVE-2025-54997): the full path of a
 * file below the directory, by name and after all symbolic links. Throws Fault `invalid-request`.
 */
export async function allowedPath(options: DeviceOptions, directory: string | undefined): Promise<string> {
  const wanted = wantedPath(options);
  if (wanted === 'stdout') return wanted;
  if (directory === undefined)
    throw new Fault(
      'invalid-request',
      'audit files can be enabled only where the configuration names a directory for them: set audit_directory, or use file_path=stdout',
    );
  if (wanted.includes('\0') || wanted.endsWith('/')) throw new Fault('invalid-request', 'file_path must name a file');
  const full = isAbsolute(wanted) ? resolve(wanted) : resolve(directory, wanted);
  if (!isBelow(resolve(directory), full)) throw outside();
  const [realDirectory, realParent] = await Promise.all([real(directory), real(dirname(full))]);
  if (realParent !== realDirectory && !isBelow(realDirectory, realParent)) throw outside();
  return full;
}

function isBelow(directory: string, path: string): boolean {
  const inside = relative(directory, path);
  return inside !== '' && inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside);
}

function outside(): Fault {
  return new Fault('invalid-request', 'the audit file must lie below the directory that the configuration names in audit_directory');
}

async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (thrown) {
    throw new Fault('invalid-request', 'sanity check failed; the directory of the audit file is not there', { cause: thrown });
  }
}
