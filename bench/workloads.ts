// What is asked of a server: reads and writes of a thousand secrets, and a token that looks at itself.

import type { Place } from './connection.ts';

export const workloadNames = ['read', 'write', 'lookup'] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Where a server keeps what the benchmark works on. */
export interface Lodging {
  readonly place: Place;
  /** An ordinary service token: what applications hold, with a policy that the server has to look at. */
  readonly token: string;
  /** Path of a KV store, version 2, without a slash. */
  readonly mount: string;
}

export interface Workload {
  readonly title: string;
  readonly status: number;
  /** Whole HTTP requests as they go over the wire. */
  requests(lodging: Lodging): string[];
}

export const secretCount = 1_000;

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  read: {
    title: 'KV v2 read',
    status: 200,
    requests: (lodging) => eachSecret(secretCount, (name) => requestText(lodging, 'GET', `${lodging.mount}/data/${name}`)),
  },
  write: { title: 'KV v2 write', status: 200, requests: (lodging) => writesOf(lodging, 0, secretCount) },
  lookup: { title: 'token lookup-self', status: 200, requests: (lodging) => [requestText(lodging, 'GET', 'auth/token/lookup-self')] },
};

/** Writes of the secrets number `from` up to `to`, without the last. */
export function writesOf(lodging: Lodging, from: number, to: number): string[] {
  return eachSecret(
    to - from,
    (name, number) => {
      const data = { username: name, password: `correct horse battery staple ${number}`, endpoint: `https://${name}.example.com:5432` };
      return requestText(lodging, 'POST', `${lodging.mount}/data/${name}`, JSON.stringify({ data }));
    },
    from,
  );
}

/** Path of a secret that every filled store holds. */
export function firstSecret(mount: string): string {
  return `${mount}/data/${secretName(0)}`;
}

function eachSecret(count: number, make: (name: string, number: number) => string, from = 0): string[] {
  return Array.from({ length: count }, (_, offset) => make(secretName(from + offset), from + offset));
}

function secretName(number: number): string {
  return `team-${number % 10}/app-${String(number).padStart(6, '0')}`;
}

/** With the headers that the clients of Vault and OpenBao send. */
export function requestText({ place, token }: Lodging, method: string, path: string, body?: string): string {
  const head = [
    `${method} /v1/${path} HTTP/1.1`,
    `host: ${place.host}:${place.port}`,
    'user-agent: casemate-bench',
    'x-vault-request: true',
    `x-vault-token: ${token}`,
    ...(body === undefined ? [] : ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`]),
  ];
  return `${head.join('\r\n')}\r\n\r\n${body ?? ''}`;
}
