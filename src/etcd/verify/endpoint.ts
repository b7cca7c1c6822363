// Where an etcd listens: its URL read, refused where values would travel in clear, and a connection opened to it.

import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Fault } from '../../base/fault.ts';

export interface Endpoint {
  /** As it was given, without a slash at its end. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

export interface EtcdTls {
  /** PEM of the authorities of etcd's servers. */
  readonly ca: Buffer;
  /** PEM of the client. */
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A TCP connection made elsewhere: on a node, through SSH. */
export type Connect = (host: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** Throws Fault `usage`. */
export function readEndpoint(text: string, tls: EtcdTls | undefined): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secure = url?.protocol === 'https:';
  if (url === undefined || (!secure && url.protocol !== 'http:') || url.username !== '' || url.pathname !== '/' || url.search !== '')
    throw new Fault('usage', `an endpoint of etcd is written https://HOST:PORT, not ${JSON.stringify(text.slice(0, 100))}`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!secure && !isLoopback(host))
    throw new Fault('usage', `etcd at ${url.origin} would send the cluster's secrets in clear over the network: use https`);
  if (secure && tls === undefined)
    throw new Fault('usage', `etcd at ${url.origin} is spoken to over TLS: name the files of its authority and of a client certificate`);
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return { url: url.origin, host, port, secure };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Rejects with what the network or TLS says; `troubleAt` makes a Fault of it. */
export async function connectTo(endpoint: Endpoint, tls: EtcdTls | undefined, connect: Connect, signal: AbortSignal): Promise<Duplex> {
  const plain = await connect(endpoint.host, endpoint.port, signal);
  // What fails before somebody else listens is seen at the next use; unheard it would end the process.
  plain.on('error', () => {});
  if (!endpoint.secure || tls === undefined) return plain;
  const { host } = endpoint;
  const socket: TLSSocket = connectTls({
    socket: plain,
    host,
    // Names alone may be asked for; an address is compared with the certificate all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    ...tls,
  });
  // For good: after the handshake a refused certificate is only told, and nothing of Node's ends the connection because of it.
  socket.on('error', (error) => socket.destroy(error));
  return new Promise((resolve, reject) => {
    const abort = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort);
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    socket.once('close', () => {
      signal.removeEventListener('abort', abort);
      plain.destroy();
      reject(socket.errored ?? new Fault('unavailable', `etcd at ${endpoint.url} closed the connection during the TLS handshake`));
    });
    if (signal.aborted) abort();
  });
}

/** From this machine. */
export const connectDirectly: Connect = (host, port, signal) =>
  new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    const abort = (): void => void socket.destroy(signal.reason as Error);
    const settle = (): void => signal.removeEventListener('abort', abort);
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    socket.once('connect', () => {
      settle();
      resolve(socket);
    });
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });

/** What the other side says of our certificate (OpenSSL's names of TLS alerts, RFC 8446 section 6.2). */
const refusedCertificate = /^ERR_SSL_.*ALERT_(?:.*CERTIFICATE.*|UNKNOWN_CA|ACCESS_DENIED)$/;

/** What Node says of theirs (nodejs.org/api/tls.html, X509 certificate error codes). */
const unprovenServer =
  /^(?:ERR_TLS_CERT_ALTNAME_INVALID|CERT_.*|UNABLE_TO_.*|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|ERROR_IN_CERT_.*)$/;

/** A lost or refused connection as Fault `unavailable`, or `permission-denied` where a certificate is the reason. */
export function troubleAt({ url }: Endpoint, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (refusedCertificate.test(code))
    return new Fault(
      'permission-denied',
      `etcd at ${url} refused the client certificate (${code}): use one that its authority has issued`,
      {
        cause: thrown,
      },
    );
  if (unprovenServer.test(code))
    return new Fault(
      'permission-denied',
      `etcd at ${url} does not prove who it is (${code}): name the authority that issued its certificate`,
      {
        cause: thrown,
      },
    );
  const why = code === '' ? 'the connection was lost' : code;
  return new Fault('unavailable', `etcd at ${url} cannot be reached (${why}): see that it runs and that this address leads to it`, {
    cause: thrown,
  });
}
