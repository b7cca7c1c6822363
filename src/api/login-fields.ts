// The fields that every role and user of every auth method has: what the tokens of its logins are like.

import { bool, commas, duration, integer, text } from '../schema/fields.ts';

export const tokenFields = {
  token_bound_cidrs: commas('Blocks of addresses that the tokens may be used from'),
  token_explicit_max_ttl: duration('How long a token lives at most, whatever renews it'),
  token_max_ttl: duration('How long a token can be renewed to live'),
  token_no_default_policy: bool('Leaves the policy named default out'),
  token_num_uses: integer('How many requests a token is good for; 0 for any number'),
  token_period: duration('Each renewal gives this long again, without an end'),
  token_policies: commas('Policies of the tokens'),
  token_strictly_bind_ip: bool('A token may be used from the address of its login and no other'),
  token_ttl: duration('How long a token lives at first'),
  token_type: text('default, service or batch'),
} as const;

/** Names of older clients. Where both are sent the new name counts. */
export const oldTokenFields = {
  policies: commas('Use token_policies', { deprecated: true }),
  ttl: duration('Use token_ttl', { deprecated: true }),
  max_ttl: duration('Use token_max_ttl', { deprecated: true }),
  period: duration('Use token_period', { deprecated: true }),
  bound_cidrs: commas('Use token_bound_cidrs', { deprecated: true }),
} as const;

/** Of lists that may be long. */
export const pageFields = {
  after: text('Names that sort after this one; it need not exist'),
  limit: integer('How many names; all by default'),
} as const;
