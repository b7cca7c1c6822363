// The environment's variables for clients: each under three names, CASEMATE_ first, then BAO_ and VAULT_.

import { parseDurationMilliseconds } from '../base/durations.ts';
import { Fault } from '../base/fault.ts';
import type { ClientOptions } from './client.ts';
import { readTls, type TlsFiles } from './tls.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const prefixes = ['CASEMATE_', 'BAO_', 'VAULT_'] as const;

/** Full name of the variable that counts (`BAO_TOKEN`); an empty one counts as absent. */
export function variableName(env: Environment, name: string): string | undefined {
  return prefixes.map((prefix) => prefix + name).find((full) => (env[full] ?? '') !== '');
}

export function variable(env: Environment, name: string): string | undefined {
  const full = variableName(env, name);
  return full === undefined ? undefined : env[full];
}

/** Go's strconv.ParseBool; undefined for anything else. */
export function parseBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text) ? false : undefined;
}

/** The development server's, which speaks plain HTTP and is the one that is there when nothing is set. */
export const defaultAddress = 'http://127.0.0.1:8200';

/** Where and how to reach a server. Files are named, not read. */
export interface Connection extends TlsFiles {
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly namespace?: string | undefined;
  readonly wrapTtl?: string | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  readonly retries?: number | undefined;
  readonly redirects?: boolean | undefined;
  readonly proxies?: Environment | undefined;
}

/** Throws Fault `usage` that names the variable whose value makes no sense. */
export function connectionFrom(env: Environment): Connection {
  const value = (name: string) => variable(env, name);
  const read = <T>(name: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = value(name);
    const parsed = text === undefined ? undefined : parse(text);
    if (text !== undefined && parsed === undefined) throw new Fault('usage', `could not parse ${variableName(env, name)}`);
    return parsed;
  };
  const proxy = value('PROXY_ADDR') ?? value('HTTP_PROXY');
  return {
    address: value('AGENT_ADDR') ?? value('ADDR'),
    token: value('TOKEN'),
    namespace: value('NAMESPACE'),
    wrapTtl: value('WRAP_TTL'),
    caCert: value('CACERT'),
    caBytes: value('CACERT_BYTES'),
    caPath: value('CAPATH'),
    clientCert: value('CLIENT_CERT'),
    clientKey: value('CLIENT_KEY'),
    serverName: value('TLS_SERVER_NAME'),
    skipVerify: read('SKIP_VERIFY', parseBool),
    timeout: read('CLIENT_TIMEOUT', milliseconds),
    retries: read('MAX_RETRIES', (text) => (/^\d{1,6}$/.test(text) ? Number(text) : undefined)),
    redirects: read('DISABLE_REDIRECTS', parseBool) === true ? false : undefined,
    proxies: proxy === undefined ? env : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy },
  };
}

/** Reads the files of a connection. Throws Fault `usage` in one sentence. */
export function clientOptions(connection: Connection): ClientOptions {
  return {
    address: connection.address ?? defaultAddress,
    token: connection.token,
    namespace: connection.namespace,
    wrapTtl: connection.wrapTtl,
    tls: readTls(connection),
    timeout: connection.timeout,
    retries: connection.retries,
    redirects: connection.redirects,
    proxies: connection.proxies,
  };
}

function milliseconds(text: string): number | undefined {
  try {
    return parseDurationMilliseconds(text);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
