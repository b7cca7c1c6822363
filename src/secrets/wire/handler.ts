// One HTTP exchange: path, request, pipeline, reply.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { asFault, Fault } from '../../base/fault.ts';
import { defaultJsonLimits, type JsonLimits } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import { faultReply } from '../core/answer.ts';
import type { Reply, WireRequest } from '../core/exchange.ts';
import { type ParsedPath, parsePath } from './path.ts';
import { send } from './reply.ts';
import { parseRequest } from './request.ts';

export interface WireOptions {
  readonly respond: (request: WireRequest) => Promise<Reply>;
  readonly uuid: () => string;
  readonly log: Log;
  readonly maxBodyBytes?: number;
  /** Answered without a token here. */
  readonly opens?: 'metrics';
  readonly jsonLimits?: JsonLimits;
}

export function wireHandler(options: WireOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { respond, log } = options;
  const parsing = {
    uuid: options.uuid,
    maxBodyBytes: options.maxBodyBytes ?? 32 * 1024 * 1024,
    jsonLimits: options.jsonLimits ?? defaultJsonLimits,
    opens: options.opens,
  };

  const exchange = async (request: IncomingMessage, path: string, query: string): Promise<Reply> => {
    try {
      // A HEAD of anything but the state of the server has no body to leave out: clients get what they know.
      return await respond(await parseRequest(request, path, query, parsing));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) log.error('a request failed without a fault', { error: thrown });
      return faultReply(asFault(thrown));
    }
  };

  return (request, response) => {
    const url = originForm(request.url ?? '/');
    const mark = url.indexOf('?');
    const query = mark < 0 ? '' : url.slice(mark + 1);
    let parsed: ParsedPath;
    try {
      parsed = parsePath(mark < 0 ? url : url.slice(0, mark));
    } catch (thrown) {
      send(response, faultReply(asFault(thrown)), { head: false, namespace: undefined });
      return;
    }
    if (parsed.kind !== 'api') {
      sendElsewhere(response, parsed, query);
      return;
    }
    const namespace = request.headers['x-vault-namespace'];
    const echo = typeof namespace === 'string' ? namespace : undefined;
    exchange(request, parsed.path, query).then(
      (reply) => {
        // What is left of a refused body is not worth reading.
        if (!request.complete && reply.kind === 'errors' && reply.status === 413) response.setHeader('connection', 'close');
        send(response, reply, { head: request.method === 'HEAD', namespace: echo });
      },
      (error) => {
        log.error('an answer could not be written', { error });
        response.destroy();
      },
    );
  };
}

/** A request line may name the host as well (RFC 9112, 3.2.2); which one does not matter here. */
function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
}

function sendElsewhere(response: ServerResponse, parsed: Exclude<ParsedPath, { readonly kind: 'api' }>, query: string): void {
  if (parsed.kind === 'redirect') {
    const location = query === '' ? parsed.location : `${parsed.location}?${query}`;
    const body = `<a href="${escapeHtml(location)}">Temporary Redirect</a>.\n\n`;
    response
      .writeHead(307, [
        'location',
        location,
        'cache-control',
        'no-store',
        'content-type',
        'text/html; charset=utf-8',
        'content-length',
        String(Buffer.byteLength(body)),
      ])
      .end(body);
    return;
  }
  if (parsed.kind === 'root') {
    send(
      response,
      { kind: 'raw', status: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' },
      { head: false, namespace: undefined },
    );
    return;
  }
  send(response, { kind: 'errors', status: 404, errors: [] }, { head: false, namespace: undefined });
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;');
}
