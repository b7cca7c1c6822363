// A connection from within a pod: the address from the environment, token and authority from the files that the kubelet keeps fresh.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { type Connection, type Credentials, fileLifetime, kept, refuseClear } from './connection.ts';

/** Where the kubelet puts a service account's token, authority and namespace. */
export const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface PodConnectionOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The kubelet's by default. */
  readonly folder?: string | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Whether this process runs in a pod that has a service account's token. */
export function inPod({ env, folder = serviceAccountFolder }: Omit<PodConnectionOptions, 'now'>): boolean {
  return (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '' && existsSync(join(folder, 'token'));
}

/** Throws Fault `usage` outside a pod. Token and authority are read when they are needed, and again every ten seconds. */
export async function podConnection({ env, folder = serviceAccountFolder, now }: PodConnectionOptions): Promise<Connection> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === '') throw new Fault('usage', 'this is no pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set');
  const read = async (): Promise<Credentials> => {
    const [token, authorities] = await Promise.all([textOf(folder, 'token'), textOf(folder, 'ca.crt')]);
    if (token.trim() === '') throw new Fault('usage', `the service account's token in ${folder} is empty`);
    return { tls: { authorities, verify: true }, headers: { Authorization: `Bearer ${token.trim()}` } };
  };
  const files = kept(read, fileLifetime, now);
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: await textOf(folder, 'namespace').then(
      (text) => text.trim(),
      () => 'default',
    ),
    origin: `the service account in ${folder}`,
    credentials: files.get,
    renew: files.forget,
  };
}

async function textOf(folder: string, name: string): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Fault('usage', `cannot read the service account's ${name} in ${folder}: ${code ?? 'unknown error'}`, { cause: thrown });
  }
}

export interface KnownServer {
  readonly server: string;
  /** PEM. */
  readonly authorities?: string | undefined;
  readonly token: string;
  readonly serverName?: string | undefined;
}

/**
 * A connection to a server whose address and token somebody has written down, as in an auth method's configuration.
 * Throws Fault `usage` where the token would travel in clear.
 */
export function knownConnection({ server, authorities, token, serverName }: KnownServer): Connection {
  refuseClear(server, 'the configuration');
  const credentials: Credentials = {
    tls: { verify: true, ...(authorities === undefined ? {} : { authorities }), ...(serverName === undefined ? {} : { serverName }) },
    headers: { Authorization: `Bearer ${token}` },
  };
  return {
    server: server.replace(/\/+$/, ''),
    namespace: 'default',
    origin: 'the configured token',
    credentials: async () => credentials,
    renew: () => {},
  };
}
