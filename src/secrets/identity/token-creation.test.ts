// What may be asked for when a token is made, and by whom.

import { describe, expect, it } from 'vitest';
import { type CreationContext, type CreationInput, termsOf } from './token-creation.ts';
import type { TokenEntry } from './token-entry.ts';
import type { TokenRole } from './token-roles.ts';

const parentEntry: TokenEntry = {
  format: 1,
  accessor: 'accessor',
  policies: ['default', 'dev'],
  path: 'auth/token/create',
  meta: null,
  displayName: 'token',
  numUses: 0,
  orphan: true,
  created: 0,
  ttl: 3_600,
  leaseTtl: 3_600,
  maxTtl: 0,
  explicitMaxTtl: 0,
  period: 0,
  expires: 3_600_000,
  renewable: true,
  type: 'service',
  entityId: 'entity',
};
const plainRole: TokenRole = {
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
interface Situation {
  readonly parent?: Partial<TokenEntry>;
  readonly role?: Partial<TokenRole>;
  readonly sudo?: boolean;
  readonly orphan?: boolean;
}
const terms = (input: CreationInput = {}, { parent, role, sudo = false, orphan = false }: Situation = {}) => {
  const context: CreationContext = {
    path: 'auth/token/create',
    parent: { key: 'parent', entry: { ...parentEntry, ...parent } },
    orphan,
    sudo,
    role: role === undefined ? undefined : { name: 'r', terms: { ...plainRole, ...role } },
  };
  return termsOf(input, context);
};
const refusal = (input: CreationInput, situation: Situation = {}): string => {
  try {
    terms(input, situation);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'invalid-request' });
    return (thrown as Error).message;
  }
  throw new Error('nothing was refused');
};
const rootParent = { policies: ['root'], expires: null };

describe('a new token', () => {
  it('is a child of the calling one and shares its entity', () => {
    expect(terms({ ttl: '1h', meta: { a: 'b' } })).toMatchObject({
      path: 'auth/token/create',
      policies: ['default', 'dev'],
      ttl: 3_600,
      meta: { a: 'b' },
      parent: 'parent',
      entityId: 'entity',
      renewable: true,
      numUses: 0,
      type: 'service',
    });
  });

  it('is an orphan where the path, the role, or somebody with sudo says so', () => {
    const orphan = { parent: undefined, entityId: '' };
    expect(terms({}, { orphan: true })).toMatchObject(orphan);
    expect(terms({}, { role: { orphan: true } })).toMatchObject(orphan);
    expect(terms({ no_parent: true }, { sudo: true })).toMatchObject(orphan);
    expect(refusal({ no_parent: true })).toBe('root or sudo privileges required to create orphan token');
  });

  it.each([
    [undefined, 'token'],
    ['my app!', 'token-my-app'],
    ['a.b/c', 'token-a-b-c'],
    ['x', 'token-x'],
  ])('with the display name %s is called %s', (wanted, name) => {
    expect(terms({ display_name: wanted }).displayName).toBe(name);
  });

  it('reads durations in every form', () => {
    expect(terms({ ttl: '90' }).ttl).toBe(90);
    expect(terms({ ttl: '2d', explicit_max_ttl: '1h30m' })).toMatchObject({ ttl: 172_800, explicitMaxTtl: 5_400 });
    expect(terms({ lease: '10m' }).ttl).toBe(600);
    expect(terms({ ttl: '5m', lease: '10m' }).ttl).toBe(300);
    expect(refusal({ ttl: '1y' })).toBe('time: unknown unit "y" in duration "1y"');
    expect(refusal({ ttl: '-1s' })).toBe('ttl must be positive');
    expect(refusal({ explicit_max_ttl: '-1s' })).toBe('explicit_max_ttl must be positive');
  });

  it('is periodic only for somebody with sudo', () => {
    expect(terms({ period: '5m' }, { sudo: true }).period).toBe(300);
    expect(terms({ period: '0' }).period).toBe(0);
    expect(refusal({ period: '5m' })).toBe('root or sudo privileges required to create periodic token');
  });

  it('has an id of its own only for somebody with sudo, and none that looks like the server’s', () => {
    expect(terms({ id: 'my-id' }, { sudo: true }).id).toBe('my-id');
    expect(refusal({ id: 'my-id' })).toBe('root or sudo privileges required to specify token id');
    expect(refusal({ id: 'hvs.abc' }, { sudo: true })).toBe("custom token ID cannot have the 'hvs.' prefix");
    expect(refusal({ id: 's.abc' }, { sudo: true })).toBe("custom token ID cannot have the 's.' prefix");
    expect(refusal({ id: 'hvb.abc' }, { sudo: true })).toBe("custom token ID cannot have a '.' in the value");
    expect(terms({ id: '' }).id).toBeUndefined();
  });

  it('is not made by a token with limited uses, which would outlive its limit', () => {
    expect(refusal({}, { parent: { numUses: 3 } })).toBe('restricted use token cannot generate child tokens');
    expect(refusal({}, { parent: { numUses: -1 } })).toBe('restricted use token cannot generate child tokens');
    expect(refusal({ num_uses: -1 })).toBe('number of uses cannot be negative');
  });

  it('of root without an end is not made by one that ends', () => {
    const ending = { policies: ['root'] };
    expect(refusal({}, { parent: ending })).toBe('expiring root tokens cannot create non-expiring root tokens');
    expect(terms({ ttl: '1h' }, { parent: ending }).policies).toEqual(['root']);
    expect(terms({}, { parent: rootParent }).policies).toEqual(['root']);
    expect(terms({}, { parent: ending, role: { period: 60 } }).policies).toEqual(['root']);
  });
});

