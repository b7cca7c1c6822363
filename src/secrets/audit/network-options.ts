// What can be said about a socket or http device: where it sends its lines, and how long that may take.

import { parseDurationMilliseconds } from '../../base/durations.ts';
import { Fault } from '../../base/fault.ts';
import { type DeviceOptions, flag } from './options.ts';

/** Text of an option, with `env://NAME` and `file:///PATH` followed. Throws Fault when there is nothing. */
export type Reveal = (text: string) => string;

export interface SocketOptions {
  readonly network: 'tcp' | 'udp' | 'unix';
  /** Of a unix socket its path, and port 0. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds for a line, connecting included. */
  readonly deadline: number;
}

export interface HttpOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** PEM file of the authorities that the server's certificate must come from; those of the system when left out. */
  readonly caFile: string | undefined;
  /** All lines that wait go together, one per line of the body. */
  readonly batch: boolean;
  /** Milliseconds for a line, until the answer's head is there. */
  readonly deadline: number;
}

const networks: ReadonlyMap<string, SocketOptions['network']> = new Map([
  ...['tcp', 'tcp4', 'tcp6'].map((name) => [name, 'tcp'] as const),
  ...['udp', 'udp4', 'udp6'].map((name) => [name, 'udp'] as const),
  ['unix', 'unix'],
]);

/** Throws Fault `invalid-request`. */
export function readSocketOptions(options: DeviceOptions): SocketOptions {
  const address = options['address'] ?? '';
  if (address === '') throw new Fault('invalid-request', 'address is required');
  const type = options['socket_type'] ?? 'tcp';
  const network = networks.get(type);
  if (network === undefined) throw new Fault('invalid-request', `unknown socket_type ${JSON.stringify(type)}; it must be tcp, udp or unix`);
  const deadline = deadlineOf(options);
  if (network === 'unix') return { network, host: address, port: 0, deadline };
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(parts?.[3]);
  if (parts === null || port < 1 || port > 65_535)
    throw new Fault('invalid-request', 'address must be host:port, or with socket_type=unix the path of a socket');
  return { network, host: parts[1] ?? parts[2] ?? '', port, deadline };
}

const ownHeaders = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);

/** Throws Fault `invalid-request`, without repeating what may be a secret. */
export function readHttpOptions(options: DeviceOptions, reveal: Reveal): HttpOptions {
  const url = URL.parse(reveal(required(options, 'uri')));
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Fault('invalid-request', 'uri must be an http or https URL');
  if (url.username !== '' || url.password !== '')
    throw new Fault('invalid-request', 'uri must hold no user and password; give an Authorization header, as env://NAME or file:///PATH');
  const { tls_ca_file: caFile = '' } = options;
  return {
    url,
    headers: readHeaders(options['headers'] ?? '', reveal),
    caFile: caFile === '' ? undefined : caFile,
    batch: flag(options, 'batch', false),
    deadline: deadlineOf(options),
  };
}

function required(options: DeviceOptions, name: string): string {
  const value = options[name] ?? '';
  if (value === '') throw new Fault('invalid-request', `${name} is required`);
  return value;
}

const form = 'headers must be a JSON object whose values are texts or lists of texts: {"Authorization": ["env://AUDIT_TOKEN"]}';

function readHeaders(text: string, reveal: Reveal): HttpOptions['headers'] {
  if (text === '') return {};
  const headers: Record<string, readonly string[]> = {};
  for (const [name, given] of Object.entries(parsedObject(text))) {
    const values: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (!/^[A-Za-z0-9!#$%&'*+.^_|~-]+$/.test(name) || name === '__proto__') throw new Fault('invalid-request', form);
    if (ownHeaders.has(name.toLowerCase())) throw new Fault('invalid-request', `the header ${name} is the server's own to set`);
    headers[name] = values.map((value) => {
      const shown = typeof value === 'string' ? reveal(value) : undefined;
      // What would end the header's line, or is not Latin-1, must not come into it.
      if (shown === undefined || /[^\t\u0020-\u007e\u0080-\u00ff]/.test(shown)) throw new Fault('invalid-request', form);
      return shown;
    });
  }
  return headers;
}

function parsedObject(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Said below, in words that do not repeat the text.
  }
  throw new Fault('invalid-request', form);
}

const defaultDeadline = 2_000;
const longestDeadline = 60_000;

/** Vault's name for it, and its default. */
function deadlineOf(options: DeviceOptions): number {
  const text = options['write_timeout'];
  if (text === undefined || text === '') return defaultDeadline;
  const milliseconds = Math.ceil(parseDurationMilliseconds(text));
  if (milliseconds < 1 || milliseconds > longestDeadline)
    throw new Fault('invalid-request', 'write_timeout must be a duration of more than zero and at most 60s');
  return milliseconds;
}
