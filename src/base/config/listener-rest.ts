// What Vault's and OpenBao's listeners know and this one does not: accepted with a warning where it costs nothing, refused where its lack would be a hole.

import { bool, text } from './kind.ts';
import { refuse, type Section } from './section.ts';

const idle: readonly (readonly [key: string, reason: string])[] = [
  ['tls_auto_reload', 'certificates are read anew on SIGHUP'],
  ['tls_auto_reload_interval', 'certificates are read anew on SIGHUP'],
  ['tls_prefer_server_cipher_suites', 'the server chooses by itself'],
  ['tls_key_exchange_preferences', 'the groups are those of the TLS library'],
  ['max_request_json_memory', 'a body is bounded by max_request_size, and its depth and members by themselves'],
  ['max_request_json_strings', 'a body is bounded by max_request_size, and its depth and members by themselves'],
  ['require_request_header', 'a server asks for no X-Vault-Request header, an agent does'],
  ['x_forwarded_for_client_cert_header', 'no auth method reads client certificates'],
  ['x_forwarded_for_client_cert_decoders', 'no auth method reads client certificates'],
  ['x_forwarded_for_client_cert_keep_not_forwarded', 'no auth method reads client certificates'],
  ['x_forwarded_for_client_cert_keep_unauthorized', 'no auth method reads client certificates'],
  ['cors_enabled', 'cross-origin access is set through sys/config/cors'],
  ['cors_allowed_origins', 'cross-origin access is set through sys/config/cors'],
  ['cors_allowed_headers', 'cross-origin access is set through sys/config/cors'],
  ['cors_allow_credentials', 'cross-origin access is set through sys/config/cors'],
  ['profiling', 'there is no profiling over HTTP'],
  ['inflight_requests_logging', 'what is under way is shown to nobody without a token'],
  ['agent_api', 'it is of an agent, not of a server'],
  ['proxy_api', 'it is of a proxy, not of a server'],
  ['purpose', 'every listener serves the API'],
];

const acmeKeys = [
  'cache_path',
  'ca_directory',
  'test_ca_directory',
  'ca_root',
  'eab_key_id',
  'eab_mac_key',
  'key_type',
  'email',
  'domains',
];

/** Throws Fault `usage` for what would leave a listener open that the operator believes closed, or deaf. */
export function readRest(stanza: Section): void {
  for (const [key, reason] of idle) stanza.acceptIdle(key, reason);
  for (const key of [...acmeKeys, 'disable_http_challenge', 'disable_alpn_challenge'])
    stanza.acceptIdle(`tls_acme_${key}`, 'certificates are not ordered by the server; name them with tls_cert_file and tls_key_file');
  // Servers do not speak to one another: there is nothing to listen for.
  stanza.read('cluster_address', text);
  const role = stanza.read('role', text) ?? 'default';
  if (role !== 'default')
    throw refuse(
      stanza.whereIs('role'),
      `role in ${stanza.title} must be default; for a listener that serves metrics alone write telemetry { metrics_only = true }`,
    );
  if (stanza.read('proxy_protocol_behavior', text) !== undefined)
    throw refuse(
      stanza.whereIs('proxy_protocol_behavior'),
      'proxy_protocol_behavior must be left out: the PROXY protocol is not spoken here; have the proxy send X-Forwarded-For, and name it in x_forwarded_for_authorized_addrs',
    );
  stanza.acceptIdle('proxy_protocol_authorized_addrs', 'the PROXY protocol is not spoken here');
}

export interface ListenerMetrics {
  /** `sys/metrics` is answered without a token. */
  readonly open: boolean;
  /** `hidden`: `sys/metrics` is not there; `alone`: nothing else is. */
  readonly shown: 'beside' | 'hidden' | 'alone';
}

export function readMetrics(stanza: Section): ListenerMetrics {
  const telemetry = stanza.merged('telemetry');
  const open = telemetry.read('unauthenticated_metrics_access', bool) ?? false;
  const hidden = telemetry.read('disallow_metrics', bool) ?? false;
  const alone = telemetry.read('metrics_only', bool) ?? false;
  telemetry.acceptIdle('metrics_path', 'metrics are at /v1/sys/metrics');
  telemetry.warnOfRest();
  if (hidden && alone)
    throw refuse(telemetry.whereIs('metrics_only'), 'metrics_only and disallow_metrics contradict one another; give one of them');
  return { open, shown: hidden ? 'hidden' : alone ? 'alone' : 'beside' };
}
