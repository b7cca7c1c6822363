// Which policies a new token gets: from its parent, from its role, and never more than it may.

import { describe, expect, it } from 'vitest';
import { choosePolicies, matchesAny, type PolicyWish, type RolePolicies, sanitizePolicies } from './policy-names.ts';

const free: RolePolicies = { allowed: [], allowedGlob: [], disallowed: [], disallowedGlob: [], noDefault: false };
const choose = (wish: Partial<PolicyWish>): string[] =>
  choosePolicies({ wanted: [], noDefault: false, parent: ['default', 'dev'], sudo: false, ...wish });
const refused = (message: string) => expect.objectContaining({ code: 'invalid-request', message });

describe('names of policies', () => {
  it('are trimmed, lower case, each once and sorted; root stands alone', () => {
    expect(sanitizePolicies([' Dev', 'ops', 'dev', ''], false)).toEqual(['dev', 'ops']);
    expect(sanitizePolicies(['ops'], true)).toEqual(['default', 'ops']);
    expect(sanitizePolicies(['dev', 'Root'], true)).toEqual(['root']);
  });

  it.each([
    ['dev', 'dev', true],
    ['dev', 'devs', false],
    ['*', 'anything', true],
    ['*', '', true],
    ['dev-*', 'dev-a', true],
    ['dev-*', 'dev', false],
    ['*-read', 'team-read', true],
    ['*-read', 'read', false],
    ['*team*', 'my-team-a', true],
    ['team-*-read', 'team-a-read', true],
    ['team-*-read', 'team-read', false],
    ['team-*-read', 'team-a-write', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['aa*aa', 'aaa', false],
  ])('are matched by the pattern %s: %s (%s)', (pattern, name, matches) => {
    expect(matchesAny(['nothing', pattern], name)).toBe(matches);
  });
});

describe('a token without a role', () => {
  it('gets its parent’s policies where none are wanted, without default if it says so', () => {
    expect(choose({})).toEqual(['default', 'dev']);
    expect(choose({ noDefault: true })).toEqual(['dev']);
    expect(choose({ parent: ['dev'] })).toEqual(['dev']);
  });

  it('gets a part of them, and default along with it if the parent has it', () => {
    expect(choose({ wanted: ['dev'] })).toEqual(['default', 'dev']);
    expect(choose({ wanted: ['dev'], parent: ['dev', 'ops'] })).toEqual(['dev']);
    expect(choose({ wanted: ['dev'], noDefault: true })).toEqual(['dev']);
    expect(() => choose({ wanted: ['dev', 'ops'] })).toThrow(refused('child policies must be subset of parent'));
    expect(() => choose({ wanted: ['default'], parent: ['dev'] })).toThrow(refused('child policies must be subset of parent'));
  });

  it('gets what it wants with sudo, but never root', () => {
    expect(choose({ wanted: ['ops'], sudo: true })).toEqual(['default', 'ops']);
    expect(choose({ wanted: ['ops'], sudo: true, noDefault: true })).toEqual(['ops']);
    expect(() => choose({ wanted: ['root'], sudo: true })).toThrow(
      refused('root tokens may not be created without parent token being root'),
    );
    expect(choose({ wanted: ['root'], sudo: true, parent: ['root'] })).toEqual(['root']);
  });

  it.each(['response-wrapping', 'control-group'])('never gets %s, which is the server’s own', (policy) => {
    expect(() => choose({ wanted: [policy], sudo: true })).toThrow(refused(`cannot assign policy "${policy}"`));
  });
});

describe('a token of a role', () => {
  const role = (more: Partial<RolePolicies>): RolePolicies => ({ ...free, ...more });

  it('is treated as one without a role where the role says nothing of policies', () => {
    expect(choose({ role: free })).toEqual(['default', 'dev']);
    expect(choose({ role: role({ noDefault: true }) })).toEqual(['dev']);
    expect(() => choose({ role: free, wanted: ['ops'] })).toThrow(refused('child policies must be subset of parent'));
  });

  it('gets all allowed policies where none are wanted, whatever its parent has', () => {
    expect(choose({ role: role({ allowed: ['ops', 'qa'] }) })).toEqual(['default', 'ops', 'qa']);
    expect(choose({ role: role({ allowed: ['ops'], noDefault: true }) })).toEqual(['ops']);
    expect(choose({ role: role({ allowed: ['ops'] }), noDefault: true })).toEqual(['ops']);
  });

  it('gets only allowed ones', () => {
    expect(choose({ role: role({ allowed: ['ops', 'qa'] }), wanted: ['qa'] })).toEqual(['default', 'qa']);
    expect(choose({ role: role({ allowedGlob: ['team-*', 'default'] }), wanted: ['team-a'] })).toEqual(['default', 'team-a']);
    expect(() => choose({ role: role({ allowed: ['default', 'dev'] }), wanted: ['prod'] })).toThrow(
      refused(
        'token policies (["default" "prod"]) must be subset of the role\'s allowed policies (["default" "dev"]) or glob policies ([])',
      ),
    );
  });

  it('gets no disallowed one, by name or by pattern', () => {
    expect(() => choose({ role: role({ disallowed: ['ops'] }), wanted: ['ops'] })).toThrow(
      refused('token policy "ops" is disallowed by this role'),
    );
    expect(() => choose({ role: role({ disallowedGlob: ['*-admin'] }), wanted: ['team-admin'] })).toThrow(
      refused('token policy "team-admin" is disallowed by this role'),
    );
    expect(choose({ role: role({ disallowed: ['ops'] }), wanted: ['qa'] })).toEqual(['default', 'qa']);
    expect(choose({ role: role({ disallowed: ['default'] }), parent: ['dev'] })).toEqual(['dev']);
  });

  it('gets no root from a parent without it', () => {
    expect(() => choose({ role: role({ allowed: ['root'] }) })).toThrow(
      refused('root tokens may not be created without parent token being root'),
    );
  });
});
