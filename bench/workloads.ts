// What is asked of a server: reads and writes of a thousand secrets, a token that looks at itself, logins, encryption, wrapping.

import type { Place } from './connection.ts';

export const workloadNames = ['read', 'write', 'lookup', 'login', 'encrypt', 'batch', 'wrap'] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Where a server keeps what the benchmark works on. */
export interface Lodging {
  readonly place: Place;
  /** An ordinary service token: what applications hold, with a policy that the server has to look at. */
  readonly token: string;
  /** Path of a KV store, version 2, without a slash. */
  readonly mount: string;
  /** Path of an AppRole method, without `auth/`, and what logs in there. */
  readonly approle: { readonly mount: string; readonly roleId: string; readonly secretId: string };
  /** Path of a transit engine. */
  readonly transit: string;
}

export interface Workload {
  readonly title: string;
  readonly status: number;
  /** Whole HTTP requests as they go over the wire. */
  requests(lodging: Lodging): string[];
  /** What follows each answer, before the two count as one: the request up to the token, and after it. */
  follows?(lodging: Lodging): readonly [string, string];
}

/** What transit encrypts, alone or a hundred at a time; base64. */
const plaintext = Buffer.from('4111 1111 1111 1111').toString('base64');
const batchSize = 100;

export const secretCount = 1_000;

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  read: {
    title: 'KV v2 read',
    status: 200,
    requests: (lodging) => eachSecret(secretCount, (name) => requestText(lodging, 'GET', `${lodging.mount}/data/${name}`)),
  },
  write: { title: 'KV v2 write', status: 200, requests: (lodging) => writesOf(lodging, 0, secretCount) },
  lookup: { title: 'token lookup-self', status: 200, requests: (lodging) => [requestText(lodging, 'GET', 'auth/token/lookup-self')] },
  login: {
    title: 'AppRole login',
    status: 200,
    requests: (lodging) => {
      const { mount, roleId, secretId } = lodging.approle;
      return [requestText({ ...lodging, token: '' }, 'POST', `auth/${mount}/login`, { body: { role_id: roleId, secret_id: secretId } })];
    },
  },
  encrypt: {
    title: 'transit encrypt',
    status: 200,
    requests: (lodging) => [requestText(lodging, 'POST', `${lodging.transit}/encrypt/bench`, { body: { plaintext } })],
  },
  batch: {
    title: 'transit encrypt, 100',
    status: 200,
    requests: (lodging) => {
      const batch_input = Array.from({ length: batchSize }, () => ({ plaintext }));
      return [requestText(lodging, 'POST', `${lodging.transit}/encrypt/bench`, { body: { batch_input } })];
    },
  },
  wrap: {
    title: 'wrap and unwrap',
    status: 200,
    requests: (lodging) => [
      requestText(lodging, 'POST', 'sys/wrapping/wrap', { body: { username: 'app' }, headers: ['x-vault-wrap-ttl: 60'] }),
    ],
    follows: ({ place }) => {
      const [head = '', tail = ''] = requestText({ place, token: mark }, 'POST', 'sys/wrapping/unwrap').split(mark);
      return [head, tail];
    },
  },
};

/** Stands where the token comes that the first answer names. */
const mark = 'THE-TOKEN';

/** Writes of the secrets number `from` up to `to`, without the last. */
export function writesOf(lodging: Lodging, from: number, to: number): string[] {
  return eachSecret(
    to - from,
    (name, number) => {
      const data = { username: name, password: `correct horse battery staple ${number}`, endpoint: `https://${name}.example.com:5432` };
      return requestText(lodging, 'POST', `${lodging.mount}/data/${name}`, { body: { data } });
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

interface RequestParts {
  readonly body?: object;
  /** Whole lines. */
  readonly headers?: readonly string[];
}

/** With the headers that the clients of Vault and OpenBao send; no token where it is empty. */
export function requestText(
  { place, token }: Pick<Lodging, 'place' | 'token'>,
  method: string,
  path: string,
  { body, headers = [] }: RequestParts = {},
): string {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const head = [
    `${method} /v1/${path} HTTP/1.1`,
    `host: ${place.host}:${place.port}`,
    'user-agent: casemate-bench',
    'x-vault-request: true',
    ...(token === '' ? [] : [`x-vault-token: ${token}`]),
    ...headers,
    ...(body === undefined ? [] : ['content-type: application/json']),
    ...(method === 'POST' ? [`content-length: ${Buffer.byteLength(payload)}`] : []),
  ];
  return `${head.join('\r\n')}\r\n\r\n${payload}`;
}
