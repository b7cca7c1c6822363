// A request's life, in order: mount, token, existence, policy, audit, validate, handle, lease, wrap, audit, answer.

import { asFault, Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { Verb } from '../../schema/contract.ts';
import { type Match, type Prepared, prepare } from '../../schema/routes.ts';
import { addressAllowed } from '../identity/cidrs.ts';
import type { FoundToken } from '../identity/tokens.ts';
import type { LeaseOrigin } from '../leases/leases.ts';
import type { MountRecord, MountTable } from '../mounts/record.ts';
import type { Mounted, Router } from '../mounts/router.ts';
import type { Acl } from '../policies/acl.ts';
import { filterList } from '../policies/list-filter.ts';
import { envelopeFor, faultReply, faultText, replyFor } from './answer.ts';
import { withCallerToken } from './caller-token.ts';
import type { Answer, Caller, EngineRequest, LeaseTerms, Operation, WrapInfo } from './engine.ts';
import type { Reply, WireRequest } from './exchange.ts';
import { helpFor } from './help.ts';
import type { AuditTrail, Life } from './life.ts';

export interface PipelineParts {
  readonly sealed: () => boolean;
  /** Routes that are answered whatever the state of the server: init, unseal, health. */
  readonly whileSealed: Mounted;
  /** Compares caches with the store. */
  readonly refresh: () => void | Promise<void>;
  readonly table: () => MountTable | Promise<MountTable>;
  readonly router: Router;
  readonly tokens: {
    find(token: string): Promise<FoundToken | undefined>;
    /** Takes one use off; undefined when there was none left. */
    use(found: FoundToken): Promise<{ readonly last: boolean } | undefined>;
    revoke(key: string): Promise<void>;
  };
  readonly aclFor: (policies: readonly string[]) => Promise<Acl>;
  readonly leases: {
    issue(terms: LeaseTerms, origin: LeaseOrigin): Promise<{ readonly leaseId: string }>;
  };
  readonly wrap: (body: string, options: { ttl: number; creationPath: string; wrappedAccessor?: string }) => Promise<WrapInfo>;
  readonly audit: AuditTrail;
  readonly observe: (life: Life, milliseconds: number) => void;
  readonly now: () => number;
  readonly log: Log;
}

/** What the stages before the handler found out. */
interface Admitted {
  readonly mounted: Mounted | undefined;
  readonly match: Match | undefined;
  readonly found: FoundToken | undefined;
  /** What the caller may see of a list; undefined where it sees all. */
  readonly filter: ((answer: Answer | undefined) => Answer | undefined) | undefined;
  /** Set when the existence check already had to read the parameters. */
  readonly prepared: Prepared | undefined;
  readonly request: EngineRequest;
}

export type Pipeline = (wire: WireRequest) => Promise<Reply>;

export function createPipeline(parts: PipelineParts): Pipeline {
  return async (wire) => {
    const started = parts.now();
    const life: Life = { wire, operation: wire.operation === 'write' ? 'update' : wire.operation };
    const fixed = alwaysAnswered(parts, wire);
    const reply = fixed === undefined ? await travel(parts, life) : await answerSealed(parts, fixed, life);
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
    const found = await authenticate(parts, life, match);
    const counts = !isOpen(match, life.wire);
    if (found !== undefined && found.entry.numUses !== 0 && counts) uses = await takeUse(parts, found);
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
    const unheard = await auditFault(parts, life, requestLineWritten);
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

async function authenticate(parts: PipelineParts, life: Life, match: Match | undefined): Promise<FoundToken | undefined> {
  const { token } = life.wire;
  const optional = isOpen(match, life.wire);
  const found = token === undefined || token === '' ? undefined : await parts.tokens.find(token);
  if (found === undefined || !addressAllowed(found.entry.boundCidrs, life.wire.remoteAddress)) {
    if (optional) return undefined;
    throw new Fault('permission-denied', 'permission denied');
  }
  life.token = found.entry;
  return found;
}

/** No token is asked for. */
function isOpen(match: Match | undefined, wire: WireRequest): boolean {
  if (match === undefined) return false;
  const { unauthenticated, opened } = match.route.spec;
  return unauthenticated === true || (opened !== undefined && opened === wire.opens);
}

async function takeUse(parts: PipelineParts, found: FoundToken): Promise<{ readonly key: string; readonly last: boolean }> {
  const use = await parts.tokens.use(found);
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
  const acl = await parts.aclFor(found.entry.policies);
  const verdict = acl.allows({
    operation: life.operation,
    path: wire.path,
    data: wire.data,
    wrapTtl: wire.wrapTtl,
    sudo: match?.route.spec.sudo === true,
  });
  life.allowed = verdict.allowed;
  life.granting = verdict.granting;
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
  if (life.operation === 'help') return helpFor(mounted, match);
  if (match === undefined) throw new Fault('unsupported-path', 'unsupported path');
  const verb: Verb = life.operation === 'create' || life.operation === 'update' ? 'write' : life.operation;
  const handler = mounted.engine.handlers[match.route.name]?.[verb];
  if (handler === undefined) throw new Fault('unsupported-operation', 'unsupported operation');
  const prepared = admitted.prepared ?? validated(match, verb, life.wire.data);
  const whole = await handler(prepared.input, request);
  const answer = admitted.filter === undefined ? whole : admitted.filter(whole);
  return settle(parts, life, answer, { admitted, match, prepared, lastUse });
}

interface Ending {
  readonly admitted: Admitted;
  readonly match: Match;
  readonly prepared: Prepared;
  readonly lastUse: boolean;
}

/** The lease is written before its secret leaves; then the answer is wrapped if the client asked for it. */
async function settle(parts: PipelineParts, life: Life, answer: Answer | undefined, ending: Ending): Promise<Reply> {
  const { admitted, match, prepared } = ending;
  const leaseId = answer?.lease === undefined ? (answer?.renewed?.leaseId ?? '') : await issueLease(parts, life, answer.lease, ending);
  const facts = {
    requestId: life.wire.id,
    operation: life.operation,
    leaseId,
    warnings: answer === undefined ? [] : parameterWarnings(prepared),
  };
  const reply = replyFor(answer, match.route.spec, facts);
  const wanted = wrapSeconds(life, admitted, answer);
  // The odd text is the one that clients know: what is not there is not wrapped.
  if (wanted > 0 && life.operation === 'list' && reply.kind === 'errors')
    throw new Fault('unsupported-path', 'unsupported path', { framed: false });
  const wrapInfo = await wrapInfoOf(parts, life, answer, { reply, ttl: wanted });
  if (parts.audit.active) {
    const envelope = reply.kind === 'envelope' ? reply.envelope : undefined;
    life.outcome = {
      data: envelope?.data ?? null,
      auth: envelope?.auth ?? null,
      leaseId,
      warnings: envelope?.warnings ?? null,
      wrapInfo,
    };
  }
  if (wrapInfo === null) return reply;
  return {
    kind: 'envelope',
    status: 200,
    injected: false,
    envelope: { ...envelopeFor({}, { ...facts, requestId: '', leaseId: '', warnings: [] }), wrap_info: wrapInfo },
  };
}

async function issueLease(parts: PipelineParts, life: Life, terms: LeaseTerms, ending: Ending): Promise<string> {
  const { found, mounted } = ending.admitted;
  if (found === undefined || mounted === undefined) throw new Fault('internal', 'a leased secret needs a token');
  const { key, entry } = found;
  const { leaseId } = await parts.leases.issue(terms, {
    path: life.wire.path,
    mountUuid: mounted.record.uuid,
    tokenKey: key,
    ...(entry.type === 'batch' && entry.expires !== null ? { batch: { expires: entry.expires, ...parentOf(entry) } } : {}),
  });
  if (ending.lastUse)
    throw new Fault(
      'invalid-request',
      'Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.',
    );
  return leaseId;
}

function parentOf({ parent }: FoundToken['entry']): { readonly parent?: string } {
  return parent === undefined ? {} : { parent };
}

function wrapSeconds(life: Life, { match }: Admitted, answer: Answer | undefined): number {
  if (answer?.raw !== undefined || match?.route.spec.bare === true) return 0;
  return life.wire.wrapTtl ?? 0;
}

interface Wrappable {
  readonly reply: Reply;
  /** Seconds; 0 where no wrapping was asked for. */
  readonly ttl: number;
}

async function wrapInfoOf(
  parts: PipelineParts,
  life: Life,
  answer: Answer | undefined,
  { reply, ttl }: Wrappable,
): Promise<WrapInfo | null> {
  if (answer?.wrapped !== undefined) return answer.wrapped;
  if (answer === undefined || ttl === 0 || reply.kind !== 'envelope') return null;
  const wrappedAccessor = answer.auth?.accessor;
  return parts.wrap(JSON.stringify(reply.envelope), {
    ttl,
    creationPath: life.wire.path,
    ...(wrappedAccessor === undefined ? {} : { wrappedAccessor }),
  });
}

function validated(match: Match, verb: Verb, data: WireRequest['data']): Prepared {
  try {
    return prepare(match, verb, data);
  } catch (thrown) {
    const fault = asFault(thrown);
    throw fault.code === 'invalid-request' ? new Fault('invalid-request', `Field validation failed: ${fault.message}`) : fault;
  }
}

function parameterWarnings({ ignored, replaced }: Prepared): string[] {
  const warnings: string[] = [];
  if (ignored.length > 0) warnings.push(`Endpoint ignored these unrecognized parameters: [${ignored.join(' ')}]`);
  if (replaced.length > 0)
    warnings.push(
      `Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${replaced.join(' ')}]`,
    );
  return warnings;
}

function engineRequest(life: Life, mounted: Mounted | undefined, found: FoundToken | undefined): EngineRequest {
  const { wire } = life;
  const request: EngineRequest = {
    id: wire.id,
    get operation(): Operation {
      return life.operation;
    },
    path: mounted === undefined ? wire.path : wire.path.slice(mounted.path.length),
    data: wire.data,
    mountPoint: mounted?.path ?? '',
    caller: found === undefined ? undefined : callerOf(found),
    wrapTtl: wire.wrapTtl,
    remoteAddress: wire.remoteAddress,
    get signal(): AbortSignal {
      return wire.signal;
    },
  };
  return withCallerToken(request, wire.token);
}

const callers = new WeakMap<FoundToken['entry'], Caller>();

function callerOf({ key, entry }: FoundToken): Caller {
  const known = callers.get(entry);
  if (known !== undefined) return known;
  const caller: Caller = {
    key,
    accessor: entry.accessor,
    displayName: entry.displayName,
    policies: entry.policies,
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
