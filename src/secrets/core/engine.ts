// What an engine or auth method sees of the server: the host it is opened with, the request it handles, the answer it gives.

import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Contract, HandlersFor, Verb } from '../../schema/contract.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';

/** `create` and `update` are both the contract's `write`. */
export type Operation = 'read' | 'list' | 'scan' | 'create' | 'update' | 'patch' | 'delete' | 'help';

/** Who asks, as far as an engine may know. Never the token itself. */
export interface Caller {
  /** Hex SHA-256 that names the token in storage. */
  readonly key: string;
  readonly accessor: string;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly entityId: string;
  readonly isRoot: boolean;
}

export interface EngineRequest {
  /** UUID v4, as in the envelope and the audit lines. */
  readonly id: string;
  readonly operation: Operation;
  /** Below the mount. */
  readonly path: string;
  /** As it was sent, before the fields were coerced. */
  readonly data: Readonly<Record<string, unknown>>;
  /** With the trailing slash: `secret/`. */
  readonly mountPoint: string;
  readonly caller: Caller | undefined;
  /** Seconds that the client asked the answer to be wrapped for. */
  readonly wrapTtl: number | undefined;
  readonly remoteAddress: string;
  readonly signal: AbortSignal;
}

/** Terms of a lease that the pipeline registers before the secret leaves. Seconds. */
export interface LeaseTerms {
  readonly ttl: number;
  readonly maxTtl: number;
  readonly renewable: boolean;
  /** Handed back to the engine's `revoke` and `renew`. JSON. */
  readonly internal: Readonly<Record<string, unknown>>;
}

/** The `auth` block, in the order of the wire. */
export interface AuthBlock {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly token_policies?: readonly string[];
  readonly identity_policies?: readonly string[];
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly lease_duration: number;
  readonly renewable: boolean;
  readonly entity_id: string;
  readonly token_type: 'service' | 'batch';
  readonly orphan: boolean;
  readonly mfa_requirement: null;
  readonly num_uses: number;
}

/** The `wrap_info` block. Seconds, RFC 3339. */
export interface WrapInfo {
  readonly token: string;
  readonly accessor: string;
  readonly ttl: number;
  readonly creation_time: string;
  readonly creation_path: string;
  readonly wrapped_accessor?: string;
}

/** What a login leads to: the pipeline finds the entity, makes the token and fills the `auth` block. Seconds; 0 says nothing. */
export interface LoginTerms {
  /** Who logged in, as the mount knows them: leads to an entity, which the first login makes. Without one there is none. */
  readonly alias?: { readonly name: string; readonly metadata?: Readonly<Record<string, string>> };
  /** Groups that the other side counts the caller to: external groups whose alias has the name take it as a member, others lose it. */
  readonly groups?: readonly string[];
  readonly displayName: string;
  /** Shown in the `auth` block and kept with the token. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly token: LoginLimits;
  /** Handed back to the engine's `renewLogin`. JSON. */
  readonly internal: Readonly<Record<string, unknown>>;
}

/** The common role fields of every auth method (`token_ttl` and the like). Seconds; 0 says nothing. */
export interface LoginLimits {
  readonly policies: readonly string[];
  readonly noDefaultPolicy: boolean;
  readonly ttl: number;
  readonly maxTtl: number;
  readonly explicitMaxTtl: number;
  readonly period: number;
  readonly numUses: number;
  readonly boundCidrs: readonly string[];
  /** `default` is what the mount is tuned to; a mount that is tuned to `service` or `batch` overrules all. */
  readonly type: 'service' | 'batch' | 'default' | 'default-service' | 'default-batch';
}

export interface Answer {
  /** Of a login. Its warnings and wrapping are as any answer's. */
  readonly login?: LoginTerms;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly warnings?: readonly string[];
  readonly lease?: LeaseTerms;
  /** A lease that exists already and was renewed. Seconds. */
  readonly renewed?: { readonly leaseId: string; readonly ttl: number; readonly renewable: boolean };
  /** What `wrap_info` names when this answer is wrapped, instead of the accessor of its token. */
  readonly wrappedAccessor?: string;
  /** A wrapping token that was made by the handler itself. */
  readonly wrapped?: WrapInfo;
  /** Shown as `lease_duration` although nothing is leased (KV v1). Seconds. */
  readonly leaseDuration?: number;
  readonly auth?: AuthBlock;
  /** Where it is not 200 (with something to say) or 204 (without): 404 with a whole envelope, 202. */
  readonly status?: number;
  /** Sent as it is, instead of an envelope. */
  readonly raw?: { readonly status: number; readonly contentType: string; readonly body: Uint8Array | string };
}

