// One HTTP exchange: path, request, pipeline, reply.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { asFault, Fault } from '../../base/fault.ts';
import { defaultJsonLimits, type JsonLimits } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import { type Cors, corsVerdict } from '../../http/cors.ts';
import { type AddressOf, forwardedAddress } from '../../http/forwarded-for.ts';
import { sentVerb } from '../../http/list-verb.ts';
import { faultReply } from '../core/answer.ts';
import type { Reply, WireRequest } from '../core/exchange.ts';
import { type AddedHeaders, headersByStatus } from './added-headers.ts';
import { createDeadlines } from './deadlines.ts';
import { type ParsedPath, parsePath } from './path.ts';
import { send } from './reply.ts';
import { type Cut, cutOff, parseRequest } from './request.ts';

export interface WireOptions {
  readonly respond: (request: WireRequest) => Promise<Reply>;
  readonly uuid: () => string;
  readonly log: Log;
  readonly maxBodyBytes?: number;
  /** Answered without a token here. */
  readonly opens?: 'metrics';
  readonly jsonLimits?: JsonLimits;
  /** From a request's start to its answer, ms; 0 or nothing is without limit. */
  readonly maxDuration?: number;
  /** The address that a request counts as coming from; its peer's when left out. */
  readonly addressOf?: AddressOf;
  /** True for paths that this listener does not serve. */
  readonly closedTo?: (path: string) => boolean;
  readonly addedHeaders?: AddedHeaders;
  /** undefined while no other origin is answered. */
  readonly cors?: () => Cors | undefined | Promise<Cors | undefined>;
}

const tooLong = 'the request took longer than this listener allows';

export function wireHandler(options: WireOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { respond, log, closedTo, cors, maxDuration = 0 } = options;
  const parsing = {
    uuid: options.uuid,
    maxBodyBytes: options.maxBodyBytes ?? 32 * 1024 * 1024,
    jsonLimits: options.jsonLimits ?? defaultJsonLimits,
    opens: options.opens,
    addressOf: options.addressOf ?? forwardedAddress(undefined),
  };
  const added = headersByStatus(options.addedHeaders);
  const deadlines = maxDuration > 0 ? createDeadlines(maxDuration) : undefined;

  const exchange = async (request: IncomingMessage, path: string, query: string, cut: Cut | undefined): Promise<Reply> => {
    try {
      if (closedTo?.(path) === true) return { kind: 'errors', status: 404, errors: [] };
      // A HEAD of anything but the state of the server has no body to leave out: clients get what they know.
      return await respond(await parseRequest(request, path, query, parsing, cut));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) log.error('a request failed without a fault', { error: thrown });
      return faultReply(asFault(thrown));
    }
  };
  const answerTo = (request: IncomingMessage, response: ServerResponse, path: string, query: string): void => {
    const namespace = request.headers['x-vault-namespace'];
    const sending = { head: request.method === 'HEAD', namespace: typeof namespace === 'string' ? namespace : undefined, added };
    const cut: Cut | undefined = deadlines === undefined ? undefined : { late: false };
    const deadline = deadlines?.begin(() => {
      if (cut !== undefined) cutOff(cut);
      // What is left of the request is not worth reading.
      response.setHeader('connection', 'close');
      send(response, faultReply(new Fault('timeout', tooLong)), sending);
    });
    exchange(request, path, query, cut)
      .then((reply) => {
        if (deadline !== undefined) deadlines?.end(deadline);
        if (cut?.late === true) return;
        // What is left of a refused body is not worth reading.
        if (!request.complete && reply.kind === 'errors' && reply.status === 413) response.setHeader('connection', 'close');
        send(response, reply, sending);
      })
      .catch((error: unknown) => {
        log.error('an answer could not be written', { error });
        response.destroy();
      });
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = originForm(request.url ?? '/');
    const mark = url.indexOf('?');
    const query = mark < 0 ? '' : url.slice(mark + 1);
    let parsed: ParsedPath;
    try {
      parsed = parsePath(mark < 0 ? url : url.slice(0, mark));
    } catch (thrown) {
      send(response, faultReply(asFault(thrown)), { head: false, namespace: undefined, added });
      return;
    }
    if (parsed.kind === 'api') answerTo(request, response, parsed.path, query);
    else sendElsewhere(response, parsed, query, added);
  };
  const serveOrigin = async (request: IncomingMessage, response: ServerResponse, origin: string): Promise<void> => {
    const settings = await cors?.();
    if (settings === undefined) {
      serve(request, response);
      return;
    }
    const wanted = request.headers['access-control-request-method'];
    const method = sentVerb(request.method) ?? request.method;
    const verdict = corsVerdict(settings, { origin, method, wantedMethod: wanted });
    if (verdict.kind === 'refused') {
      send(response, { kind: 'errors', status: verdict.status, errors: verdict.errors }, { head: false, namespace: undefined, added });
      return;
    }
    for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value);
    if (verdict.kind === 'headers') serve(request, response);
    else send(response, { kind: 'empty', status: 200 }, { head: false, namespace: undefined, added });
  };

  return (request, response) => {
    // Only browsers send it.
    const { origin } = request.headers;
    if (cors === undefined || origin === undefined) serve(request, response);
    else
      serveOrigin(request, response, origin).catch((error: unknown) => {
        log.error('a request of another origin could not be answered', { error });
        response.destroy();
      });
  };
}

/** A request line may name the host as well (RFC 9112, 3.2.2); which one does not matter here. */
function originForm(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
}

type Added = ReturnType<typeof headersByStatus>;

function sendElsewhere(response: ServerResponse, parsed: Exclude<ParsedPath, { readonly kind: 'api' }>, query: string, added: Added): void {
  const sending = { head: false, namespace: undefined, added };
  if (parsed.kind === 'redirect') {
    const location = query === '' ? parsed.location : `${parsed.location}?${query}`;
    const body = `<a href="${escapeHtml(location)}">Temporary Redirect</a>.\n\n`;
    send(response, { kind: 'raw', status: 307, contentType: 'text/html; charset=utf-8', body, headers: { location } }, sending);
  } else if (parsed.kind === 'root')
    send(response, { kind: 'raw', status: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' }, sending);
  else send(response, { kind: 'errors', status: 404, errors: [] }, sending);
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;');
}
