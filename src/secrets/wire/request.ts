// Turns an HTTP request into what the pipeline takes: operation, path, data, token and the headers that matter.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { parseDurationSeconds } from '../../base/durations.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { JsonLimits } from '../../base/json.ts';
import type { AddressOf } from '../../http/forwarded-for.ts';
import { sentVerb } from '../../http/list-verb.ts';
import type { WireOperation, WireRequest } from '../core/exchange.ts';
import { parseBody, readBody } from './body.ts';
import { type FormData, parseForm, parseGoBool } from './query.ts';

export interface RequestOptions {
  readonly uuid: () => string;
  readonly maxBodyBytes: number;
  readonly jsonLimits: JsonLimits;
  readonly opens: 'metrics' | undefined;
  readonly addressOf: AddressOf;
}

/** The end of a request that takes too long. A controller is made for those alone that ask for a signal. */
export interface Cut {
  late: boolean;
  controller?: AbortController;
}

export function cutOff(cut: Cut): void {
  cut.late = true;
  cut.controller?.abort();
}

/**
 * A class for its getter: an object literal with one gets a hidden class of its own, which lies in the old generation and holds
 * the request, with its token and body, until that generation is collected.
 */
class ParsedRequest implements WireRequest {
  readonly id: string;
  readonly operation: WireOperation;
  readonly path: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly token: string | undefined;
  readonly wrapTtl: number | undefined;
  readonly namespace = undefined;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly opens: 'metrics' | undefined;
  readonly head: boolean;
  readonly #request: IncomingMessage;
  readonly #cut: Cut | undefined;

  constructor(request: IncomingMessage, cut: Cut | undefined, parsed: Parsed) {
    this.id = parsed.id;
    this.operation = parsed.operation;
    this.path = parsed.path;
    this.data = parsed.data;
    this.token = parsed.token;
    this.wrapTtl = parsed.wrapTtl;
    this.headers = request.headers;
    this.remoteAddress = parsed.remoteAddress;
    this.remotePort = request.socket.remotePort ?? 0;
    this.opens = parsed.opens;
    this.head = request.method === 'HEAD';
    this.#request = request;
    this.#cut = cut;
  }

  get signal(): AbortSignal {
    const cut = this.#cut;
    if (cut === undefined) return this.#request.signal;
    if (cut.late) return AbortSignal.abort();
    cut.controller ??= new AbortController();
    return AbortSignal.any([this.#request.signal, cut.controller.signal]);
  }
}

type Parsed = Pick<WireRequest, 'id' | 'operation' | 'path' | 'data' | 'token' | 'wrapTtl' | 'remoteAddress' | 'opens'>;

const empty: Readonly<Record<string, unknown>> = Object.freeze({});

/** `path` is decoded and without `/v1/`. Throws Faults; a Fault without text is answered with an empty list of errors. */
export async function parseRequest(
  request: IncomingMessage,
  path: string,
  query: string,
  options: RequestOptions,
  cut?: Cut,
): Promise<WireRequest> {
  const { headers } = request;
  const remoteAddress = options.addressOf(request);
  const parameters = query === '' ? undefined : parseForm(query);
  const operation = operationOf(request.method ?? 'GET', parameters);
  if (operation === 'patch') checkPatchType(headers['content-type']);
  if ((operation === 'write' || operation === 'patch') && path.endsWith('/'))
    throw new Fault('invalid-request', "cannot write to a path ending in '/'");
  checkNamespace(headers['x-vault-namespace'], path);
  const wrapTtl = wrapSeconds(headers);
  const data = operation === 'write' || operation === 'patch' ? await bodyOf(request, options) : parametersAsData(parameters);
  const token = tokenOf(headers);
  return new ParsedRequest(request, cut, {
    id: options.uuid(),
    operation,
    path: (operation === 'list' || operation === 'scan') && path !== '' && !path.endsWith('/') ? `${path}/` : path,
    data,
    token,
    wrapTtl,
    remoteAddress,
    opens: options.opens,
  });
}

function operationOf(method: string, parameters: FormData | undefined): WireOperation {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return parameters === undefined ? 'read' : readOrList(parameters);
    case 'POST':
    case 'PUT':
      return 'write';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    case 'OPTIONS':
      throw new Fault('invalid-request', 'cannot handle internal-only request operation');
    default:
      return renamedOperation(method);
  }
}

function renamedOperation(method: string): WireOperation {
  switch (sentVerb(method)) {
    case 'LIST':
      return 'list';
    case 'SCAN':
      return 'scan';
    case 'HELP':
      return 'help';
    case undefined:
      throw new Fault('unsupported-operation', '');
  }
}

function readOrList(parameters: FormData): WireOperation {
  if (parameters['help'] !== undefined && parseGoBool(single(parameters['help']))) return 'help';
  if (parameters['scan'] !== undefined && parameters['list'] !== undefined) throw new Fault('invalid-request', '');
  if (parameters['scan'] !== undefined) return parseGoBool(single(parameters['scan'])) ? 'scan' : 'read';
  return parameters['list'] !== undefined && parseGoBool(single(parameters['list'])) ? 'list' : 'read';
}

const controls = new Set(['help', 'list', 'scan']);

function parametersAsData(parameters: FormData | undefined): Readonly<Record<string, unknown>> {
  if (parameters === undefined) return empty;
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !controls.has(name)));
}

