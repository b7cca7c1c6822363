// From a configuration to the parts of a server process: store, key, listeners, settings.

import { isAbsolute, relative, resolve } from 'node:path';
import type { KeySource, ListenerConfig, SealConfig, ServerConfig, StorageConfig, TlsConfig } from '../../base/config/config.ts';
import { sanitized } from '../../base/config/sanitized.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import { apiVersion } from '../../base/version.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import type { TlsOptions } from '../../http/listener.ts';
import { keyFromFile, keyFromText, localBackend } from '../../keys/backends/local.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { ServerSettings } from '../../secrets/server.ts';
import { openLmdb } from '../../storage/backends/lmdb.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import type { Backend } from '../../storage/storage.ts';
import { type ListenAt, type ProcessParts, readPem, serverFacts } from './process.ts';

/** Throws Faults in one sentence. */
export async function partsOf(config: ServerConfig, environment: NodeJS.ProcessEnv, log: Log): Promise<ProcessParts> {
  checkApart(config);
  const backend = backendOf(config.seal, environment);
  const listenAt = config.listeners.map(listenerOf);
  const storage = await openStorage(config.storage);
  return { storage, backend, listenAt, log, settings: settingsOf(config) };
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

function settingsOf(config: ServerConfig): ServerSettings {
  return {
    facts: serverFacts(apiVersion, config.storage.type, config.apiAddress ?? addressOf(config.listeners[0] as ListenerConfig)),
    ttl: { default: config.defaultLeaseTtl, max: config.maxLeaseTtl },
    cacheBytes: config.disableCache ? 0 : config.cacheBytes,
    auditDirectory: config.auditDirectory,
    auditDevices: config.audits,
    clusterName: config.clusterName,
    rootToken: undefined,
    firstMounts: [],
    sanitized: sanitized(config),
  };
}

function addressOf({ host, port, tls }: ListenerConfig): string {
  const name = host === '' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}`;
}

function listenerOf(listener: ListenerConfig): ListenAt {
  return {
    host: listener.host,
    port: listener.port,
    ...(listener.tls === undefined ? {} : { tls: tlsOf(listener.tls) }),
    limits: { headersTimeout: listener.readHeaderTimeout, requestTimeout: listener.readTimeout, keepAliveTimeout: listener.idleTimeout },
    maxBodyBytes: listener.maxRequestSize,
    ...(listener.unauthenticatedMetrics ? { opens: 'metrics' as const } : {}),
  };
}

function tlsOf(tls: TlsConfig): TlsOptions {
  const authorities = tls.clientCaFile === undefined ? undefined : readPem(tls.clientCaFile, 'tls_client_ca_file');
  return {
    certificate: readPem(tls.certFile, 'tls_cert_file'),
    key: readPem(tls.keyFile, 'tls_key_file'),
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    ...(authorities === undefined || tls.clientCertificates !== 'required' ? {} : { clientAuthorities: authorities }),
  };
}

function backendOf(seal: SealConfig, environment: NodeJS.ProcessEnv): KeyBackend | undefined {
  if (seal.type === 'shamir') return undefined;
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
