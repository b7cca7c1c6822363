// Token roles: named terms that tokens are made from, and that their renewals are held to.

import type { tokenContract } from '../../api/token.ts';
import { Fault } from '../../base/fault.ts';
import type { InputOf } from '../../schema/contract.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';
import { checkCidrs } from './cidrs.ts';
import type { RolePolicies } from './policy-names.ts';
import { tokenLayout } from './token-entry.ts';

/** TTLs in seconds. */
export interface TokenRole {
  readonly format: 1;
  readonly policies: RolePolicies;
  readonly orphan: boolean;
  readonly pathSuffix: string;
  readonly renewable: boolean;
  readonly entityAliases: readonly string[];
  readonly period: number;
  readonly explicitMaxTtl: number;
  readonly boundCidrs: readonly string[];
  readonly numUses: number;
  readonly type: string;
}

type RoleInput = InputOf<(typeof tokenContract)['routes']['role'], 'write'>;

export interface TokenRoles {
  read(name: string): Promise<TokenRole | undefined>;
  /** What was not sent keeps its value. Throws Fault `invalid-request`. */
  write(name: string, input: RoleInput): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}

export interface TokenRoleParts {
  readonly storage: Storage;
  readonly cached: Cached;
}

const types = ['service', 'batch', 'default-service', 'default-batch'];
const suffixPattern = /^\w[\w.-]*\w$/;

const fresh: TokenRole = {
  format: 1,
  policies: { allowed: [], allowedGlob: [], disallowed: [], disallowedGlob: [], noDefault: false },
  orphan: false,
  pathSuffix: '',
  renewable: true,
  entityAliases: [],
  period: 0,
  explicitMaxTtl: 0,
  boundCidrs: [],
  numUses: 0,
  type: 'default-service',
};

export function createTokenRoles({ storage, cached }: TokenRoleParts): TokenRoles {
  return {
    read: async (name) => cached(tokenLayout.roles + name, decodeRole),
    async write(name, input) {
      const key = tokenLayout.roles + name;
      await storage.transact(async (transaction) => {
        const stored = await transaction.get(key);
        const role = changed(stored === undefined ? fresh : decodeRole(stored), input);
        check(role);
        transaction.put(key, encodeEntry(role));
      });
    },
    remove: (name) => storage.delete(tokenLayout.roles + name),
    names: () => storage.list(tokenLayout.roles),
  };
}

/** The role as it is read. Both names of a renamed field are shown. */
export function describeRole(name: string, role: TokenRole): Record<string, unknown> {
  const { policies } = role;
  const bound = role.boundCidrs.length === 0 ? {} : { bound_cidrs: role.boundCidrs, token_bound_cidrs: role.boundCidrs };
  return {
    allowed_entity_aliases: role.entityAliases.length === 0 ? null : role.entityAliases,
    allowed_policies: policies.allowed,
    allowed_policies_glob: policies.allowedGlob,
    ...bound,
    disallowed_policies: policies.disallowed,
    disallowed_policies_glob: policies.disallowedGlob,
    explicit_max_ttl: role.explicitMaxTtl,
    name,
    orphan: role.orphan,
    path_suffix: role.pathSuffix,
    period: role.period,
    renewable: role.renewable,
    token_explicit_max_ttl: role.explicitMaxTtl,
    token_no_default_policy: policies.noDefault,
    ...(role.numUses === 0 ? {} : { token_num_uses: role.numUses }),
    token_period: role.period,
    token_type: role.type,
  };
}

function changed(role: TokenRole, input: RoleInput): TokenRole {
  const lowered = (names: readonly string[] | undefined): readonly string[] | undefined => names?.map((name) => name.toLowerCase());
  const { policies } = role;
  return {
    format: 1,
    policies: {
      allowed: lowered(input.allowed_policies) ?? policies.allowed,
      allowedGlob: lowered(input.allowed_policies_glob) ?? policies.allowedGlob,
      disallowed: lowered(input.disallowed_policies) ?? policies.disallowed,
      disallowedGlob: lowered(input.disallowed_policies_glob) ?? policies.disallowedGlob,
      noDefault: input.token_no_default_policy ?? policies.noDefault,
    },
    orphan: input.orphan ?? role.orphan,
    pathSuffix: input.path_suffix ?? role.pathSuffix,
    renewable: input.renewable ?? role.renewable,
    entityAliases: lowered(input.allowed_entity_aliases) ?? role.entityAliases,
    period: input.token_period ?? input.period ?? role.period,
    explicitMaxTtl: input.token_explicit_max_ttl ?? input.explicit_max_ttl ?? role.explicitMaxTtl,
    boundCidrs: input.token_bound_cidrs ?? input.bound_cidrs ?? role.boundCidrs,
    numUses: input.token_num_uses ?? role.numUses,
    type: input.token_type || role.type,
  };
}

function check(role: TokenRole): void {
  if (!types.includes(role.type)) throw new Fault('invalid-request', `invalid 'token_type' value ${JSON.stringify(role.type)}`);
  if (role.numUses < 0) throw new Fault('invalid-request', "'token_num_uses' cannot be negative");
  if (role.pathSuffix !== '' && !suffixPattern.test(role.pathSuffix))
    throw new Fault('invalid-request', 'given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w');
  if (role.pathSuffix.includes('..'))
    throw new Fault('invalid-request', 'error registering path suffix: path cannot contain parent references');
  checkCidrs(role.boundCidrs);
  if (role.type === 'batch') checkBatch(role);
}

/** A batch token stands in no store, so nothing about it can be changed or counted later. */
function checkBatch(role: TokenRole): void {
  const because = [
    [!role.orphan, 'non-orphan tokens'],
    [role.period > 0, 'periodic tokens'],
    [role.renewable, 'renewable tokens'],
    [role.explicitMaxTtl > 0, 'tokens with an explicit max TTL'],
  ] as const;
  for (const [forbidden, what] of because)
    if (forbidden) throw new Fault('invalid-request', `'token_type' cannot be 'batch' when role is set to generate ${what}`);
}

const decodeRole = (bytes: Uint8Array): TokenRole => decodeEntry<TokenRole>(bytes, 'a token role');