async function bodyOf(request: IncomingMessage, { maxBodyBytes, jsonLimits }: RequestOptions): Promise<Readonly<Record<string, unknown>>> {
  const { headers } = request;
  if (headers['content-length'] === '0' || (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined))
    return empty;
  return parseBody(await readBody(request, maxBodyBytes), headers['content-type'], jsonLimits);
}

const mergePatch = 'application/merge-patch+json';

function checkPatchType(contentType: string | undefined): void {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === '') throw new Fault('invalid-request', 'mime: no media type');
  if (type !== mergePatch) throw new Fault('unsupported-media-type', `PATCH requires Content-Type of ${mergePatch}, provided ${type}`);
}

/** What belongs to the whole server and to no namespace. */
const ofTheServer =
  /^sys\/(?:raw|init|seal|unseal|step-down|health|rekey|rekey-recovery-key|generate-root|generate-recovery-token|storage|metrics|pprof|in-flight-req)(?:\/|$)/;

/** There is the root namespace and no other: naming one must never reach the root's secrets. */
function checkNamespace(header: string | string[] | undefined, path: string): void {
  if (header === undefined) return;
  const wanted = single(header).replace(/^\/+|\/+$/g, '');
  if (wanted === '' || wanted === 'root') return;
  if (ofTheServer.test(path)) throw new Fault('invalid-request', 'operation unavailable in namespaces');
  throw new Fault('unsupported-path', 'namespace not found', { framed: false });
}

function wrapSeconds(headers: IncomingHttpHeaders): number | undefined {
  const header = headers['x-vault-wrap-ttl'];
  if (header === undefined || header === '') return undefined;
  if (single(headers['x-vault-wrap-format'] ?? '') === 'jwt')
    throw new Fault('invalid-request', 'the wrap format jwt is not supported; leave X-Vault-Wrap-Format out');
  try {
    const seconds = parseDurationSeconds(single(header));
    if (seconds < 0) throw new Fault('invalid-request', 'requested wrap ttl cannot be negative');
    return seconds;
  } catch (thrown) {
    throw new Fault('invalid-request', `error parsing X-Vault-Wrap-TTL header: ${asFault(thrown).message}`);
  }
}

function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers['x-vault-token'];
  if (header !== undefined && header !== '') return single(header);
  const { authorization } = headers;
  return authorization?.startsWith('Bearer ') === true ? authorization.slice('Bearer '.length).trim() : undefined;
}

function single(value: string | string[]): string {
  return typeof value === 'string' ? value : (value[0] ?? '');
}
