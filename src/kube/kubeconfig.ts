// Reads kubeconfig files as kubectl does: several are merged, the first to name a thing wins, paths are relative to their file.

import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { Fault } from '../base/fault.ts';

export interface Cluster {
  readonly server: string;
  readonly authorityFile?: string | undefined;
  /** PEM. */
  readonly authority?: string | undefined;
  readonly serverName?: string | undefined;
  readonly proxyUrl?: string | undefined;
  readonly skipVerify: boolean;
}

/** A program that makes credentials (client.authentication.k8s.io). */
export interface CredentialPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly provideClusterInfo: boolean;
}

export interface User {
  readonly certificateFile?: string | undefined;
  readonly certificate?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly impersonate: Readonly<Record<string, string | readonly string[]>>;
  readonly plugin?: CredentialPlugin | undefined;
  /** Of the kind that came before plugins: OIDC and old clouds. */
  readonly provider?: { readonly name: string; readonly config: Readonly<Record<string, unknown>> } | undefined;
}

/** The one context that counts, with what it points at. */
export interface Context {
  readonly name: string;
  readonly namespace: string;
  /** The file that the context's cluster stands in. */
  readonly file: string;
  readonly cluster: Cluster;
  readonly userName: string;
  readonly user: User;
}

type Fields = Readonly<Record<string, unknown>>;

interface Entry {
  readonly fields: Fields;
  readonly file: string;
}

/**
 * `context` is a name, or undefined for the current one. A file that is missing is passed over unless all are.
 * Throws Fault `usage` that names file and field.
 */
export function readKubeconfig(files: readonly string[], context: string | undefined): Context {
  const read = files.map((file) => ({ file, text: textOf(file) })).filter(({ text }) => text !== undefined);
  if (read.length === 0) throw new Fault('usage', `no kubeconfig stands at ${files.join(' or ')}`);
  const documents = read.map(({ file, text }) => ({ file, document: documentOf(file, text as string) }));
  const find = (list: string, member: string, name: string): Entry | undefined => {
    for (const { file, document } of documents) {
      for (const entry of entriesOf(file, document, list)) if (entry['name'] === name) return { fields: fieldsOf(entry[member]), file };
    }
    return undefined;
  };
  const name = context ?? documents.map(({ document }) => textAt(document, 'current-context')).find((each) => each !== undefined);
  const where = read.map(({ file }) => file).join(', ');
  if (name === undefined) throw new Fault('usage', `${where} has no current context: name one`);
  const found = find('contexts', 'context', name);
  if (found === undefined) throw new Fault('usage', `${where} has no context ${JSON.stringify(name)}`);
  const pointed = (list: string, member: string): Entry & { readonly name: string } => {
    const target = textAt(found.fields, member) ?? '';
    const entry = find(list, member, target);
    if (entry === undefined)
      throw new Fault('usage', `context ${JSON.stringify(name)} of ${found.file} names a ${member} that is not there`);
    return { ...entry, name: target };
  };
  const cluster = pointed('clusters', 'cluster');
  const user = textAt(found.fields, 'user') === undefined ? undefined : pointed('users', 'user');
  return {
    name,
    namespace: textAt(found.fields, 'namespace') ?? 'default',
    file: cluster.file,
    cluster: clusterOf(cluster),
    userName: user?.name ?? '',
    user: user === undefined ? { impersonate: {} } : userOf(user),
  };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Fault('usage', `cannot read the kubeconfig ${file}: ${code ?? 'unknown error'}`, { cause: thrown });
  }
}

function documentOf(file: string, text: string): Fields {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    // The parser's own message shows the line, which may be a token.
    throw new Fault('usage', `the kubeconfig ${file} is no YAML`);
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) throw new Fault('usage', `the kubeconfig ${file} holds no configuration`);
  return document as Fields;
}

