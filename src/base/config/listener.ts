// The listener stanzas: addresses, TLS, and what a client may ask of one.

import { defaults, type ListenerConfig, type TlsConfig, type TlsVersion } from './config.ts';
import { address, bool, path, text, timeout, whole, word } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Throws Fault `usage` unless there is at least one. */
export function readListeners(top: Section): ListenerConfig[] {
  const stanzas = top.stanzas('listener', 'TYPE');
  if (stanzas.length === 0) throw refuse(top.where, 'no listener is configured; add listener "tcp" { address = "127.0.0.1:8200" … }');
  const seen = new Map<string, string>();
  return stanzas.map((stanza) => {
    const listener = readListener(stanza);
    const place = JSON.stringify([listener.host, listener.port]);
    const first = seen.get(place);
    // Each free port is another one.
    if (first !== undefined && listener.port !== 0)
      throw refuse(stanza.whereIs('address'), `the listener at ${first} has the same address; give each its own`);
    seen.set(place, stanza.where);
    return listener;
  });
}

function readListener(stanza: Section): ListenerConfig {
  if (stanza.labels[0]?.toLowerCase() !== 'tcp')
    throw refuse(stanza.where, `a listener of type ${quoted(stanza.labels[0] ?? '')} does not exist here; use tcp`);
  const { host, port } = stanza.read('address', address) ?? defaults.address;
  const tls = readTls(stanza);
  const limits = readLimits(stanza);
  const telemetry = stanza.merged('telemetry');
  const unauthenticatedMetrics = telemetry.read('unauthenticated_metrics_access', bool) ?? false;
  telemetry.warnOfRest();
  const disableUnauthedRekey = stanza.read('disable_unauthed_rekey_endpoints', bool) ?? false;
  const disableUnauthedGenerateRoot = stanza.read('disable_unauthed_generate_root_endpoints', bool) ?? false;
  // Servers do not speak to one another: there is nothing to listen for.
  stanza.read('cluster_address', text);
  stanza.warnOfRest();
  return { host, port, tls, ...limits, unauthenticatedMetrics, disableUnauthedRekey, disableUnauthedGenerateRoot };
}

const tlsVersions = word<TlsVersion>(
  new Map([
    ['tls12', 'TLSv1.2'],
    ['tls13', 'TLSv1.3'],
  ]),
);

function readTls(stanza: Section): TlsConfig | undefined {
  const disabled = stanza.read('tls_disable', bool) ?? false;
  const certFile = stanza.read('tls_cert_file', path);
  const keyFile = stanza.read('tls_key_file', path);
  const minVersion = stanza.read('tls_min_version', tlsVersions) ?? 'TLSv1.2';
  const maxVersion = stanza.read('tls_max_version', tlsVersions) ?? 'TLSv1.3';
  const clientCaFile = stanza.read('tls_client_ca_file', path);
  const clientCertificates = readClientCertificates(stanza, clientCaFile);
  if (disabled) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw refuse(
      stanza.where,
      `${stanza.title} needs ${certFile === undefined ? (keyFile === undefined ? 'tls_cert_file and tls_key_file' : 'tls_cert_file beside tls_key_file') : 'tls_key_file beside tls_cert_file'}; to serve without TLS write tls_disable = true`,
    );
  if (minVersion > maxVersion)
    throw refuse(stanza.whereIs('tls_max_version'), `tls_max_version in ${stanza.title} must not be older than tls_min_version`);
  return { certFile, keyFile, minVersion, maxVersion, clientCaFile, clientCertificates };
}

function readClientCertificates(stanza: Section, clientCaFile: string | undefined): TlsConfig['clientCertificates'] {
  const required = stanza.read('tls_require_and_verify_client_cert', bool) ?? false;
  const none = stanza.read('tls_disable_client_certs', bool) ?? false;
  if (required && none)
    throw refuse(
      stanza.whereIs('tls_disable_client_certs'),
      'tls_disable_client_certs and tls_require_and_verify_client_cert contradict one another; give one of them',
    );
  if (required && clientCaFile === undefined)
    throw refuse(
      stanza.whereIs('tls_require_and_verify_client_cert'),
      'tls_require_and_verify_client_cert needs tls_client_ca_file, the authorities that the certificates come from',
    );
  return required ? 'required' : none ? 'none' : 'asked';
}

type Limits = Pick<ListenerConfig, 'maxRequestSize' | 'maxRequestDuration' | 'readHeaderTimeout' | 'readTimeout' | 'idleTimeout'>;

/** As in Vault a zero asks for the default: a listener without limits would be anybody's to exhaust. */
function readLimits(stanza: Section): Limits {
  const givenHeader = stanza.read('http_read_header_timeout', timeout) || undefined;
  const givenRead = stanza.read('http_read_timeout', timeout) || undefined;
  if (givenHeader !== undefined && givenRead !== undefined && givenHeader > givenRead)
    throw refuse(
      stanza.whereIs('http_read_header_timeout'),
      `http_read_header_timeout in ${stanza.title} must not be longer than http_read_timeout, which counts from the same moment`,
    );
  const readTimeout = givenRead ?? Math.max(defaults.readTimeout, givenHeader ?? 0);
  return {
    maxRequestSize: stanza.read('max_request_size', whole('bytes')) || defaults.maxRequestSize,
    maxRequestDuration: stanza.read('max_request_duration', timeout) || defaults.maxRequestDuration,
    readHeaderTimeout: givenHeader ?? Math.min(defaults.readHeaderTimeout, readTimeout),
    readTimeout,
    idleTimeout: stanza.read('http_idle_timeout', timeout) || defaults.idleTimeout,
  };
}
