// Token roles: what is written stays, what is wrong is refused.

import { beforeEach, describe, expect, it } from 'vitest';
import { openBank } from '../../../test/foundation/tokens-and-leases.ts';
import { describeRole, type TokenRoles } from './token-roles.ts';

let roles: TokenRoles;

beforeEach(() => {
  roles = openBank().roles;
});

const show = async (name: string): Promise<Record<string, unknown>> => {
  const role = await roles.read(name);
  if (role === undefined) throw new Error('there is no such role');
  return describeRole(name, role);
};

describe('a role', () => {
  it('is shown with what nobody said', async () => {
    await roles.write('r', {});
    expect(await show('r')).toEqual({
      allowed_entity_aliases: null,
      allowed_policies: [],
      allowed_policies_glob: [],
      disallowed_policies: [],
      disallowed_policies_glob: [],
      explicit_max_ttl: 0,
      name: 'r',
      orphan: false,
      path_suffix: '',
      period: 0,
      renewable: true,
      token_explicit_max_ttl: 0,
      token_no_default_policy: false,
      token_period: 0,
      token_type: 'default-service',
    });
  });

  it('keeps what a later write does not name', async () => {
    await roles.write('r', { allowed_policies: ['Dev'], token_period: 600, orphan: true, path_suffix: 'sfx', token_num_uses: 3 });
    await roles.write('r', { renewable: false });
    expect(await show('r')).toMatchObject({
      allowed_policies: ['dev'],
      token_period: 600,
      period: 600,
      orphan: true,
      path_suffix: 'sfx',
      token_num_uses: 3,
      renewable: false,
    });
  });

  it('takes the older names of its fields, and prefers the newer', async () => {
    await roles.write('r', { period: 60, explicit_max_ttl: 120, bound_cidrs: ['10.0.0.0/8'] });
    expect(await show('r')).toMatchObject({ token_period: 60, token_explicit_max_ttl: 120, token_bound_cidrs: ['10.0.0.0/8'] });
    await roles.write('r', { period: 1, token_period: 2 });
    expect(await show('r')).toMatchObject({ token_period: 2 });
  });

  it('is listed until it is removed', async () => {
    await roles.write('b', {});
    await roles.write('a', {});
    expect(await roles.names()).toEqual(['a', 'b']);
    await roles.remove('a');
    expect([await roles.names(), await roles.read('a')]).toEqual([['b'], undefined]);
  });
});

describe('what is wrong', () => {
  const batch = { token_type: 'batch', orphan: true, renewable: false };

  it.each([
    [{ token_type: 'other' }, 'invalid \'token_type\' value "other"'],
    [{ token_num_uses: -1 }, "'token_num_uses' cannot be negative"],
    [{ path_suffix: 'a/b' }, 'given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w'],
    [{ path_suffix: 'a..b' }, 'error registering path suffix: path cannot contain parent references'],
    [{ token_bound_cidrs: ['10.0.0.0/8', 'home'] }, 'error parsing bound_cidrs: "home" is neither an address nor a CIDR block'],
    [{ bound_cidrs: ['10.0.0.0/33'] }, 'error parsing bound_cidrs: "10.0.0.0/33" is neither an address nor a CIDR block'],
    [{ ...batch, orphan: false }, "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens"],
    [{ ...batch, renewable: true }, "'token_type' cannot be 'batch' when role is set to generate renewable tokens"],
    [{ ...batch, token_period: 60 }, "'token_type' cannot be 'batch' when role is set to generate periodic tokens"],
    [
      { ...batch, token_explicit_max_ttl: 60 },
      "'token_type' cannot be 'batch' when role is set to generate tokens with an explicit max TTL",
    ],
  ])('is refused: %j', async (input, message) => {
    await expect(roles.write('r', input)).rejects.toMatchObject({ code: 'invalid-request', message });
    expect(await roles.read('r')).toBeUndefined();
  });

  it('changes nothing of a role that is there', async () => {
    await roles.write('r', batch);
    await expect(roles.write('r', { token_period: 60 })).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await show('r')).toMatchObject({ token_type: 'batch', token_period: 0 });
  });
});
