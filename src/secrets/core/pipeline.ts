// A request's life, in order: mount, rate, token, existence, policy, audit, validate, handle, lease, wrap, audit, answer.

import { asFault, Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Roster } from '../../base/roster.ts';
import type { Verb } from '../../schema/contract.ts';
import { type Match, type Prepared, prepare } from '../../schema/routes.ts';
import { addressAllowed } from '../identity/cidrs.ts';
import type { FoundToken } from '../identity/tokens.ts';
import type { Subject, Subjects } from '../identity-store/subjects.ts';
import type { MountRecord, MountTable } from '../mounts/record.ts';
import type { Mounted, Router } from '../mounts/router.ts';
import type { Acl } from '../policies/acl.ts';
import { filterList } from '../policies/list-filter.ts';
import { pass, type QuotaGate, withHeaders } from '../quotas/gate.ts';
import { faultReply, faultText, replyFor } from './answer.ts';
import { withCallerToken } from './caller-token.ts';
import type { Answer, Caller, EngineRequest, Operation } from './engine.ts';
import type { Reply, WireRequest } from './exchange.ts';
import { helpFor } from './help.ts';
import type { AuditTrail, Life } from './life.ts';
import { type SettlingParts, settle } from './settling.ts';

export interface PipelineParts extends SettlingParts {
  readonly sealed: () => boolean;
  /** Routes that are answered whatever the state of the server: init, unseal, health. */
  readonly whileSealed: Mounted;
  /** Compares caches with the store. */
  readonly refresh: () => void | Promise<void>;
  readonly table: () => MountTable | Promise<MountTable>;
  readonly router: Router;
  /** Costs nothing where there are no quotas. */
  readonly quota: QuotaGate;
  readonly tokens: {
    find(token: string): Promise<FoundToken | undefined>;
    /** Takes one use off; undefined when there was none left. */
    use(found: FoundToken): Promise<{ readonly last: boolean } | undefined>;
    revoke(key: string): Promise<void>;
  };
  readonly subjects: Subjects;
  readonly aclFor: (policies: readonly string[], subject: Subject | undefined) => Promise<Acl>;
  readonly audit: AuditTrail;
  /** Each request from its beginning to its answer. */
  readonly underWay: Roster<Life>;
  readonly observe: (life: Life, milliseconds: number) => void;
  readonly now: () => number;
  readonly log: Log;
}

/** What the stages before the handler found out. */
interface Admitted {
  readonly mounted: Mounted | undefined;
  readonly match: Match | undefined;
  readonly found: Authenticated | undefined;
  /** What the caller may see of a list; undefined where it sees all. */
  readonly filter: ((answer: Answer | undefined) => Answer | undefined) | undefined;
  /** Set when the existence check already had to read the parameters. */
  readonly prepared: Prepared | undefined;
  readonly request: EngineRequest;
}

/** A token that was let in, with all that its entity adds to it. */
interface Authenticated extends FoundToken {
  readonly subject: Subject | undefined;
  /** The token's own and those of its entity. */
  readonly policies: readonly string[];
}

export type Pipeline = (wire: WireRequest) => Promise<Reply>;

export function createPipeline(parts: PipelineParts): Pipeline {
  return async (wire) => {
    const started = parts.now();
    const life: Life = { wire, started, operation: wire.operation === 'write' ? 'update' : wire.operation };
    const place = parts.underWay.add(life);
    const fixed = alwaysAnswered(parts, wire);
    const reply = fixed === undefined ? withHeaders(await travel(parts, life), life) : await answerSealed(parts, fixed, life);
    parts.underWay.remove(place);
    parts.observe(life, parts.now() - started);
    return reply;
  };
}

/** From the mount to the answer, or to the fault that ended the journey; either way the audit devices hear of it. */
async function travel(parts: PipelineParts, life: Life): Promise<Reply> {
  let uses: { readonly key: string; readonly last: boolean } | undefined;
  let requestLineWritten = false;
  try {
    if (parts.sealed()) throw new Fault('sealed', 'Vault is sealed');
    if (life.wire.head) throw new Fault('unsupported-operation', '');
    const waiting = parts.refresh();
    if (waiting !== undefined) await waiting;
    const { mounted, match } = await findMount(parts, life);
    const admission = parts.quota(life, mounted);
    pass(life, admission instanceof Promise ? await admission : admission);
    const found = await authenticate(parts, life, match);
    const counts = !isOpen(match, life.wire);
    if (found !== undefined && found.entry.numUses !== 0 && counts) uses = await takeUse(parts, life, found);
    const admitted = await admit(parts, life, { mounted, match, found });
    if (parts.audit.active) {
      requestLineWritten = true;
      await parts.audit.request(life);
    }
    const reply = await handle(parts, life, admitted, uses?.last === true);
    if (parts.audit.active) await parts.audit.response(life);
    return reply;
  } catch (thrown) {
    const fault = asFault(thrown);
    report(parts.log, life, fault);
    life.error = faultText(fault);
    if (fault.http === 403) life.denial ??= { reason: fault.fields?.['denial'] === 'locked_out' ? 'locked_out' : 'route' };
    const unheard = life.unaudited === true ? undefined : await auditFault(parts, life, requestLineWritten);
    return faultReply(unheard ?? fault);
  } finally {
    if (uses?.last === true) await parts.tokens.revoke(uses.key);
  }
}

