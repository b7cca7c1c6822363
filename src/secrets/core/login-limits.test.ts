// The common fields of roles and users: changed, shown under both names, and turned into the terms of a login.

import { describe, expect, it } from 'vitest';
import { changeLimits, cleanPolicies, describeLimits, freshLimits, loginLimits } from './login-limits.ts';

describe('limits', () => {
  it('keep what was not sent', () => {
    const before = changeLimits(freshLimits, { token_ttl: 60, token_policies: ['b', 'a'], token_no_default_policy: true });
    const after = changeLimits(before, { token_max_ttl: 120 });
    expect(after).toEqual({ ...before, maxTtl: 120 });
    expect(changeLimits(after, {})).toEqual(after);
  });

  it('take old names, clean policies sent under theirs, and prefer the new name', () => {
    const old = changeLimits(freshLimits, { policies: [' B', 'a', 'A'], ttl: 60, period: 5 });
    expect(old).toMatchObject({ policies: ['a', 'b'], ttl: 60, period: 5 });
    expect(describeLimits(old)).toMatchObject({ policies: ['a', 'b'], ttl: 60, period: 5, token_ttl: 60 });
    const both = changeLimits(old, { ttl: 1, token_ttl: 2, token_policies: ['c'] });
    expect(describeLimits(both)).toMatchObject({ ttl: 2, token_ttl: 2 });
    expect(describeLimits(both)).not.toHaveProperty('policies');
  });

  it('show single addresses without a mask', () => {
    const { boundCidrs } = changeLimits(freshLimits, { token_bound_cidrs: ['10.0.0.1/32', '10.0.0.0/8', '::1/128', 'fd00::/32'] });
    expect(boundCidrs).toEqual(['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/32']);
  });

  it.each([
    [{ token_num_uses: -1 }, "'token_num_uses' cannot be negative"],
    [{ token_ttl: 2, token_max_ttl: 1 }, "'token_ttl' cannot be greater than 'token_max_ttl'"],
    [{ token_type: 'batch', token_period: 1 }, 'periodic tokens'],
    [{ token_type: 'batch', token_num_uses: 1 }, 'limited use count'],
    [{ token_type: 'default-service' }, 'invalid \'token_type\' value "default-service"'],
    [{ token_strictly_bind_ip: true, token_bound_cidrs: ['10.0.0.1'] }, 'set only one'],
    [{ token_bound_cidrs: ['nowhere'] }, 'neither an address nor a CIDR block'],
  ])('refuse %j', (input, text) => {
    expect(() => changeLimits(freshLimits, input)).toThrow(text);
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1:8200', '127.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['[::1]:8200', '::1'],
  ])('bind a token to the address of its login: %s', (address, bound) => {
    const strict = changeLimits(freshLimits, { token_strictly_bind_ip: true });
    expect(loginLimits(strict, address).boundCidrs).toEqual([bound]);
    expect(loginLimits(freshLimits, address).boundCidrs).toEqual([]);
  });

  it('compare policies trimmed, in lower case and sorted', () => {
    expect(cleanPolicies([' b', 'A', 'a', ''])).toEqual(['a', 'b']);
  });
});
