// Writes a reply: the envelope in the order that clients know, errors, headers.

import type { ServerResponse } from 'node:http';
import type { Envelope, Reply } from '../core/exchange.ts';

const jsonType = 'application/json';

/** Status, content type and body of a reply; no body for 204 and the like. */
export function render(reply: Reply): {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array | undefined;
} {
  switch (reply.kind) {
    case 'empty':
      return { status: reply.status, contentType: jsonType, body: undefined };
    case 'envelope':
      return { status: reply.status, contentType: jsonType, body: `${envelopeText(reply.envelope, reply.injected)}\n` };
    case 'bare':
      return { status: reply.status, contentType: jsonType, body: `${JSON.stringify(reply.data)}\n` };
    case 'raw':
      return reply;
    case 'errors': {
      const { errors, data, warnings } = reply;
      const body = { errors, ...(data === undefined ? {} : { data }), ...(warnings === undefined ? {} : { warnings }) };
      return { status: reply.status, contentType: jsonType, body: `${JSON.stringify(body)}\n` };
    }
  }
}

/** For injected answers the keys of `data` come first, and once more inside `data`. */
function envelopeText(envelope: Envelope, injected: boolean): string {
  const text = JSON.stringify(envelope);
  if (!injected || envelope.data === null) return text;
  const injectable = Object.entries(envelope.data).filter(([name]) => !Object.hasOwn(envelope, name));
  if (injectable.length === 0) return text;
  return `${JSON.stringify(Object.fromEntries(injectable)).slice(0, -1)},${text.slice(1)}`;
}

export interface SendOptions {
  readonly head: boolean;
  readonly namespace: string | undefined;
  /** Name, value, name, value: what the operator adds to answers of this status. */
  readonly added?: ((status: number) => readonly string[]) | undefined;
}

export function send(response: ServerResponse, reply: Reply, options: SendOptions): void {
  const { status, contentType, body } = render(reply);
  const headers: (string | number)[] = ['cache-control', 'no-store', 'content-type', contentType];
  if (options.namespace !== undefined) headers.push('x-vault-namespace', options.namespace);
  if (options.added !== undefined) headers.push(...options.added(status));
  for (const name in reply.headers) headers.push(name, reply.headers[name] as string);
  if (body === undefined) {
    if (status !== 204) headers.push('content-length', 0);
    response.writeHead(status, headers as string[]).end();
    return;
  }
  headers.push('content-length', typeof body === 'string' ? Buffer.byteLength(body) : body.length);
  response.writeHead(status, headers as string[]).end(options.head ? undefined : body);
}
