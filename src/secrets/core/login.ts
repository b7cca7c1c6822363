// A login, once its method has said yes: the entity behind it, the policies it brings, and the token that is made for both.

import { Fault } from '../../base/fault.ts';
import { addressAllowed } from '../identity/cidrs.ts';
import { reservedPolicies, sanitizePolicies } from '../identity/policy-names.ts';
import { authBlock } from '../identity/token-view.ts';
import type { MadeToken, TokenTerms } from '../identity/tokens.ts';
import type { LoginAlias } from '../identity-store/login-entity.ts';
import type { Subject, Subjects } from '../identity-store/subjects.ts';
import type { MountRecord } from '../mounts/record.ts';
import type { AuthBlock, LoginLimits, LoginTerms } from './engine.ts';
import type { Life } from './life.ts';

export interface LoginParts {
  /** Finds the entity of an alias, or makes it. */
  readonly entityFor: (alias: LoginAlias) => Promise<{ readonly id: string; readonly disabled: boolean }>;
  readonly subjects: Subjects;
  readonly tokens: { create(terms: TokenTerms): Promise<MadeToken> };
}

export interface LoggedIn {
  readonly auth: AuthBlock;
  readonly warnings: readonly string[];
}

export type Login = (life: Life, terms: LoginTerms, mount: MountRecord) => Promise<LoggedIn>;

/**
 * Throws Fault `permission-denied` from an address that the token is not for, and for a disabled entity; `invalid-request`
 * for policies that no login gives.
 */
export function createLogin(parts: LoginParts): Login {
  return async (life, terms, mount) => {
    if (mount.table !== 'auth')
      throw new Fault('internal', 'internal error', { cause: new Error('a secret engine answered with a login') });
    const { token: limits } = terms;
    if (!addressAllowed(limits.boundCidrs, life.wire.remoteAddress)) throw denied(life, 'bound_cidrs');
    const subject = await subjectOf(parts, life, terms, mount);
    const own = sanitizePolicies(limits.policies, !limits.noDefaultPolicy);
    const policies = subject === undefined ? own : subject.together(own);
    checkPolicies(policies);
    const made = await parts.tokens.create(tokenTerms(life.wire.path, terms, { mount, policies: own, entityId: subject?.entity.id ?? '' }));
    life.token = made.entry;
    life.issued = made.token;
    life.identityPolicies = subject?.policies ?? [];
    return { auth: authBlock(made.token, made.entry, subject?.policies), warnings: made.warnings };
  };
}

/** The caller is told no more than anybody, the audit line says why. */
function denied(life: Life, reason: 'bound_cidrs' | 'entity_disabled'): Fault {
  life.denial = { reason };
  return new Fault('permission-denied', 'permission denied');
}

async function subjectOf(
  { entityFor, subjects }: LoginParts,
  life: Life,
  terms: LoginTerms,
  mount: MountRecord,
): Promise<Subject | undefined> {
  const { alias } = terms;
  if (alias === undefined) return undefined;
  if (alias.name === '') throw new Fault('engine-failed', 'missing name in alias');
  const entity = await entityFor({
    mountAccessor: mount.accessor,
    name: alias.name,
    local: mount.local,
    metadata: notEmpty(alias.metadata),
    groups: terms.groups ?? [],
  });
  if (entity.disabled) throw denied(life, 'entity_disabled');
  const subject = await subjects.of(entity.id);
  // Deleted since; the next login makes another one.
  if (subject === undefined) throw denied(life, 'entity_disabled');
  return subject;
}

function checkPolicies(policies: readonly string[]): void {
  if (policies.includes('root')) throw new Fault('invalid-request', 'auth methods cannot create root tokens');
  const reserved = policies.find((name) => reservedPolicies.includes(name));
  if (reserved !== undefined) throw new Fault('invalid-request', `cannot assign policy ${JSON.stringify(reserved)}`);
}

function tokenTerms(
  path: string,
  { token: limits, displayName, metadata, internal }: LoginTerms,
  { mount, policies, entityId }: { readonly mount: MountRecord; readonly policies: readonly string[]; readonly entityId: string },
): TokenTerms {
  const type = tokenType(limits.type, mount.config.token_type);
  return {
    path,
    policies,
    displayName: `${mount.path.replaceAll('/', '-')}${displayName}`.replace(/-$/, ''),
    meta: notEmpty(metadata),
    entityId,
    ttl: limits.ttl,
    maxTtl: limits.maxTtl,
    explicitMaxTtl: limits.explicitMaxTtl,
    period: limits.period,
    // Nobody could count those of a batch token.
    numUses: type === 'batch' ? 0 : limits.numUses,
    boundCidrs: limits.boundCidrs,
    type,
    login: { mount: mount.uuid, internal },
  };
}

/** The mount decides where it is tuned to one type, and where the role leaves it open. */
function tokenType(ofRole: LoginLimits['type'], ofMount: string | undefined): 'service' | 'batch' {
  if (ofMount === 'service' || ofMount === 'batch') return ofMount;
  if (ofRole === 'default') return ofMount === 'default-batch' ? 'batch' : 'service';
  return ofRole === 'batch' || ofRole === 'default-batch' ? 'batch' : 'service';
}

function notEmpty(metadata: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | null {
  return metadata === undefined || Object.keys(metadata).length === 0 ? null : metadata;
}
