// A connection from a kubeconfig's context: files and plugins are asked again when what they gave has grown old.

import { readFile } from 'node:fs/promises';
import { Fault } from '../base/fault.ts';
import { type Connection, type Credentials, fileLifetime, kept, refuseClear, type TlsMaterial, unlessAborted } from './connection.ts';
import type { Cluster, Context, User } from './kubeconfig.ts';
import { credentialMaker, type MadeCredentials, socksAgent } from './library.ts';

export interface ContextConnectionOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Throws Fault `usage` where a secret would travel in clear over the network. */
export function contextConnection(context: Context, { now }: ContextConnectionOptions): Connection {
  const { cluster, user, userName } = context;
  if (showsSecret(user)) refuseClear(cluster.server, originOf(context));
  let maker: Promise<() => Promise<MadeCredentials>> | undefined;
  const made = async (signal: AbortSignal): Promise<MadeCredentials> => {
    if (user.plugin === undefined && user.provider === undefined) return {};
    maker ??= credentialMaker(cluster, user, userName);
    const make = maker;
    try {
      return await unlessAborted(
        make.then((run) => run()),
        signal,
      );
    } catch (thrown) {
      // The library keeps what a plugin printed, even when that was no credential.
      if (maker === make) maker = undefined;
      throw thrown;
    }
  };
  const files = kept(() => readFiles(context), fileLifetime, now);
  return {
    server: cluster.server,
    namespace: context.namespace,
    origin: originOf(context),
    ...proxyOf(cluster),
    async credentials(signal) {
      const [read, fresh] = await Promise.all([files.get(signal), made(signal)]);
      return combined(context, read, fresh);
    },
    renew() {
      maker = undefined;
      files.forget();
    },
  };
}

function proxyOf({ server, proxyUrl }: Cluster): Pick<Connection, 'proxyUrl' | 'agent'> {
  if (proxyUrl === undefined) return {};
  return proxyUrl.startsWith('socks') ? { proxyUrl, agent: (tls) => socksAgent(server, proxyUrl, tls) } : { proxyUrl };
}

function originOf({ name, file }: Context): string {
  return `context ${JSON.stringify(name)} of ${file}`;
}

interface Read {
  readonly authorities?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
}

async function readFiles({ cluster, user }: Context): Promise<Read> {
  const [authorities, certificate, key, token] = await Promise.all([
    cluster.authority ?? textOf(cluster.authorityFile, 'certificate authority'),
    user.certificate ?? textOf(user.certificateFile, 'client certificate'),
    user.key ?? textOf(user.keyFile, 'client key'),
    textOf(user.tokenFile, 'token'),
  ]);
  return { authorities, certificate, key, token: token?.trim() ?? user.token };
}

async function textOf(file: string | undefined, what: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('usage', `cannot read the ${what} ${file}: ${code ?? 'unknown error'}`, { cause: thrown });
  }
}

function combined({ cluster, user }: Context, read: Read, made: MadeCredentials): Credentials {
  const certificate = made.certificate ?? read.certificate;
  const key = made.key ?? read.key;
  const tls: TlsMaterial = {
    verify: !cluster.skipVerify,
    ...(read.authorities === undefined ? {} : { authorities: read.authorities }),
    ...(cluster.serverName === undefined ? {} : { serverName: cluster.serverName }),
    ...(certificate === undefined || key === undefined ? {} : { certificate, key }),
  };
  const authorization = authorizationOf(user, made.token ?? read.token);
  return { tls, headers: { ...(authorization === undefined ? {} : { Authorization: authorization }), ...user.impersonate } };
}

function authorizationOf({ username, password }: User, token: string | undefined): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  return username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

function showsSecret({ token, tokenFile, username, plugin, provider }: User): boolean {
  return [token, tokenFile, username, plugin, provider].some((each) => each !== undefined);
}
