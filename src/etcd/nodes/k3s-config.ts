// The configuration file of k3s and RKE2, as far as it tells the flags of their kube-apiserver.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { type ApiserverFlags, flagPlaces, readFlags } from './manifest-flags.ts';
import { appended, removed, replaced, yamlDocument } from './manifest-splice.ts';

export interface K3sConfig {
  /** Only those that the file sets: the rest is k3s' own, and stands nowhere. */
  readonly flags: ApiserverFlags;
  /** `secrets-encryption: true`: k3s has an encryption configuration and stages of its own. RKE2 has them always. */
  readonly ownEncryption: boolean;
  /** `/var/lib/rancher/k3s` unless it is told. */
  readonly dataFolder?: string | undefined;
}

export interface K3sEncryption {
  readonly configPath: string;
  readonly automaticReload: boolean;
  /** For messages. */
  readonly path?: string | undefined;
}

const listKey = 'kube-apiserver-arg';
const configFlag = 'encryption-provider-config';
const reloadFlag = 'encryption-provider-config-automatic-reload';

/**
 * `files` in the order in which they count: `config.yaml`, then those of `config.yaml.d` by name. A later one's value takes the
 * place of an earlier one's, unless its key ends with `+`: then a list goes on. Throws Fault `invalid-request` that names the file.
 */
export function readK3sConfig(files: readonly { readonly path: string; readonly text: string }[]): K3sConfig {
  const values = files.reduce((merged, { path, text }) => mergedWith(merged, contentOf(text, path)), new Map<string, unknown>());
  const dataFolder = values.get('data-dir');
  return {
    flags: readFlags(entries(values.get(listKey)).map(asFlag)),
    ownEncryption: values.get('secrets-encryption') === true || values.get('secrets-encryption') === 'true',
    dataFolder: typeof dataFolder === 'string' ? dataFolder : undefined,
  };
}

/** The text of `config.yaml` with the two arguments; all else of it stays. An empty text is a file that is not there yet. */
export function withK3sEncryption(text: string, edit: K3sEncryption): string {
  const { path = 'config.yaml', configPath, automaticReload } = edit;
  if (!posix.isAbsolute(configPath)) throw new Fault('usage', `${configPath} is no absolute path: name the file on the node`);
  const named = withArgument(text, configFlag, configPath, path);
  return automaticReload ? withArgument(named, reloadFlag, 'true', path) : withoutArgument(named, reloadFlag, path);
}

/** The text of `config.yaml` without the two arguments. */
export function withoutK3sEncryption(text: string, { path = 'config.yaml' }: { readonly path?: string } = {}): string {
  return withoutArgument(withoutArgument(text, reloadFlag, path), configFlag, path);
}

function withArgument(text: string, name: string, value: string, path: string): string {
  const argument = `${name}=${value}`;
  const content = contentOf(text, path);
  if (content.size === 0) return `${text === '' || text.endsWith('\n') ? text : `${text}\n`}${listKey}:\n- ${argument}\n`;
  const key = content.has(listKey) || !content.has(`${listKey}+`) ? listKey : `${listKey}+`;
  const list = content.get(key);
  if (list !== undefined && !Array.isArray(list))
    throw new Fault('invalid-request', `${key} of ${path} is a single value: make it a list, so that another argument can be added`);
  const index = placeOf(list, name);
  return index === -1 ? appended(text, [key], argument, path) : replaced(text, [key, index], argument, path);
}

function withoutArgument(text: string, name: string, path: string): string {
  const content = contentOf(text, path);
  const key = [listKey, `${listKey}+`].find((each) => placeOf(content.get(each), name) !== -1);
  if (key === undefined) return text;
  const list = content.get(key);
  // A file with nothing but our list ends as an empty one.
  if (content.size === 1 && Array.isArray(list) && list.length === 1) return '';
  return withoutArgument(removed(text, [key, placeOf(list, name)], path), name, path);
}

function placeOf(list: unknown, name: string): number {
  return Array.isArray(list) ? list.findLastIndex((entry) => flagPlaces([asFlag(String(entry))])[0]?.name === name) : -1;
}

const asFlag = (argument: string): string => `--${argument.replace(/^--/, '')}`;

const entries = (value: unknown): readonly string[] => (value === undefined || value === null ? [] : [value].flat().map(String));

function mergedWith(merged: ReadonlyMap<string, unknown>, content: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const next = new Map(merged);
  for (const [key, value] of content) {
    const plain = key.replace(/\+$/, '');
    next.set(plain, plain === key ? value : [...entries(merged.get(plain)), ...entries(value)]);
  }
  return next;
}

function contentOf(text: string, path: string): ReadonlyMap<string, unknown> {
  if (text.replace(/#.*/g, '').trim() === '') return new Map();
  const content = yamlDocument(text, path).toJS() as unknown;
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new Fault('invalid-request', `${path} holds no configuration of k3s: it is a list of settings`);
  return new Map(Object.entries(content));
}
