// Single calls on a server under test: all that prepares a run and clears up after it.

import { request } from 'node:http';
import { Fault } from '../src/base/fault.ts';
import type { Place } from './connection.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly reason: string;
  /** Name, value, name, value, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Api {
  readonly place: Place;
  /** The answer whatever its status. `path` is without `/v1/`. Rejects with Fault `unavailable` when there is none. */
  ask(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer>;
  /** The parsed body of an answer below 400. Rejects with Fault `unavailable` naming status and errors. */
  call<T = unknown>(method: string, path: string, body?: object): Promise<T>;
  as(token: string): Api;
  /** Calls that end with another signal. */
  until(signal: AbortSignal): Api;
}

/** Revoking many leases takes minutes. */
const timeout = 300_000;

export function openApi(name: string, place: Place, token: string | undefined, signal: AbortSignal): Api {
  const ask: Api['ask'] = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const payload = body === undefined ? '' : JSON.stringify(body);
      const sent = request(
        {
          ...place,
          method,
          path: `/v1/${path}`,
          agent: false,
          timeout,
          signal,
          headers: {
            ...headers,
            ...(token === undefined ? {} : { 'x-vault-token': token }),
            ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              reason: response.statusMessage ?? '',
              rawHeaders: response.rawHeaders,
              body: Buffer.concat(parts).toString(),
            }),
          );
        },
      );
      sent.on('timeout', () =>
        sent.destroy(new Fault('unavailable', `${name} did not answer ${method} ${path} within ${timeout / 1_000} s`)),
      );
      sent.on('error', (error: NodeJS.ErrnoException) =>
        reject(
          signal.aborted || error instanceof Fault
            ? error
            : new Fault('unavailable', `${name} cannot be reached on ${place.host}:${place.port} (${error.code ?? error.message})`),
        ),
      );
      sent.end(payload);
    });
  return {
    place,
    ask,
    async call<T>(method: string, path: string, body?: object): Promise<T> {
      const answer = await ask(method, path, body);
      if (answer.status >= 400)
        throw new Fault('unavailable', `${name} answered ${answer.status} to ${method} ${path}: ${answer.body.trim()}`);
      return (answer.body === '' ? undefined : JSON.parse(answer.body)) as T;
    },
    as: (other) => openApi(name, place, other, signal),
    until: (other) => openApi(name, place, token, other),
  };
}
