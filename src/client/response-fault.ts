// What a server refused: method, URL, status and its errors, in the words that users of Vault's command know.

import { Fault, type FaultCode } from '../base/fault.ts';
import type { Secret } from './secret.ts';

export interface Refusal {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  /** The server's sentences; empty when it gave none. */
  readonly errors: readonly string[];
  /** The body was no JSON with errors, and stands as it came in `errors`. */
  readonly raw: boolean;
  /** As the server echoed it. */
  readonly namespace?: string | undefined;
  /** What came beside the errors, for an answer that carries data or warnings all the same. */
  readonly secret?: Secret | undefined;
}

/** Its message is `Error making API request.`, the URL, the code and the errors. */
export class ResponseFault extends Fault implements Refusal {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly errors: readonly string[];
  readonly raw: boolean;
  readonly namespace: string | undefined;
  readonly secret: Secret | undefined;

  constructor(refusal: Refusal) {
    super(codeOf(refusal.status), messageOf(refusal));
    this.name = 'ResponseFault';
    this.method = refusal.method;
    this.url = refusal.url;
    this.status = refusal.status;
    this.errors = refusal.errors;
    this.raw = refusal.raw;
    this.namespace = refusal.namespace;
    this.secret = refusal.secret;
  }
}

const codes: ReadonlyMap<number, FaultCode> = new Map([
  [403, 'permission-denied'],
  [404, 'not-found'],
  [405, 'unsupported-operation'],
  [413, 'too-large'],
  [415, 'unsupported-media-type'],
  [429, 'rate-limited'],
  [501, 'not-initialized'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'timeout'],
]);

function codeOf(status: number): FaultCode {
  return codes.get(status) ?? (status >= 500 ? 'internal' : 'invalid-request');
}

function messageOf({ method, url, status, errors, raw, namespace }: Refusal): string {
  const where = namespace === undefined || namespace === '' || namespace === 'root/' ? '' : `Namespace: ${namespace}\n`;
  const said = raw ? errors.join('\n') : errors.map((error) => `* ${error}`).join('\n');
  return `Error making API request.\n\n${where}URL: ${method} ${url}\nCode: ${status}. ${raw ? 'Raw Message' : 'Errors'}:\n\n${said}`;
}
