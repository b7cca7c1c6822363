// The listener stanzas: addresses, TLS, and what a client may ask of one.

import { cipherSuites } from './cipher-suites.ts';
import { defaults, type ListenerConfig, type TlsConfig, type TlsVersion, type UnixSocketConfig } from './config.ts';
import { address, bool, path, text, timeout, whole, word } from './kind.ts';
import { readMetrics, readRest } from './listener-rest.ts';
import { readProxies } from './proxies.ts';
import { responseHeaders } from './response-headers.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Throws Fault `usage` unless there is at least one. */
export function readListeners(top: Section): ListenerConfig[] {
  const stanzas = top.stanzas('listener', 'TYPE');
  if (stanzas.length === 0) throw refuse(top.where, 'no listener is configured; add listener "tcp" { address = "127.0.0.1:8200" … }');
  const seen = new Map<string, string>();
  return stanzas.map((stanza) => {
    const listener = readListener(stanza);
    const place = JSON.stringify(listener.unix === undefined ? [listener.host, listener.port] : [listener.unix.path]);
    const first = seen.get(place);
    // Each free port is another one.
    if (first !== undefined && (listener.port !== 0 || listener.unix !== undefined))
      throw refuse(stanza.whereIs('address'), `the listener at ${first} has the same address; give each its own`);
    seen.set(place, stanza.where);
    return listener;
  });
}

function readListener(stanza: Section): ListenerConfig {
  const type = stanza.labels[0]?.toLowerCase();
  if (type !== 'tcp' && type !== 'unix')
    throw refuse(stanza.where, `a listener of type ${quoted(stanza.labels[0] ?? '')} does not exist here; use tcp or unix`);
  const place = type === 'tcp' ? readTcp(stanza) : readUnix(stanza);
  const limits = readLimits(stanza);
  const metrics = readMetrics(stanza);
  const proxies = readProxies(stanza);
  const headers = stanza.read('custom_response_headers', responseHeaders) ?? {};
  const disableUnauthedRekey = stanza.read('disable_unauthed_rekey_endpoints', bool) ?? false;
  const disableUnauthedGenerateRoot = stanza.read('disable_unauthed_generate_root_endpoints', bool) ?? false;
  readRest(stanza);
  stanza.warnOfRest();
  return { ...place, ...limits, metrics, proxies, responseHeaders: headers, disableUnauthedRekey, disableUnauthedGenerateRoot };
}

type Place = Pick<ListenerConfig, 'host' | 'port' | 'tls' | 'unix'>;

function readTcp(stanza: Section): Place {
  const { host, port } = stanza.read('address', address) ?? defaults.address;
  return { host, port, unix: undefined, tls: readTls(stanza) };
}

/** TLS has no place there: nobody but the machine's own users can listen in. */
function readUnix(stanza: Section): Place {
  const socket = stanza.read('address', path);
  if (socket === undefined)
    throw refuse(stanza.where, `${stanza.title} needs address, the path of its socket: address = "/run/casemate.sock"`);
  if (stanza.read('tls_disable', bool) === false || stanza.read('tls_cert_file', path) !== undefined)
    throw refuse(stanza.where, `${stanza.title} speaks no TLS; leave its tls_* keys out`);
  const unix: UnixSocketConfig = {
    path: socket,
    mode: readMode(stanza),
    user: readId(stanza, 'socket_user'),
    group: readId(stanza, 'socket_group'),
  };
  return { host: '', port: 0, tls: undefined, unix };
}

function readMode(stanza: Section): number | undefined {
  const mode = stanza.read('socket_mode', text);
  if (mode === undefined) return undefined;
  if (!/^0?[0-7]{3}$/.test(mode))
    throw refuse(stanza.whereIs('socket_mode'), `socket_mode in ${stanza.title} must be an octal number such as "660"`);
  return Number.parseInt(mode, 8);
}

function readId(stanza: Section, key: 'socket_user' | 'socket_group'): number | undefined {
  const id = stanza.read(key, text);
  if (id !== undefined && !/^\d{1,10}$/.test(id))
    throw refuse(stanza.whereIs(key), `${key} in ${stanza.title} must be a number: names of users and groups are not looked up`);
  return id === undefined ? undefined : Number(id);
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
  const suites = stanza.read('tls_cipher_suites', cipherSuites);
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
  return { certFile, keyFile, minVersion, maxVersion, cipherSuites: suites, clientCaFile, clientCertificates };
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

type Limits = Pick<
  ListenerConfig,
  'maxRequestSize' | 'maxRequestDuration' | 'readHeaderTimeout' | 'readTimeout' | 'writeTimeout' | 'idleTimeout'
>;

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
    writeTimeout: stanza.read('http_write_timeout', timeout) ?? 0,
    idleTimeout: stanza.read('http_idle_timeout', timeout) || defaults.idleTimeout,
  };
}
