// From a configuration to the parts of a server process: store, key, listeners, settings.

import { isAbsolute, relative, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import type {
  ListenerConfig,
  LockoutConfig,
  LockoutConfigs,
  SealConfig,
  ServerConfig,
  StorageConfig,
  TlsConfig,
} from '../../base/config/config.ts';
import type { KeySource } from '../../base/config/key-source.ts';
import { sanitized } from '../../base/config/sanitized.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { apiVersion } from '../../base/version.ts';
import { parseBool } from '../../client/environment.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import type { TlsOptions } from '../../http/tls.ts';
import { keyFromFile, keyFromText, localBackend } from '../../keys/backends/local.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { openBackend } from '../../keys/open-backend.ts';
import type { ServerSettings } from '../../secrets/server.ts';
import { openLmdb } from '../../storage/backends/lmdb.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend } from '../../storage/storage.ts';
import { type ListenAt, type ProcessParts, readPem, serverFacts } from './process.ts';

/** Throws Faults in one sentence. */
export async function partsOf(config: ServerConfig, environment: NodeJS.ProcessEnv, log: Log): Promise<ProcessParts> {
  checkApart(config);
  const backend = await backendOf(config.seal, environment, log);
  const listenAt = config.listeners.map(listenerOf);
  const storage = await openStorage(config.storage);
  return { storage, backend, listenAt, log, settings: settingsOf(config, environment) };
}

/** Whoever may enable an audit device must not get to write among the files of the store. */
function checkApart({ storage, auditDirectory }: ServerConfig): void {
  if (storage.type === 'inmem' || auditDirectory === undefined) return;
  if (holds(auditDirectory, storage.path) || holds(storage.path, auditDirectory))
    throw new Fault(
      'usage',
      `audit_directory (${auditDirectory}) and the store (${storage.path}) must lie apart: name another folder for the audit files`,
    );
}

function holds(folder: string, path: string): boolean {
  const inside = relative(resolve(folder), resolve(path));
  return inside === '' || !(inside === '..' || inside.startsWith('../') || isAbsolute(inside));
}

export function openStorage(storage: StorageConfig): Promise<Backend> | Backend {
  return storage.type === 'inmem' ? openMemory() : openLmdb({ path: storage.path });
}

function settingsOf(config: ServerConfig, environment: NodeJS.ProcessEnv): ServerSettings {
  return {
    facts: serverFacts(apiVersion, config.storage.type, config.apiAddress ?? addressOf(config.listeners[0] as ListenerConfig)),
    ttl: { default: config.defaultLeaseTtl, max: config.maxLeaseTtl },
    lockouts: lockoutsOf(config.lockouts, environment),
    cacheBytes: config.disableCache ? 0 : config.cacheBytes,
    auditDirectory: config.auditDirectory,
    auditDevices: config.audits.map((audit) => ({ ...audit, reveal: (written) => revealed(written, environment) })),
    clusterName: config.clusterName,
    rootToken: undefined,
    firstMounts: [],
    sanitized: sanitized(config),
  };
}

/** Vault's variable, which overrules the configuration. Throws Fault `usage` for what is neither true nor false. */
function lockoutsOf(configured: LockoutConfigs, environment: NodeJS.ProcessEnv): LockoutConfigs {
  const given = environment['BAO_DISABLE_USER_LOCKOUT'] || environment['VAULT_DISABLE_USER_LOCKOUT'] || '';
  if (given === '') return configured;
  const disabled = parseBool(given);
  if (disabled === undefined) throw new Fault('usage', 'VAULT_DISABLE_USER_LOCKOUT must be true or false');
  const set = (config: LockoutConfig): LockoutConfig => ({ ...config, disabled });
  return {
    all: set(configured.all),
    methods: Object.fromEntries(Object.entries(configured.methods).map(([name, one]) => [name, set(one)])),
  };
}

/** What the API is called by those who ask the server for its address. */
function addressOf({ host, port, tls, unix }: ListenerConfig): string {
  if (unix !== undefined) return `unix://${unix.path}`;
  const name = host === '' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}`;
}

function listenerOf(listener: ListenerConfig): ListenAt {
  const { tls, unix, proxies, metrics } = listener;
  const closedTo = closedPaths(listener);
  return {
    host: listener.host,
    port: listener.port,
    ...(unix === undefined ? {} : { unix }),
    ...(tls === undefined ? {} : { tls: tlsOf(tls), renewTls: () => tlsOf(tls) }),
    limits: {
      headersTimeout: listener.readHeaderTimeout,
      requestTimeout: listener.readTimeout,
      keepAliveTimeout: listener.idleTimeout,
      writeTimeout: listener.writeTimeout,
    },
    maxBodyBytes: listener.maxRequestSize,
    maxDuration: listener.maxRequestDuration,
    ...(metrics.open ? { opens: 'metrics' as const } : {}),
    ...(proxies === undefined ? {} : { proxies }),
    ...(closedTo === undefined ? {} : { closedTo }),
    addedHeaders: addedHeaders(listener),
  };
}

/** Over TLS browsers are told to come back over TLS alone, as Vault tells them, unless the operator says something else. */
function addedHeaders({ tls, responseHeaders }: ListenerConfig): ListenerConfig['responseHeaders'] {
  const { default: given = {} } = responseHeaders;
  const isSet = Object.keys(given).some((name) => name.toLowerCase() === 'strict-transport-security');
  if (tls === undefined || isSet) return responseHeaders;
  return { ...responseHeaders, default: { ...given, 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } };
}

function closedPaths({
  metrics,
  disableUnauthedRekey,
  disableUnauthedGenerateRoot,
}: ListenerConfig): ((path: string) => boolean) | undefined {
  const closed: RegExp[] = [];
  if (metrics.shown === 'alone') closed.push(/^(?!sys\/metrics\/?$)/);
  if (metrics.shown === 'hidden') closed.push(/^sys\/metrics\/?$/);
  if (disableUnauthedRekey) closed.push(/^sys\/rekey(?:-recovery-key)?(?:\/|$)/);
  if (disableUnauthedGenerateRoot) closed.push(/^sys\/generate-(?:root|recovery-token)(?:\/|$)/);
  return closed.length === 0 ? undefined : (path) => closed.some((pattern) => pattern.test(path));
}

function tlsOf(tls: TlsConfig): TlsOptions {
  const { clientCaFile, clientCertificates, cipherSuites } = tls;
  const authorities =
    clientCaFile === undefined || clientCertificates !== 'required' ? undefined : readPem(clientCaFile, 'tls_client_ca_file');
  return {
    certificate: readPem(tls.certFile, 'tls_cert_file'),
    key: readPem(tls.keyFile, 'tls_key_file'),
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    clientCertificates,
    ...(cipherSuites === undefined ? {} : { cipherSuites }),
    ...(authorities === undefined ? {} : { clientAuthorities: authorities }),
  };
}

/** Secrets in the options of audit devices. Throws Fault `usage`, without repeating what stands there. */
function revealed(written: string, environment: NodeJS.ProcessEnv): string {
  if (written.startsWith('file://')) return readPem(written.slice('file://'.length), 'file of an audit option').toString().trim();
  if (!written.startsWith('env://')) return written;
  const name = written.slice('env://'.length);
  const text = environment[name];
  if (text === undefined || text === '')
    throw new Fault('usage', `the environment variable ${name}, which an audit stanza names, is not set`);
  return text;
}

async function backendOf(seal: SealConfig, environment: NodeJS.ProcessEnv, log: Log): Promise<KeyBackend | undefined> {
  if (seal.type === 'shamir') return undefined;
  if (seal.type !== 'static') return openBackend(seal.holder, { clock: systemClock, random: systemRandom, log, environment });
  const current = keyOf(seal.current.source, environment);
  return localBackend(
    { current, ...(seal.previous === undefined ? {} : { previous: keyOf(seal.previous.source, environment) }) },
    systemRandom,
  );
}

function keyOf(source: KeySource, environment: NodeJS.ProcessEnv): KeyObject {
  if (source.kind === 'file') return keyFromFile(source.path);
  if (source.kind === 'text') return keyFromText(source.reveal(), 'the seal stanza');
  const text = environment[source.name];
  if (text === undefined || text === '')
    throw new Fault('usage', `the environment variable ${source.name}, which the seal stanza names, is not set`);
  return keyFromText(text, `the environment variable ${source.name}`);
}
