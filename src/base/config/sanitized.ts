// The configuration without its secrets, under the names that sys/config/state/sanitized has in Vault.

import { formatGoDuration } from '../durations.ts';
import type { ListenerConfig, ServerConfig, TlsVersion } from './config.ts';

/** Durations of leases in seconds, those of a listener as Go writes them; what this server does not have shows Vault's resting value. */
export function sanitized(config: ServerConfig): Record<string, unknown> {
  const shared = {
    redirect_addr: config.apiAddress ?? '',
    cluster_addr: config.clusterAddress ?? '',
    disable_clustering: false,
  };
  return {
    api_addr: config.apiAddress ?? '',
    audit_directory: config.auditDirectory ?? '',
    ...(config.audits.length === 0 ? {} : { audits: config.audits.map(({ type, path, description }) => ({ type, path, description })) }),
    cache_bytes: config.cacheBytes,
    cache_size: 0,
    cluster_addr: config.clusterAddress ?? '',
    cluster_cipher_suites: '',
    cluster_name: config.clusterName ?? '',
    default_lease_ttl: config.defaultLeaseTtl,
    default_max_request_duration: 0,
    disable_cache: config.disableCache,
    disable_clustering: false,
    disable_indexing: false,
    disable_mlock: true,
    disable_performance_standby: false,
    disable_printable_check: false,
    disable_sealwrap: false,
    enable_ui: config.ui,
    listeners: config.listeners.map((listener) => ({
      config: sanitizedListener(listener),
      type: listener.unix === undefined ? 'tcp' : 'unix',
    })),
    log_format: 'json',
    log_level: config.logLevel,
    max_lease_ttl: config.maxLeaseTtl,
    pid_file: config.pidFile ?? '',
    plugin_directory: '',
    raw_storage_endpoint: false,
    seals: [{ disabled: false, type: config.seal.type }],
    storage: { type: config.storage.type, ...shared },
    telemetry: {
      disable_hostname: config.telemetry.disableHostname,
      prometheus_retention_time: config.telemetry.prometheusRetention,
    },
  };
}

function sanitizedListener(listener: ListenerConfig): Record<string, unknown> {
  const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
  return {
    address: listener.unix?.path ?? `${host}:${listener.port}`,
    disable_unauthed_generate_root_endpoints: listener.disableUnauthedGenerateRoot,
    disable_unauthed_rekey_endpoints: listener.disableUnauthedRekey,
    http_idle_timeout: formatGoDuration(listener.idleTimeout / 1000),
    http_read_header_timeout: formatGoDuration(listener.readHeaderTimeout / 1000),
    http_read_timeout: formatGoDuration(listener.readTimeout / 1000),
    ...(listener.writeTimeout === 0 ? {} : { http_write_timeout: formatGoDuration(listener.writeTimeout / 1000) }),
    max_request_duration: formatGoDuration(listener.maxRequestDuration / 1000),
    max_request_size: listener.maxRequestSize,
    telemetry: { unauthenticated_metrics_access: listener.metrics.open },
    ...sanitizedProxies(listener),
    tls_disable: listener.tls === undefined,
    ...sanitizedTls(listener),
  };
}

function sanitizedProxies({ proxies }: ListenerConfig): Record<string, unknown> {
  if (proxies === undefined) return {};
  return {
    x_forwarded_for_authorized_addrs: proxies.authorized,
    x_forwarded_for_hop_skips: proxies.hopSkips,
    x_forwarded_for_reject_not_authorized: proxies.rejectNotAuthorized,
    x_forwarded_for_reject_not_present: proxies.rejectNotPresent,
  };
}

const versions: Readonly<Record<TlsVersion, string>> = { 'TLSv1.2': 'tls12', 'TLSv1.3': 'tls13' };

function sanitizedTls({ tls }: ListenerConfig): Record<string, unknown> {
  if (tls === undefined) return {};
  return {
    tls_cert_file: tls.certFile,
    tls_key_file: tls.keyFile,
    tls_min_version: versions[tls.minVersion],
    tls_max_version: versions[tls.maxVersion],
    ...(tls.clientCaFile === undefined ? {} : { tls_client_ca_file: tls.clientCaFile }),
    tls_disable_client_certs: tls.clientCertificates === 'none',
    tls_require_and_verify_client_cert: tls.clientCertificates === 'required',
  };
}