function entriesOf(file: string, document: Fields, list: string): readonly Fields[] {
  const entries = document[list] ?? [];
  if (!Array.isArray(entries)) throw new Fault('usage', `${list} of the kubeconfig ${file} is no list`);
  return entries.map(fieldsOf);
}

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function textAt(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return value === undefined || value === null || value === '' ? undefined : String(value);
}

function clusterOf({ fields, file }: Entry): Cluster {
  const server = textAt(fields, 'server');
  if (server === undefined || !URL.canParse(server) || !/^https?:/.test(server))
    throw new Fault('usage', `a cluster of the kubeconfig ${file} has no server such as https://host:6443`);
  return {
    server: server.replace(/\/+$/, ''),
    authorityFile: pathAt(fields, 'certificate-authority', file),
    authority: pemAt(fields, 'certificate-authority-data', file),
    serverName: textAt(fields, 'tls-server-name'),
    proxyUrl: textAt(fields, 'proxy-url'),
    skipVerify: fields['insecure-skip-tls-verify'] === true,
  };
}

function userOf({ fields, file }: Entry): User {
  const provider = fields['auth-provider'];
  return {
    certificateFile: pathAt(fields, 'client-certificate', file),
    certificate: pemAt(fields, 'client-certificate-data', file),
    keyFile: pathAt(fields, 'client-key', file),
    key: pemAt(fields, 'client-key-data', file),
    token: textAt(fields, 'token'),
    tokenFile: pathAt(fields, 'tokenFile', file),
    username: textAt(fields, 'username'),
    password: textAt(fields, 'password'),
    impersonate: impersonationOf(fields),
    plugin: fields['exec'] === undefined || fields['exec'] === null ? undefined : pluginOf(fieldsOf(fields['exec']), file),
    provider:
      provider === undefined || provider === null
        ? undefined
        : { name: textAt(fieldsOf(provider), 'name') ?? '', config: fieldsOf(fieldsOf(provider)['config']) },
  };
}

function impersonationOf(fields: Fields): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = {};
  const user = textAt(fields, 'as');
  if (user === undefined) return headers;
  headers['Impersonate-User'] = user;
  const uid = textAt(fields, 'as-uid');
  if (uid !== undefined) headers['Impersonate-Uid'] = uid;
  const groups = fields['as-groups'];
  if (Array.isArray(groups)) headers['Impersonate-Group'] = groups.map(String);
  for (const [name, values] of Object.entries(fieldsOf(fields['as-user-extra']))) {
    if (Array.isArray(values)) headers[`Impersonate-Extra-${encodeURIComponent(name)}`] = values.map(String);
  }
  return headers;
}

function pluginOf(fields: Fields, file: string): CredentialPlugin {
  const command = textAt(fields, 'command');
  if (command === undefined) throw new Fault('usage', `a user of the kubeconfig ${file} has an exec without a command`);
  const list = (name: string): readonly unknown[] => (Array.isArray(fields[name]) ? (fields[name] as readonly unknown[]) : []);
  return {
    apiVersion: textAt(fields, 'apiVersion') ?? 'client.authentication.k8s.io/v1',
    // Without a slash it is looked for in PATH; with one it is relative to the file (client-go, ResolveLocalPaths).
    command: command.includes('/') ? beside(file, command) : command,
    args: list('args').map(String),
    env: list('env').map((entry) => ({ name: textAt(fieldsOf(entry), 'name') ?? '', value: textAt(fieldsOf(entry), 'value') ?? '' })),
    provideClusterInfo: fields['provideClusterInfo'] === true,
  };
}

function pathAt(fields: Fields, name: string, file: string): string | undefined {
  const path = textAt(fields, name);
  return path === undefined ? undefined : beside(file, path);
}

function beside(file: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(file), path);
}

function pemAt(fields: Fields, name: string, file: string): string | undefined {
  const text = textAt(fields, name);
  if (text === undefined) return undefined;
  const pem = Buffer.from(text, 'base64').toString();
  if (!pem.includes('-----BEGIN ')) throw new Fault('usage', `${name} in the kubeconfig ${file} is no PEM in base64`);
  return pem;
}