/** Handlers return undefined where there is nothing: 404 for read and list, 204 otherwise. They throw Faults. */
export type Handlers<C extends Contract> = HandlersFor<C, EngineRequest, Answer>;

type Handler = (input: Record<string, unknown>, request: EngineRequest) => Promise<Answer | undefined> | Answer | undefined;
export type AnyHandlers = Readonly<
  Record<
    string,
    Partial<Record<Verb, Handler>> & { readonly exists?: (input: Record<string, unknown>, request: EngineRequest) => Promise<boolean> }
  >
>;

export interface MountView {
  readonly uuid: string;
  readonly accessor: string;
  readonly type: string;
  /** With the trailing slash. Changes when the mount is moved. */
  readonly path: string;
  readonly options: Readonly<Record<string, string>>;
  /** What an auth method's mount is tuned to; absent where it is not. */
  readonly config?: { readonly user_lockout_config?: LockoutTuning };
}

/** As `sys/auth` shows it. Seconds; 0 and absent say nothing. */
export interface LockoutTuning {
  readonly user_lockout_threshold?: number;
  readonly user_lockout_duration?: number;
  readonly user_lockout_counter_reset_duration?: number;
  readonly user_lockout_disable?: boolean;
}

/** At once where the entry is remembered, a promise otherwise: await either. */
export type Cached = <T extends object>(key: string, decode: (bytes: Uint8Array) => T) => T | undefined | Promise<T | undefined>;

export interface Host {
  /** Read it at each use: tuning and moving replace it. */
  readonly mount: () => MountView;
  /** The mount's own entries and nothing else, decrypted. */
  readonly storage: Storage;
  /**
   * `storage.get` and `decode`, remembered until the entry changes. What it returns is shared: do not change it.
   * The pipeline has compared the change feed before the handler runs, so a handler may trust it.
   */
  readonly cached: Cached;
  /**
   * As `cached`, for a transaction of `storage`: the entry counts as read, and what is remembered of it is taken while it is still
   * the same. The same rules hold for what it returns.
   */
  readonly cachedWithin: <T extends object>(
    transaction: Transaction,
    key: string,
    decode: (bytes: Uint8Array) => T,
  ) => Promise<T | undefined>;
  /** Puts `value`, and remembers it for `cached` once it is written. From then on nobody may change it; `encode` must lose nothing of it. */
  readonly putCached: <T extends object>(transaction: Transaction, key: string, value: T, encode: (value: T) => Uint8Array) => void;
  /** Runs works on one key one after the other, in order of arrival, within this process. */
  readonly serialise: <T>(key: string, work: () => Promise<T>) => Promise<T>;
  /** Effective TTLs of the mount, seconds. */
  readonly ttl: () => { readonly default: number; readonly max: number };
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Log;
}

export interface Engine<C extends Contract = Contract> {
  readonly contract: C;
  readonly handlers: Handlers<C>;
  /** Takes a leased secret back; what is already gone counts as taken back. */
  readonly revoke?: (internal: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<void>;
  /**
   * Before a token of this method is renewed: what its role holds it to now. Throws Fault `invalid-request` when the role is
   * gone, and where the method does not renew tokens whose policies have changed (userpass): the token keeps those it had.
   */
  readonly renewLogin?: (internal: Readonly<Record<string, unknown>>) => Promise<LoginLimits>;
  /** The role that a login with this path (below the mount) and data is for, undefined for other requests: rate limits ask. Checks nothing else. */
  readonly loginRole?: (path: string, data: Readonly<Record<string, unknown>>) => Promise<string | undefined>;
  readonly close?: () => Promise<void>;
}

/** One kind of engine. It opens one Engine per mount. */
export interface EngineKind {
  readonly type: string;
  /** Which of the two mount tables it belongs to. */
  readonly table: 'secret' | 'auth';
  readonly description: string;
  readonly open: (host: Host) => OpenEngine | Promise<OpenEngine>;
}

/** An Engine with the types of its contract forgotten, as the mount table holds it. */
export interface OpenEngine {
  readonly contract: Contract;
  readonly handlers: AnyHandlers;
  readonly revoke?: Engine['revoke'];
  readonly renewLogin?: Engine['renewLogin'];
  readonly loginRole?: Engine['loginRole'];
  readonly close?: Engine['close'];
}

/** Forgets the contract's types once the compiler has checked the handlers against them. */
export function engine<C extends Contract>(open: Engine<C>): OpenEngine {
  return open as unknown as OpenEngine;
}