describe('bound addresses', () => {
  const bound = { boundCidrs: ['10.0.0.0/8'] };

  it('bind the children of a bound token too', () => {
    expect(terms({}, { parent: bound }).boundCidrs).toEqual(['10.0.0.0/8']);
    expect(terms({}, { parent: bound, orphan: true }).boundCidrs).toBeUndefined();
  });

  it('of a role stand in their place', () => {
    expect(terms({}, { parent: bound, role: { boundCidrs: ['192.0.2.0/24'] } }).boundCidrs).toEqual(['192.0.2.0/24']);
    expect(terms({}, { parent: bound, role: {} }).boundCidrs).toEqual([]);
  });
});

describe('a batch token', () => {
  it.each<[string, CreationInput]>([
    ['explicit_max_ttl', { explicit_max_ttl: '1h' }],
    ['num_uses', { num_uses: 2 }],
    ['period', { period: '5m' }],
    ['id', { id: 'my-id' }],
  ])('cannot have %s', (field, input) => {
    expect(refusal({ type: 'batch', ...input }, { sudo: true })).toBe(`batch tokens cannot have "${field}" set`);
  });

  it('cannot be root: nobody could revoke it', () => {
    expect(refusal({ type: 'batch', ttl: '1h' }, { parent: rootParent })).toBe('batch tokens cannot be root tokens');
  });

  it('does not count the uses of its role', () => {
    expect(terms({ type: 'batch' }, { role: { numUses: 5 } })).toMatchObject({ type: 'batch', numUses: 0 });
  });
});

describe('the type of a token', () => {
  it.each<[string | undefined, string | undefined, string]>([
    [undefined, undefined, 'service'],
    ['service', undefined, 'service'],
    ['batch', undefined, 'batch'],
    [undefined, 'default-service', 'service'],
    ['batch', 'default-service', 'batch'],
    [undefined, 'default-batch', 'batch'],
    ['service', 'default-batch', 'service'],
    ['batch', 'service', 'service'],
    ['service', 'batch', 'batch'],
  ])('asked for as %s from a role of type %s is %s', (type, ofRole, result) => {
    expect(terms({ type }, ofRole === undefined ? {} : { role: { type: ofRole } }).type).toBe(result);
  });

  it('is refused where it is unknown', () => {
    expect(refusal({ type: 'other' })).toBe("invalid 'token_type' value");
  });
});

describe('a role', () => {
  it('names itself on its tokens, and puts its suffix behind their path', () => {
    expect(terms({}, { role: { pathSuffix: 'v2' } })).toMatchObject({ role: 'r', path: 'auth/token/create/v2' });
  });

  it('can keep its tokens from being renewed', () => {
    expect(terms({}, { role: { renewable: false } }).renewable).toBe(false);
    expect(terms({ renewable: false }, { role: {} }).renewable).toBe(false);
  });

  it.each([
    [0, 0, 0],
    [3, 0, 3],
    [0, 5, 5],
    [3, 5, 3],
    [7, 5, 5],
  ])('limits %d wanted uses by its %d to %d', (wanted, ofRole, uses) => {
    expect(terms({ num_uses: wanted }, { role: { numUses: ofRole } }).numUses).toBe(uses);
  });

  it('says which aliases may be named', () => {
    const role = { entityAliases: ['ann', 'team-*'] };
    expect(() => terms({ entity_alias: 'Ann' }, { role })).not.toThrow();
    expect(() => terms({ entity_alias: 'team-a' }, { role })).not.toThrow();
    expect(refusal({ entity_alias: 'bob' }, { role })).toBe("invalid 'entity_alias' value");
    expect(refusal({ entity_alias: 'ann' })).toBe("'entity_alias' is only allowed in combination with token role");
  });
});
