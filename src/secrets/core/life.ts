// What is known of one request, filled in as it travels: the pipeline writes it, the audit devices read it.

import type { MountRecord } from '../mounts/record.ts';
import type { Denial } from '../policies/explain.ts';
import type { AuthBlock, Operation } from './engine.ts';
import type { Envelope, WireRequest } from './exchange.ts';

/** What the audit line shows of the token that was sent. */
export interface LifeToken {
  readonly accessor: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly meta: Readonly<Record<string, string>> | null;
  readonly type: 'service' | 'batch';
  readonly entityId: string;
  readonly orphan: boolean;
  /** Uses left before this one; 0 is without limit. */
  readonly numUses: number;
  /** Seconds. */
  readonly ttl: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

export interface GrantingPolicy {
  readonly name: string;
  readonly type: 'acl';
}

export interface Life {
  readonly wire: WireRequest;
  /** Monotonic milliseconds. */
  readonly started: number;
  operation: Operation;
  mount?: MountRecord;
  token?: LifeToken;
  /** Text of the token that a login made: the response line tells of it, not of the one that was sent. */
  issued?: string;
  /** What the token's entity adds to its policies. */
  identityPolicies?: readonly string[];
  allowed?: boolean;
  granting?: readonly GrantingPolicy[];
  /** For the audit line alone: the caller is not told why. */
  denial?: Denial;
  /** Of the answer, whatever it will be. */
  headers?: Readonly<Record<string, string>>;
  /** The audit devices are not to hear of it: a flood of refusals would be one of lines. */
  unaudited?: boolean;
  /** The text that the client gets. */
  error?: string;
  /** The answer as it is, before it was wrapped. */
  outcome?: {
    readonly data: Readonly<Record<string, unknown>> | null;
    readonly auth: AuthBlock | null;
    readonly leaseId: string;
    readonly warnings: readonly string[] | null;
    readonly wrapInfo: Envelope['wrap_info'];
  };
}

/** Where audit lines go. Both throw Fault `internal` when devices exist and none of them took the line. */
export interface AuditTrail {
  /** False when no device is enabled: then nothing needs to be gathered. */
  readonly active: boolean;
  request(life: Life): Promise<void>;
  response(life: Life): Promise<void>;
}
