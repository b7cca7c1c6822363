// What stands in the headers and trailers of a gRPC call (grpc/doc/PROTOCOL-HTTP2.md): how long it may take, and how it ended.

import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { type Fault, faults } from '../../../base/fault.ts';

const contentType = 'application/grpc';

/** As names and values in turns: Node copies an object once more. */
export const answerHead: readonly string[] = [':status', '200', 'content-type', contentType];

export const trailersOfAnswer: OutgoingHttpHeaders = { 'grpc-status': '0' };

/** Headers and trailers in one, for a call that gets no message. */
export function refusalHead(fault: Fault): OutgoingHttpHeaders {
  return {
    ':status': constants.HTTP_STATUS_OK,
    'content-type': contentType,
    'grpc-accept-encoding': 'identity',
    'grpc-status': String(faults[fault.code].grpc),
    'grpc-message': escaped(fault.message),
  };
}

/** Characters of a sentence to which a peer may have contributed: clients refuse long headers. */
const longestWords = 1_024;

/** Percent-encoded UTF-8 for all but what ASCII can show, and for the percent sign. */
export function escaped(words: string): string {
  return words
    .slice(0, longestWords)
    .trim()
    .toWellFormed()
    .replace(/[^\x20-\x24\x26-\x7e]/gu, encodeURIComponent);
}

/** The HTTP status for what is no gRPC call; undefined for what is one. */
export function httpRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  const type = headers['content-type'];
  const isGrpc = type === contentType || type?.startsWith(`${contentType}+`) === true || type?.startsWith(`${contentType};`) === true;
  return isGrpc ? undefined : constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
}

const milliseconds: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000001 };

/** Milliseconds; undefined for what is no `grpc-timeout`. */
export function timeoutIn(value: string | readonly string[]): number | undefined {
  const unit = typeof value === 'string' ? milliseconds[value.at(-1) ?? ''] : undefined;
  const digits = value.slice(0, -1) as string;
  return unit !== undefined && /^[0-9]{1,8}$/.test(digits) ? Number(digits) * unit : undefined;
}
