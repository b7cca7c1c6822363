// What the wire hands to the pipeline and gets back: a parsed request and a reply that has no socket in it.

import type { AuthBlock, Operation, WrapInfo } from './engine.ts';

/** `write` until the existence check has said create or update. */
export type WireOperation = Exclude<Operation, 'create' | 'update'> | 'write';

export interface WireRequest {
  /** UUID v4. */
  readonly id: string;
  readonly operation: WireOperation;
  /** Without `/v1/`, percent-decoded; a list path ends in `/`. */
  readonly path: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly token: string | undefined;
  /** Seconds. */
  readonly wrapTtl: number | undefined;
  readonly namespace: string | undefined;
  /** As they came, lower-case names; the token headers among them are for nobody but the parser. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What the listener answers without a token. */
  readonly opens: 'metrics' | undefined;
  /** True for HEAD: everything but the body. */
  readonly head: boolean;
  readonly signal: AbortSignal;
}

export interface Envelope {
  readonly request_id: string;
  readonly lease_id: string;
  readonly renewable: boolean;
  readonly lease_duration: number;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly wrap_info: WrapInfo | null;
  readonly warnings: readonly string[] | null;
  readonly auth: AuthBlock | null;
}

/** Headers beside those that every answer has; lower-case names. */
export type Reply = ReplyContent & { readonly headers?: Readonly<Record<string, string>> };

type ReplyContent =
  | { readonly kind: 'empty'; readonly status: number }
  /** `injected`: the keys of data stand at the top level too. */
  | { readonly kind: 'envelope'; readonly status: number; readonly envelope: Envelope; readonly injected: boolean }
  | { readonly kind: 'bare'; readonly status: number; readonly data: Readonly<Record<string, unknown>> }
  | { readonly kind: 'raw'; readonly status: number; readonly contentType: string; readonly body: Uint8Array | string }
  | {
      readonly kind: 'errors';
      readonly status: number;
      readonly errors: readonly string[];
      readonly data?: Readonly<Record<string, unknown>>;
      readonly warnings?: readonly string[];
    };