async function findMount(parts: PipelineParts, life: Life): Promise<{ mounted: Mounted | undefined; match: Match | undefined }> {
  const { path } = life.wire;
  const table = parts.table();
  const mounting = parts.router.find(table instanceof Promise ? await table : table, path);
  const mounted = mounting instanceof Promise ? await mounting : mounting;
  if (mounted === undefined) return { mounted, match: undefined };
  life.mount = mounted.record;
  return { mounted, match: mounted.routes.match(path.slice(mounted.path.length)) };
}

async function authenticate(parts: PipelineParts, life: Life, match: Match | undefined): Promise<Authenticated | undefined> {
  const { token } = life.wire;
  const optional = isOpen(match, life.wire);
  const found = token === undefined || token === '' ? undefined : await parts.tokens.find(token);
  if (found === undefined || !addressAllowed(found.entry.boundCidrs, life.wire.remoteAddress)) {
    if (optional) return undefined;
    life.denial = { reason: found !== undefined ? 'bound_cidrs' : token ? 'unknown_token' : 'no_token' };
    throw new Fault('permission-denied', 'permission denied');
  }
  life.token = found.entry;
  const { key, entry } = found;
  if (entry.entityId === '') return { key, entry, subject: undefined, policies: entry.policies };
  const standing = parts.subjects.of(entry.entityId);
  const subject = standing instanceof Promise ? await standing : standing;
  // The token stays: its entity may be enabled again.
  if (subject === undefined || subject.entity.disabled) {
    if (optional) return undefined;
    life.denial = { reason: 'entity_disabled' };
    throw new Fault('permission-denied', 'permission denied');
  }
  life.identityPolicies = subject.policies;
  return { key, entry, subject, policies: subject.together(entry.policies) };
}

/** No token is asked for. */
function isOpen(match: Match | undefined, wire: WireRequest): boolean {
  if (match === undefined) return false;
  const { unauthenticated, opened } = match.route.spec;
  return unauthenticated === true || (opened !== undefined && opened === wire.opens);
}

async function takeUse(parts: PipelineParts, life: Life, found: FoundToken): Promise<{ readonly key: string; readonly last: boolean }> {
  const use = await parts.tokens.use(found);
  if (use === undefined) life.denial = { reason: 'no_uses_left' };
  if (use === undefined) throw new Fault('permission-denied', 'permission denied');
  return { key: found.key, last: use.last };
}

/** Create or update, then the policies. */
async function admit(parts: PipelineParts, life: Life, known: Pick<Admitted, 'mounted' | 'match' | 'found'>): Promise<Admitted> {
  const { mounted, match, found } = known;
  const { wire } = life;
  const request = engineRequest(life, mounted, found);
  let prepared: Prepared | undefined;
  if (wire.operation === 'write' && match?.route.spec.exists === true && match.route.spec.operations.write !== undefined) {
    prepared = prepare(match, 'write', wire.data);
    const exists = mounted?.engine.handlers[match.route.name]?.exists;
    if (exists !== undefined && !(await exists(prepared.input, request))) life.operation = 'create';
  }
  if (isOpen(match, wire) || found === undefined) return { ...known, filter: undefined, prepared, request };
  const acl = await parts.aclFor(found.policies, found.subject);
  const verdict = acl.allows({
    operation: life.operation,
    path: wire.path,
    data: wire.data,
    wrapTtl: wire.wrapTtl,
    sudo: match?.route.spec.sudo === true,
  });
  life.allowed = verdict.allowed;
  life.granting = verdict.granting;
  if (verdict.denial !== undefined) life.denial = verdict.denial;
  if (!verdict.allowed) throw new Fault('policy-denied', 'permission denied');
  const { listFilter } = verdict;
  const mayUse = (operation: 'read' | 'list', path: string) =>
    acl.allows({ operation, path, data: {}, wrapTtl: undefined, sudo: false }).allowed;
  const filter =
    listFilter === undefined ? undefined : (answer: Answer | undefined) => filterList(answer, (key) => listFilter(wire.path, key), mayUse);
  return { ...known, filter, prepared, request };
}

