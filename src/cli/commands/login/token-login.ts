// Logging in with a token that exists: what the server tells of it, in the shape that a login answers with.

import type { Secret, SecretAuth } from '../../../client/secret.ts';
import type { CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';

/** With `lookup` false nobody is asked whether the token is good, and nothing else is known of it. Throws Ending. */
export async function loginWithToken(context: CommandContext, token: string, lookup: boolean): Promise<Secret> {
  if (token === '') throw new Ending('Error authenticating: the token is empty', 2);
  if (!lookup) return secretOf({ client_token: token });
  // The answer of the lookup is needed here, not wrapped.
  const asked = context.client().with({ token, wrapTtl: undefined }).read('auth/token/lookup-self');
  const found = await context.calling('Error authenticating: error looking up token', asked);
  const data = found?.data ?? null;
  if (data === null) throw new Ending('Error authenticating: error looking up token: the answer is empty', 2);
  const own = textsOf(data['policies']);
  const ofEntity = textsOf(data['identity_policies']);
  return secretOf({
    client_token: String(data['id'] ?? token),
    accessor: String(data['accessor'] ?? ''),
    policies: [...(own ?? []), ...(ofEntity ?? [])],
    token_policies: own,
    identity_policies: ofEntity,
    metadata: (data['meta'] as SecretAuth['metadata'] | undefined) ?? null,
    lease_duration: Number(data['ttl'] ?? 0),
    renewable: data['renewable'] === true,
  });
}

function secretOf(auth: Partial<SecretAuth>): Secret {
  const nothing: SecretAuth = {
    client_token: '',
    accessor: '',
    policies: null,
    token_policies: null,
    identity_policies: null,
    metadata: null,
    orphan: false,
    entity_id: '',
    lease_duration: 0,
    renewable: false,
    mfa_requirement: null,
  };
  return {
    request_id: '',
    lease_id: '',
    lease_duration: 0,
    renewable: false,
    data: null,
    warnings: null,
    auth: { ...nothing, ...auth },
  };
}

function textsOf(value: unknown): readonly string[] | null {
  return Array.isArray(value) ? value.map(String) : null;
}
