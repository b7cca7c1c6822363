// The end of a request's life: the lease is written before its secret leaves, and the answer is wrapped where that was asked for.

import { Fault } from '../../base/fault.ts';
import type { Match, Prepared } from '../../schema/routes.ts';
import type { FoundToken } from '../identity/tokens.ts';
import type { LeaseOrigin } from '../leases/leases.ts';
import type { Mounted } from '../mounts/router.ts';
import { envelopeFor, replyFor } from './answer.ts';
import type { Answer, LeaseTerms, WrapInfo } from './engine.ts';
import type { Reply } from './exchange.ts';
import type { Life } from './life.ts';
import type { Login } from './login.ts';

export interface SettlingParts {
  readonly leases: {
    issue(terms: LeaseTerms, origin: LeaseOrigin): Promise<{ readonly leaseId: string }>;
  };
  readonly wrap: (body: string, options: { ttl: number; creationPath: string; wrappedAccessor?: string }) => Promise<WrapInfo>;
  readonly login: Login;
  readonly audit: { readonly active: boolean };
}

/** What the stages before know of the request. */
export interface Ending {
  readonly mounted: Mounted | undefined;
  readonly found: FoundToken | undefined;
  readonly match: Match;
  readonly prepared: Prepared;
  readonly lastUse: boolean;
}

export async function settle(parts: SettlingParts, life: Life, handled: Answer | undefined, ending: Ending): Promise<Reply> {
  const { match, prepared } = ending;
  const answer = await loggedIn(parts, life, handled, ending);
  const leaseId = answer?.lease === undefined ? (answer?.renewed?.leaseId ?? '') : await issueLease(parts, life, answer.lease, ending);
  const facts = {
    requestId: life.wire.id,
    operation: life.operation,
    leaseId,
    warnings: answer === undefined ? [] : parameterWarnings(prepared),
  };
  const reply = replyFor(answer, match.route.spec, facts);
  const wanted = wrapSeconds(life, match, answer);
  // The odd text is the one that clients know: what is not there is not wrapped.
  if (wanted > 0 && (life.operation === 'list' || life.operation === 'scan') && reply.kind === 'errors')
    throw new Fault('unsupported-path', 'unsupported path', { framed: false });
  const wrapInfo = await wrapInfoOf(parts, life, answer, { reply, ttl: wanted });
  if (parts.audit.active) life.outcome = outcomeOf(reply, leaseId, wrapInfo);
  if (wrapInfo === null) return reply;
  return {
    kind: 'envelope',
    status: 200,
    injected: false,
    envelope: { ...envelopeFor({}, { ...facts, requestId: '', leaseId: '', warnings: [] }), wrap_info: wrapInfo },
  };
}

/** What the audit line tells of the answer, before it was wrapped. */
function outcomeOf(reply: Reply, leaseId: string, wrapInfo: WrapInfo | null): NonNullable<Life['outcome']> {
  const { data = null, auth = null, warnings = null } = reply.kind === 'envelope' ? reply.envelope : {};
  return { data, auth, leaseId, warnings, wrapInfo };
}

/** A login's answer with the token that it leads to; any other as it is. */
async function loggedIn(parts: SettlingParts, life: Life, answer: Answer | undefined, { mounted }: Ending): Promise<Answer | undefined> {
  if (answer?.login === undefined || mounted === undefined) return answer;
  const { login, ...others } = answer;
  const { auth, warnings } = await parts.login(life, login, mounted.record);
  return { ...others, auth, ...(warnings.length === 0 ? {} : { warnings: [...(answer.warnings ?? []), ...warnings] }) };
}

async function issueLease(parts: SettlingParts, life: Life, terms: LeaseTerms, ending: Ending): Promise<string> {
  const { found, mounted } = ending;
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

function wrapSeconds(life: Life, match: Match, answer: Answer | undefined): number {
  if (answer?.raw !== undefined || match.route.spec.bare === true) return 0;
  return life.wire.wrapTtl ?? 0;
}

interface Wrappable {
  readonly reply: Reply;
  /** Seconds; 0 where no wrapping was asked for. */
  readonly ttl: number;
}

async function wrapInfoOf(
  parts: SettlingParts,
  life: Life,
  answer: Answer | undefined,
  { reply, ttl }: Wrappable,
): Promise<WrapInfo | null> {
  if (answer?.wrapped !== undefined) return answer.wrapped;
  if (answer === undefined || ttl === 0 || reply.kind !== 'envelope') return null;
  const wrappedAccessor = answer.wrappedAccessor ?? answer.auth?.accessor;
  return parts.wrap(JSON.stringify(reply.envelope), {
    ttl,
    creationPath: life.wire.path,
    ...(wrappedAccessor === undefined ? {} : { wrappedAccessor }),
  });
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