async function handle(parts: PipelineParts, life: Life, admitted: Admitted, lastUse: boolean): Promise<Reply> {
  const { mounted, match, request } = admitted;
  if (mounted === undefined)
    throw new Fault('unsupported-path', `no handler for route ${JSON.stringify(life.wire.path)}. route entry not found.`, {
      framed: false,
    });
  // Of the mount itself, even where a route takes every path.
  if (life.operation === 'help') return helpFor(mounted, life.wire.path.length > mounted.path.length ? match : undefined);
  if (match === undefined) throw new Fault('unsupported-path', 'unsupported path');
  const verb: Verb = life.operation === 'create' || life.operation === 'update' ? 'write' : life.operation;
  const handler = mounted.engine.handlers[match.route.name]?.[verb];
  if (handler === undefined) throw new Fault('unsupported-operation', 'unsupported operation');
  const prepared = admitted.prepared ?? validated(match, verb, life.wire.data);
  const whole = await handler(prepared.input, request);
  const answer = admitted.filter === undefined ? whole : admitted.filter(whole);
  return settle(parts, life, answer, { mounted, found: admitted.found, match, prepared, lastUse });
}

function validated(match: Match, verb: Verb, data: WireRequest['data']): Prepared {
  try {
    return prepare(match, verb, data);
  } catch (thrown) {
    const fault = asFault(thrown);
    throw fault.code === 'invalid-request' ? new Fault('invalid-request', `Field validation failed: ${fault.message}`) : fault;
  }
}

/** A class for its getters, as the request of the wire is one. */
class TravellingRequest implements EngineRequest {
  readonly id: string;
  readonly path: string;
  readonly data: WireRequest['data'];
  readonly mountPoint: string;
  readonly caller: Caller | undefined;
  readonly wrapTtl: number | undefined;
  readonly remoteAddress: string;
  readonly #life: Life;

  constructor(life: Life, mounted: Mounted | undefined, caller: Caller | undefined) {
    const { wire } = life;
    this.id = wire.id;
    this.path = mounted === undefined ? wire.path : wire.path.slice(mounted.path.length);
    this.data = wire.data;
    this.mountPoint = mounted?.path ?? '';
    this.caller = caller;
    this.wrapTtl = wire.wrapTtl;
    this.remoteAddress = wire.remoteAddress;
    this.#life = life;
  }

  get operation(): Operation {
    return this.#life.operation;
  }

  get signal(): AbortSignal {
    return this.#life.wire.signal;
  }
}

function engineRequest(life: Life, mounted: Mounted | undefined, found: Authenticated | undefined): EngineRequest {
  const caller = found === undefined ? undefined : callerOf(found);
  return withCallerToken(new TravellingRequest(life, mounted, caller), life.wire.token);
}

const callers = new WeakMap<FoundToken['entry'], Caller>();

function callerOf({ key, entry, policies }: Authenticated): Caller {
  const known = callers.get(entry);
  if (known !== undefined && known.policies === policies) return known;
  const caller: Caller = {
    key,
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies,
    entityId: entry.entityId,
    isRoot: entry.policies.includes('root'),
  };
  callers.set(entry, caller);
  return caller;
}

/** Both lines, whatever ended the request. Resolves to the fault that replaces the first one when no device could take a line. */
async function auditFault(parts: PipelineParts, life: Life, requestLineWritten: boolean): Promise<Fault | undefined> {
  if (parts.sealed() || !parts.audit.active) return undefined;
  try {
    if (!requestLineWritten) await parts.audit.request(life);
    await parts.audit.response(life);
    return undefined;
  } catch (thrown) {
    return asFault(thrown);
  }
}

function report(log: Log, life: Life, fault: Fault): void {
  if (fault.http < 500 || fault.code === 'sealed') return;
  const mount: MountRecord | undefined = life.mount;
  log.error('a request failed', {
    request_id: life.wire.id,
    operation: life.operation,
    mount_type: mount?.type,
    error: fault,
    ...fault.fields,
  });
}

function alwaysAnswered(parts: PipelineParts, wire: WireRequest): Match | undefined {
  if (!wire.path.startsWith('sys/') || wire.operation === 'help') return undefined;
  const match = parts.whileSealed.routes.match(wire.path.slice('sys/'.length));
  return match?.route.spec.whileSealed === true ? match : undefined;
}

/** Clients of these routes have always been free to write Key or KEY. */
function lowerCased(data: WireRequest['data']): WireRequest['data'] {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Neither token, policy nor audit: these routes come before all of them. */
async function answerSealed({ whileSealed, log }: PipelineParts, match: Match, life: Life): Promise<Reply> {
  try {
    const verb: Verb = life.wire.operation as Verb;
    const handler = whileSealed.engine.handlers[match.route.name]?.[verb];
    if (handler === undefined) throw new Fault('unsupported-operation', '');
    const { input } = prepare(match, verb, lowerCased(life.wire.data));
    return replyFor(await handler(input, engineRequest(life, whileSealed, undefined)), match.route.spec, {
      requestId: life.wire.id,
      operation: life.operation,
      leaseId: '',
      warnings: [],
    });
  } catch (thrown) {
    const fault = asFault(thrown);
    report(log, life, fault);
    return faultReply(fault);
  }
}
