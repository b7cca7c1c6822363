// The body of a request: read within its bound, then JSON, or a form where it cannot be JSON.

import type { IncomingMessage } from 'node:http';
import { Fault } from '../../base/fault.ts';
import { type JsonLimits, parseJson } from '../../base/json.ts';
import { parseForm } from './query.ts';

/** Throws Fault `too-large` past the bound and stops reading; `invalid-request` when the client goes away. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length > maxBytes) {
        request.pause();
        reject(tooLarge());
      } else parts.push(part);
    });
    request.on('end', () => resolve(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)));
    const broken = () => {
      if (!request.complete) reject(new Fault('invalid-request', 'the request ended before its body did'));
    };
    request.on('error', broken);
    request.on('close', broken);
  });
}

function tooLarge(): Fault {
  return new Fault('too-large', 'http: request body too large');
}

/** An object of parameters. Throws Fault `invalid-request`. */
export function parseBody(body: Buffer, contentType: string | undefined, limits: JsonLimits): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {};
  const text = body.toString();
  const looksLikeJson = /^\s*[{[]/.test(text);
  if (!looksLikeJson && contentType?.startsWith('application/x-www-form-urlencoded') === true) return parseForm(text);
  const parsed = parseJson(text, limits);
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed) || JSON.isRawJSON(parsed))
    throw new Fault(
      'invalid-request',
      `failed to decode JSON input: json: cannot unmarshal ${jsonKind(parsed)} into Go value of type map[string]interface {}`,
    );
  return parsed as Record<string, unknown>;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'number';
}
