// The shape of the secrets server's configuration, and what holds where the files say nothing.

import type { LogLevel } from '../log.ts';
import type { KeySource } from './key-source.ts';
import type { ListenerMetrics } from './listener-rest.ts';
import type { ProxyConfig } from './proxies.ts';
import type { ResponseHeaders } from './response-headers.ts';
import type { HeldSealType, SealHolder } from './seal-holder.ts';

export interface ServerConfig {
  readonly storage: StorageConfig;
  /** At least one. */
  readonly listeners: readonly ListenerConfig[];
  readonly seal: SealConfig;
  /** Devices that the operator wants whether or not they were enabled through the API. */
  readonly audits: readonly AuditConfig[];
  /** Audit files may be enabled through the API below it; undefined: nowhere. */
  readonly auditDirectory: string | undefined;
  /** How clients reach this server: `https://vault.example.com:8200`. */
  readonly apiAddress: string | undefined;
  readonly clusterAddress: string | undefined;
  readonly clusterName: string | undefined;
  /** Seconds; never longer than `maxLeaseTtl`. */
  readonly defaultLeaseTtl: number;
  /** Seconds. */
  readonly maxLeaseTtl: number;
  readonly lockouts: LockoutConfigs;
  readonly ui: boolean;
  readonly logLevel: LogLevel;
  /** Nothing decrypted is kept between two requests. */
  readonly disableCache: boolean;
  /** Upper bound of what is kept decrypted, bytes. */
  readonly cacheBytes: number;
  readonly pidFile: string | undefined;
  readonly telemetry: TelemetryConfig;
}

export interface LockoutConfigs {
  readonly all: LockoutConfig;
  /** By type of auth method, whole. */
  readonly methods: Readonly<Record<string, LockoutConfig>>;
}

/** Durations in seconds. */
export interface LockoutConfig {
  /** Failed logins that lock a user out. */
  readonly threshold: number;
  readonly duration: number;
  /** Without a failed login for as long, the count starts anew. */
  readonly counterReset: number;
  readonly disabled: boolean;
}

/** `file` is the name that Vault's users know; it is served by the same embedded LMDB store. */
export type StorageConfig = { readonly type: 'inmem' } | { readonly type: 'lmdb' | 'file'; readonly path: string };

export interface ListenerConfig {
  /** A name, an IPv4 address, or an IPv6 address without brackets; empty for all interfaces. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** In place of host and port. */
  readonly unix: UnixSocketConfig | undefined;
  /** Undefined where the operator switched TLS off. */
  readonly tls: TlsConfig | undefined;
  /** Of a request's body, bytes. */
  readonly maxRequestSize: number;
  /** From a request's start to its answer, ms. */
  readonly maxRequestDuration: number;
  /** Until the header of a request is there, ms; never longer than `readTimeout`. */
  readonly readHeaderTimeout: number;
  /** Until a whole request is there, ms. */
  readonly readTimeout: number;
  /** From a request's head to the end of its answer, ms; 0 is without limit. */
  readonly writeTimeout: number;
  /** Between two requests on one connection, ms. */
  readonly idleTimeout: number;
  readonly metrics: ListenerMetrics;
  /** Undefined where nobody may speak for others. */
  readonly proxies: ProxyConfig | undefined;
  readonly responseHeaders: ResponseHeaders;
  /** `sys/rekey/*` answers no request without a token. */
  readonly disableUnauthedRekey: boolean;
  /** `sys/generate-root/*` answers no request without a token. */
  readonly disableUnauthedGenerateRoot: boolean;
}

export interface UnixSocketConfig {
  readonly path: string;
  /** Undefined leaves it to the process's umask. */
  readonly mode: number | undefined;
  /** Numeric ids. */
  readonly user: number | undefined;
  readonly group: number | undefined;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** Of TLS 1.2, as OpenSSL writes them; undefined leaves the choice to it. */
  readonly cipherSuites: string | undefined;
  /** PEM of the authorities that client certificates are checked against; there whenever they are required. */
  readonly clientCaFile: string | undefined;
  /** `asked`: a client may show one, and connects without one too. */
  readonly clientCertificates: 'none' | 'asked' | 'required';
}

export type SealConfig =
  | { readonly type: 'shamir' }
  | { readonly type: 'static'; readonly current: SealKey; readonly previous?: SealKey }
  /** The key lies with somebody who opens the root key for this server. */
  | { readonly type: HeldSealType; readonly holder: SealHolder };

export interface SealKey {
  /** The operator's name for the key. */
  readonly id: string | undefined;
  readonly source: KeySource;
}

export interface AuditConfig {
  readonly type: 'file' | 'socket' | 'http';
  /** With the trailing slash. */
  readonly path: string;
  readonly description: string;
  /** As the operator wrote them; `file_path`, `address` or `uri` is always there. */
  readonly options: Readonly<Record<string, string>>;
}

export interface TelemetryConfig {
  /** How long a metric that nobody touches is still told, seconds. */
  readonly prometheusRetention: number;
  /** Metrics without the name of the host in front. */
  readonly disableHostname: boolean;
}

const day = 24 * 3600;

export const defaults = {
  address: { host: '127.0.0.1', port: 8200 },
  leaseTtl: 32 * day,
  cacheBytes: 64 * 1024 * 1024,
  prometheusRetention: day,
  maxRequestSize: 32 * 1024 * 1024,
  maxRequestDuration: 90_000,
  readHeaderTimeout: 10_000,
  readTimeout: 30_000,
  idleTimeout: 300_000,
} as const;
