// Handler of sys/policies/explain: puts the question to the ACL that requests are put to, and words its verdict.

import { sysExplain } from '../../api/sys-explain.ts';
import { Fault } from '../../base/fault.ts';
import type { RouteSpec } from '../../schema/contract.ts';
import { type Answer, type EngineRequest, engine, type OpenEngine, type Operation } from '../core/engine.ts';
import type { Acl, Verdict } from '../policies/acl.ts';
import { describeDenial, sayDenial } from '../policies/explain.ts';
import type { PolicyStore } from '../policies/store.ts';

export interface ExplainParts {
  readonly policies: Pick<PolicyStore, 'get' | 'aclFor'>;
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
  /** undefined for a token that is not valid. */
  readonly aclOfToken: (token: string) => Promise<Acl | undefined>;
  readonly aclOfAccessor: (accessor: string) => Promise<Acl | undefined>;
  /** undefined where nothing is mounted or the mount has no such route. */
  readonly routeOf: (path: string) => Promise<RouteSpec | undefined>;
}

interface Asked {
  readonly path?: string | undefined;
  readonly operation?: string | undefined;
  readonly token?: string | undefined;
  readonly accessor?: string | undefined;
  readonly policies?: readonly string[] | undefined;
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly wrap_ttl?: number | undefined;
}

const operations: readonly Operation[] = ['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'help'];

export function openExplain(parts: ExplainParts): OpenEngine {
  return engine<typeof sysExplain>({
    contract: sysExplain,
    handlers: { explain: { write: (asked, request) => explain(parts, asked, request) } },
  });
}

async function explain(parts: ExplainParts, asked: Asked, request: EngineRequest): Promise<Answer> {
  const operation = operationOf(asked.operation ?? 'read');
  const path = pathOf(asked.path ?? '', operation);
  const { acl, missing } = await aclFor(parts, asked, request);
  const route = await parts.routeOf(path);
  const sudo = route?.sudo === true;
  const verdict = acl.allows({ operation, path, data: asked.data ?? {}, wrapTtl: asked.wrap_ttl, sudo });
  const open = route?.unauthenticated === true;
  return {
    data: {
      allowed: verdict.allowed || open,
      explanation: open ? 'no token is asked for at this path, so no policy is' : sentenceOf(verdict, operation),
      path,
      operation,
      ...(open ? {} : ruleOf(verdict)),
      needs_sudo: sudo,
      ...(missing.length === 0 ? {} : { missing_policies: missing }),
    },
  };
}

function operationOf(word: string): Operation {
  const operation = operations.find((one) => one === word);
  if (operation === undefined)
    throw new Fault(
      'invalid-request',
      `operation must be one of ${operations.join(', ')}; a write is create where nothing is there yet, and update otherwise`,
    );
  return operation;
}

function pathOf(given: string, operation: Operation): string {
  const path = given.replace(/^\/+/, '');
  if (path === '') throw new Fault('invalid-request', 'path must be supplied');
  return (operation === 'list' || operation === 'scan') && !path.endsWith('/') ? `${path}/` : path;
}

async function aclFor(
  { policies, aclOf, aclOfToken, aclOfAccessor }: ExplainParts,
  { token = '', accessor = '', policies: names = [] }: Asked,
  request: EngineRequest,
): Promise<{ readonly acl: Acl; readonly missing: readonly string[] }> {
  if ([token !== '', accessor !== '', names.length > 0].filter(Boolean).length > 1)
    throw new Fault('invalid-request', 'give one of token, accessor and policies');
  if (names.length > 0) {
    const wanted = [...new Set(names.map((name) => name.toLowerCase()))].sort();
    const found = await Promise.all(wanted.map(async (name) => (await policies.get(name)) !== undefined));
    return { acl: await policies.aclFor(wanted), missing: wanted.filter((_, at) => found[at] === false) };
  }
  const acl = await (token !== '' ? aclOfToken(token) : accessor !== '' ? aclOfAccessor(accessor) : aclOf(request));
  if (acl === undefined) throw new Fault('invalid-request', 'invalid token');
  return { acl, missing: [] };
}

function sentenceOf({ denial, granting, rule }: Verdict, operation: Operation): string {
  if (denial !== undefined) return sayDenial(denial, operation);
  if (rule === undefined) return operation === 'help' ? 'help is given to every token' : 'the root policy grants everything';
  return `the rule ${JSON.stringify(rule.path)} of ${namesOf(granting).join(', ')} grants ${operation}`;
}

function ruleOf({ denial, granting, rule }: Verdict): Record<string, unknown> {
  if (denial !== undefined) {
    const { rule: pattern, policies = [], ...why } = describeDenial(denial);
    return { ...(pattern === undefined ? {} : { rule: pattern }), policies, denial: why };
  }
  return { ...(rule === undefined ? {} : { rule: rule.path }), policies: namesOf(granting) };
}

function namesOf(granting: Verdict['granting']): string[] {
  return [...new Set(granting.map(({ name }) => name))];
}
