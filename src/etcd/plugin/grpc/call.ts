// One unary call of gRPC on its HTTP/2 stream: a message comes, a method answers or refuses, and whatever the peer does it ends.

import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { asFault, Fault } from '../../../base/fault.ts';
import type { Bounded, Deadlines } from './deadlines.ts';
import { messageIn, type PartialMessage, partialMessage, type Unfinished } from './frame.ts';
import { answerHead, httpRefusal, refusalHead, timeoutIn, trailersOfAnswer } from './head.ts';

export interface UnaryCall {
  readonly request: Buffer;
  /** Takes a message in its frame (see frame.ts). What comes after the first answer or refusal is not heard. */
  answer(framed: Buffer): void;
  refuse(fault: Fault): void;
  /** Called when nobody waits any more: at the deadline, when the peer gives up, when the connection is lost. The method sets it. */
  givenUp: (() => void) | undefined;
}

/** Answers or refuses, now or later. */
export type UnaryMethod = (call: UnaryCall) => void;

export interface CallParts {
  /** By their paths: `/v2.KeyManagementService/Status`. */
  readonly methods: ReadonlyMap<string, UnaryMethod>;
  readonly deadlines: Deadlines;
  readonly unfinished: Unfinished;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds for a call whose caller sets no earlier deadline. */
  readonly longestCall: number;
  /** Bytes of a request. */
  readonly mostMessage: number;
}

const withTrailers = { waitForTrailers: true, sendDate: false } as const;
const withoutMessage = { endStream: true, sendDate: false } as const;

/** Milliseconds for a peer to take the answer and to end its side; what it sends meanwhile is thrown away. */
const farewell = 1_000;

export function takeCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, parts: CallParts): void {
  const { deadlines, unfinished, mostMessage, longestCall, now } = parts;
  const method = parts.methods.get(headers[':path'] as string);
  const timeout = headers['grpc-timeout'];
  const given = timeout === undefined ? longestCall : timeoutIn(timeout);
  let call: UnaryCall | undefined;
  let partial: PartialMessage | undefined;
  let isAnswered = false;
  const ends = (): boolean => {
    if (isAnswered || stream.closed) return false;
    isAnswered = true;
    bounded.due = now() + farewell;
    return true;
  };
  const refuse = (fault: Fault): void => {
    if (ends()) stream.respond(refusalHead(fault), withoutMessage);
  };
  const answer = (framed: Buffer): void => {
    if (!ends()) return;
    stream.on('wantTrailers', sendTrailers);
    stream.respond(answerHead, withTrailers);
    stream.end(framed);
  };
  const giveUp = (): void => {
    if (!isAnswered) call?.givenUp?.();
  };
  const bounded: Bounded = {
    due: now() + Math.min(given ?? 0, longestCall),
    late() {
      if (isAnswered) {
        // RST_STREAM with NO_ERROR.
        stream.destroy();
        return;
      }
      giveUp();
      refuse(new Fault('timeout', 'the call took longer than it may'));
    },
  };
  const take = (chunk: Buffer): void => {
    // There is one message, and its call may have ended before it came.
    if (isAnswered || call !== undefined || method === undefined) return;
    try {
      let request = partial === undefined ? messageIn(chunk, mostMessage) : partial.add(chunk);
      if (request === undefined && partial === undefined) {
        partial = partialMessage(mostMessage, unfinished);
        request = partial.add(chunk);
      }
      if (request === undefined) return;
      call = { request, answer, refuse, givenUp: undefined };
      method(call);
    } catch (thrown) {
      refuse(asFault(thrown));
    }
  };
  const place = deadlines.add(bounded);
  // A reset with an error code needs no answer; `close` follows.
  stream.on('error', ignored);
  stream.on('close', () => {
    deadlines.remove(place);
    partial?.drop();
    giveUp();
  });
  stream.on('data', take);
  stream.on('end', () => {
    if (call === undefined) refuse(new Fault('internal', 'the call ended before its message was whole'));
  });
  const http = httpRefusal(headers);
  if (http !== undefined) {
    if (ends()) stream.respond({ ':status': http }, withoutMessage);
  } else if (method === undefined) refuse(new Fault('unsupported-path', 'the KMS plugin has no such method'));
  else if (given === undefined) refuse(new Fault('internal', 'the header grpc-timeout is malformed'));
}

function ignored(): void {}

function sendTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(trailersOfAnswer);
}
