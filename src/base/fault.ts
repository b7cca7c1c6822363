// The one error class: a closed list of codes, and the table that gives each its HTTP status, gRPC status and exit code.

interface FaultRow {
  readonly http: number;
  /** gRPC status number (grpc/doc/statuscodes.md). */
  readonly grpc: number;
  /** Exit code of a command that ends with this fault. */
  readonly exit: number;
  /** Shown to API clients inside Go's multierror frame, which clients of Vault know as `1 error occurred:`. */
  readonly framed?: true;
}

export const faults = {
  'invalid-request': { http: 400, grpc: 3, exit: 2 },
  /** A login that named an account and did not prove it: counted against that account. */
  'invalid-credentials': { http: 400, grpc: 16, exit: 2 },
  'permission-denied': { http: 403, grpc: 16, exit: 2 },
  'policy-denied': { http: 403, grpc: 7, exit: 2, framed: true },
  'not-found': { http: 404, grpc: 5, exit: 2 },
  'unsupported-path': { http: 404, grpc: 12, exit: 2, framed: true },
  'unsupported-operation': { http: 405, grpc: 12, exit: 2, framed: true },
  'too-large': { http: 413, grpc: 8, exit: 2 },
  'unsupported-media-type': { http: 415, grpc: 3, exit: 2 },
  'rate-limited': { http: 429, grpc: 8, exit: 2 },
  internal: { http: 500, grpc: 13, exit: 1, framed: true },
  'engine-failed': { http: 500, grpc: 13, exit: 1, framed: true },
  corrupted: { http: 500, grpc: 15, exit: 1, framed: true },
  'storage-failed': { http: 500, grpc: 14, exit: 1, framed: true },
  conflict: { http: 500, grpc: 10, exit: 1, framed: true },
  'not-initialized': { http: 501, grpc: 9, exit: 2 },
  sealed: { http: 503, grpc: 14, exit: 2 },
  unavailable: { http: 503, grpc: 14, exit: 1 },
  timeout: { http: 504, grpc: 4, exit: 1 },
  usage: { http: 400, grpc: 3, exit: 1 },
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faults;

export interface FaultOptions {
  /** What led here; goes to the log, never to a client. */
  readonly cause?: unknown;
  /** Overrides the row's frame, for the few texts that Vault frames differently. */
  readonly framed?: boolean;
  /** Sent beside the errors. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Constant-shaped facts for the log; nothing secret. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The message reaches clients and logs, so nothing secret may stand in it. Absence is `undefined`; a Fault is refusal or damage. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly framed: boolean;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly fields: Readonly<Record<string, unknown>> | undefined;

  constructor(code: FaultCode, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Fault';
    this.code = code;
    const row: FaultRow = faults[code];
    this.framed = options.framed ?? row.framed === true;
    this.data = options.data;
    this.fields = options.fields;
  }

  get http(): number {
    return faults[this.code].http;
  }

  get exit(): number {
    return faults[this.code].exit;
  }
}

/** Any thrown value as a Fault; what is not one becomes `internal` and keeps its cause for the log alone. */
export function asFault(thrown: unknown): Fault {
  return thrown instanceof Fault ? thrown : new Fault('internal', 'internal error', { cause: thrown });
}
