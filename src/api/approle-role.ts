// The fields of an AppRole role, and the routes that show and change one of them alone.

import type { Fields } from '../schema/fields.ts';
import { bool, commas, duration, integer, name } from '../schema/fields.ts';
import { oldTokenFields, tokenFields } from './login-fields.ts';

export const byRole = { role_name: name('Name of the role; upper case counts as lower case') } as const;

export const roleFields = {
  bind_secret_id: bool('A login needs a secret id'),
  secret_id_bound_cidrs: commas('Blocks of addresses that logins may come from'),
  secret_id_num_uses: integer('How many logins a secret id is good for; 0 for any number'),
  secret_id_ttl: duration('How long a secret id is good for; 0 for ever'),
  local_secret_ids: bool('Kept and shown: nothing is replicated. Can be set only when the role is made'),
} as const;

/** Names of older clients. */
export const oldRoleFields = {
  bound_cidr_list: commas('Use secret_id_bound_cidrs', { deprecated: true }),
  policies: oldTokenFields.policies,
  period: oldTokenFields.period,
} as const;

const { policies, period, bound_cidr_list } = oldRoleFields;
const { token_policies, token_period, token_bound_cidrs, token_num_uses, token_ttl, token_max_ttl } = tokenFields;

function single<const F extends Fields>(path: string, summary: string, fields: F) {
  return {
    path: `role/{role_name}/${path}`,
    summary,
    help: 'One field of a role, for those who may change nothing else of it.',
    fields: byRole,
    operations: {
      read: { summary: 'Read it.', output: fields },
      write: { summary: 'Change it.', input: fields },
      delete: { summary: 'Set it back to what a new role has.' },
    },
  } as const;
}

export const singleFieldRoutes = {
  policies: single('policies', 'Policies of the tokens.', { token_policies, policies }),
  period: single('period', 'How long each renewal gives, without an end.', { token_period, period }),
  tokenTtl: single('token-ttl', 'How long a token lives at first.', { token_ttl }),
  tokenMaxTtl: single('token-max-ttl', 'How long a token can be renewed to live.', { token_max_ttl }),
  tokenNumUses: single('token-num-uses', 'How many requests a token is good for.', { token_num_uses }),
  tokenBoundCidrs: single('token-bound-cidrs', 'Where tokens may be used from.', { token_bound_cidrs }),
  bindSecretId: single('bind-secret-id', 'Whether a login needs a secret id.', { bind_secret_id: roleFields.bind_secret_id }),
  secretIdBoundCidrs: single('secret-id-bound-cidrs', 'Where logins may come from.', {
    secret_id_bound_cidrs: roleFields.secret_id_bound_cidrs,
  }),
  boundCidrList: single('bound-cidr-list', 'The older name of secret-id-bound-cidrs.', { bound_cidr_list }),
  secretIdNumUses: single('secret-id-num-uses', 'How many logins a secret id is good for.', {
    secret_id_num_uses: roleFields.secret_id_num_uses,
  }),
  secretIdTtl: single('secret-id-ttl', 'How long a secret id is good for.', { secret_id_ttl: roleFields.secret_id_ttl }),
} as const;
