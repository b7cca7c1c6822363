// What policies add up to, statement by statement: which rule counts, what it grants, and who wins.

import { describe, expect, it } from 'vitest';
import type { Operation } from '../core/engine.ts';
import { type Acl, type AclRequest, compileAcl } from './acl.ts';
import { parsePolicy } from './policy.ts';

const aclOf = (...texts: readonly string[]): Acl => compileAcl(texts.map((text, at) => parsePolicy(`p${at + 1}`, text)));
/** `path: capabilities` per rule. */
const rules = (granted: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries(granted)
    .map(([path, capabilities]) => `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`)
    .join('\n');
const request = (operation: Operation, path: string, more: Partial<AclRequest> = {}): AclRequest => ({
  operation,
  path,
  data: {},
  wrapTtl: undefined,
  sudo: false,
  ...more,
});
const reads = (acl: Acl, path: string): boolean => acl.allows(request('read', path)).allowed;
const lists = (acl: Acl, path: string): boolean => acl.allows(request('list', path)).allowed;

describe('root', () => {
  const root = compileAcl([{ name: 'root', rules: [] }]);

  it('may do everything, whatever the route asks for', () => {
    expect(root.isRoot).toBe(true);
    expect(root.allows(request('delete', 'anything', { sudo: true }))).toEqual({
      allowed: true,
      granting: [{ name: 'root', type: 'acl' }],
    });
    expect(root.capabilities('anything')).toEqual(['root']);
    expect([root.hasSudo('anything'), root.touches('anything/')]).toEqual([true, true]);
  });

  it('is no policy that somebody wrote', () => {
    expect(aclOf(rules({ '*': ['read', 'sudo'] })).isRoot).toBe(false);
  });
});

describe('without a rule', () => {
  it('nothing is allowed but help', () => {
    const acl = aclOf();
    expect(reads(acl, 'secret/a')).toBe(false);
    expect(acl.allows(request('help', 'secret/a')).allowed).toBe(true);
    expect(acl.capabilities('secret/a')).toEqual(['deny']);
  });

  it('what a rule grants is granted for its path and its operations alone', () => {
    const acl = aclOf(rules({ 'secret/a': ['read'] }));
    expect(['secret/a', 'secret/ab', 'secret', 'secret/a/b'].map((path) => reads(acl, path))).toEqual([true, false, false, false]);
    expect(acl.allows(request('update', 'secret/a')).allowed).toBe(false);
  });
});

describe('which rule counts', () => {
  it('an exact rule beats every glob, also where it grants less', () => {
    const acl = aclOf(rules({ 'secret/*': ['read'], 'secret/+': ['read'], 'secret/a': ['update'] }));
    expect([reads(acl, 'secret/a'), reads(acl, 'secret/b')]).toEqual([false, true]);
  });

  it('the longest prefix beats the shorter ones', () => {
    const acl = aclOf(rules({ '*': ['read'], 'a/*': ['deny'], 'a/b*': ['read'] }));
    expect(['x', 'a/x', 'a/b', 'a/bc/d'].map((path) => reads(acl, path))).toEqual([true, false, true, true]);
  });

  it('a plus is exactly one segment', () => {
    const acl = aclOf(rules({ 'a/+/c': ['read'], '+/x': ['read'] }));
    expect(['a/b/c', 'a/c', 'a/b/b/c', 'a/b/c/d', 'q/x', 'x', 'q/q/x'].map((path) => reads(acl, path))).toEqual([
      true,
      false,
      false,
      false,
      true,
      false,
      false,
    ]);
  });

  it('a plus rule with a star needs its own segments and takes any more', () => {
    const acl = aclOf(rules({ 'a/+/c*': ['read'], 'b/+/*': ['read'] }));
    expect(['a/b/c', 'a/b/cd', 'a/b/cd/e/f', 'a/b', 'a/b/d', 'b/c', 'b/c/', 'b/c/d/e'].map((path) => reads(acl, path))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it.each([
    ['the later first wildcard', 'secret/aa/bb/cc', 'secret/aa/+/cc', 'secret/+/bb/cc'],
    ['the later first wildcard, though it is a star', 'secret/aa/bb', 'secret/aa/*', 'secret/+/bb'],
    ['no star, where the first wildcard stands at the same place', 'secret/aa', 'secret/+', 'secret/*'],
    ['no star, where both begin with a plus', 'secret/aa/bb', 'secret/+/bb', 'secret/+/b*'],
    ['fewer pluses', 'secret/aa/bb/cc', 'secret/+/bb/cc', 'secret/+/+/cc'],
    ['fewer pluses, though the rule is shorter', 'secret/aa/bb/cc', 'secret/+/bb*', 'secret/+/+/c*'],
    ['the longer one', 'secret/aa/bbb', 'secret/+/bb*', 'secret/+/b*'],
    ['the longer one, though it is lexicographically smaller', 'secret/aa/bb/ccc', 'secret/+/+/ccc', 'secret/+/bb/+'],
    ['the lexicographically larger one', 'aa/bb/cc/dd', '+/bb/cc/+', '+/bb/+/dd'],
  ])('%s wins', (_, path, winner, loser) => {
    for (const granted of [winner, loser]) {
      const acl = aclOf(rules({ [winner]: granted === winner ? ['read'] : ['deny'], [loser]: granted === loser ? ['read'] : ['deny'] }));
      expect(reads(acl, path)).toBe(granted === winner);
    }
  });
});

describe('a list', () => {
  it('is matched with its slash first', () => {
    const acl = aclOf(rules({ 'secret/a/': ['list'], 'secret/a': ['deny'] }));
    expect(lists(acl, 'secret/a/')).toBe(true);
  });

  it('takes an exact rule without the slash before any glob', () => {
    const acl = aclOf(rules({ 'secret/a': ['list'], 'secret/*': ['deny'] }));
    expect(lists(acl, 'secret/a/')).toBe(true);
    expect(lists(aclOf(rules({ 'secret/a': ['deny'], 'secret/*': ['list'] })), 'secret/a/')).toBe(false);
  });

  it('takes a glob without the slash where none matches with it', () => {
    expect(lists(aclOf(rules({ 'secret/+': ['list'] })), 'secret/a/')).toBe(true);
    expect(lists(aclOf(rules({ 'secret/+': ['list'] })), 'secret/a/b/')).toBe(false);
  });

  it('is granted by what is below it only where the rule reaches up to its slash', () => {
    expect(lists(aclOf(rules({ 'secret/a/*': ['list'] })), 'secret/a/')).toBe(true);
    expect(lists(aclOf(rules({ 'secret/a/b*': ['list'] })), 'secret/a/')).toBe(false);
  });

  it('does not escape a more specific deny', () => {
    const acl = aclOf(
      rules({ 'foo/metadata/*': ['list'], 'foo/metadata/private/*': ['deny'], 'foo/metadata/private/granted/*': ['list'] }),
    );
    const granted = ['foo/', 'foo/metadata/', 'foo/metadata/test/', 'foo/metadata/private/', 'foo/metadata/private/x/'];
    expect(granted.map((path) => lists(acl, path))).toEqual([false, true, true, false, false]);
    expect(lists(acl, 'foo/metadata/private/granted/')).toBe(true);
    expect(lists(acl, 'foo/metadata/private/granted/test/')).toBe(true);
  });

  it('does not escape a more specific deny that names the path without its slash', () => {
    const acl = aclOf(rules({ 'secret/*': ['list', 'read'], 'secret/+': ['deny'] }));
    expect([lists(acl, 'secret/a/'), reads(acl, 'secret/a'), lists(acl, 'secret/a/b/')]).toEqual([false, false, true]);
  });

  it('is no read: nothing else is matched without its slash', () => {
    expect(reads(aclOf(rules({ 'secret/a': ['read'] })), 'secret/a/')).toBe(false);
  });
});

describe('several policies for one path', () => {
  it('add up', () => {
    const acl = aclOf(rules({ 'secret/a': ['read'] }), rules({ 'secret/a': ['update'] }));
    expect(acl.capabilities('secret/a')).toEqual(['read', 'update']);
  });

  it('lose to one deny, whichever comes first', () => {
    const grants = rules({ 'secret/a': ['read', 'sudo'] });
    const denies = rules({ 'secret/a': ['deny'] });
    for (const acl of [aclOf(grants, denies), aclOf(denies, grants), aclOf(denies, grants, grants)]) {
      expect(reads(acl, 'secret/a')).toBe(false);
      expect(acl.capabilities('secret/a')).toEqual(['deny']);
      expect(acl.hasSudo('secret/a')).toBe(false);
    }
  });

  it('are named in the verdict, as far as they grant what was asked for', () => {
    const acl = aclOf(rules({ 'secret/a': ['read'] }), rules({ 'secret/a': ['update'] }), rules({ 'secret/a': ['read'] }));
    const { granting } = acl.allows(request('read', 'secret/a'));
    expect(granting).toEqual([
      { name: 'p1', type: 'acl' },
      { name: 'p3', type: 'acl' },
    ]);
    expect(acl.allows(request('delete', 'secret/a')).granting).toEqual([]);
  });

  it('join their parameters, and a list without values swallows the other', () => {
    const acl = aclOf(
      'path "a" { capabilities = ["update"] allowed_parameters = { "x" = ["1"], "y" = ["1"] } denied_parameters = { "z" = ["1"] } required_parameters = ["x"] }',
      'path "a" { capabilities = ["update"] allowed_parameters = { "x" = ["2"], "y" = [], "z" = [] } denied_parameters = { "z" = ["2"] } required_parameters = ["y"] }',
    );
    const updates = (data: Record<string, unknown>) => acl.allows(request('update', 'a', { data })).allowed;
    expect([updates({ x: '1', y: '9' }), updates({ x: '2', y: '9' }), updates({ x: '3', y: '9' })]).toEqual([true, true, false]);
    expect([updates({ x: '1' }), updates({ y: '1' })]).toEqual([false, false]);
    expect(['1', '2', '3'].map((z) => updates({ x: '1', y: '1', z }))).toEqual([false, false, true]);
  });

  it('take the smaller bound of wrapping that is set, for the minimum as well', () => {
    const acl = aclOf(
      'path "a" { capabilities = ["read"] min_wrapping_ttl = "2m" max_wrapping_ttl = "10m" }',
      'path "a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "20m" }',
      'path "a" { capabilities = ["read"] }',
    );
    const wrapped = [59, 60, 600, 601].map((wrapTtl) => acl.allows(request('read', 'a', { wrapTtl })).allowed);
    expect(wrapped).toEqual([false, true, true, false]);
  });
});

describe('bounds of wrapping', () => {
  const acl = aclOf(
    'path "both" { capabilities = ["read", "list"] min_wrapping_ttl = "1m" max_wrapping_ttl = "10m" }\npath "max" { capabilities = ["read"] max_wrapping_ttl = "10m" }\npath "min" { capabilities = ["read"] min_wrapping_ttl = "1m" }\npath "zero" { capabilities = ["read"] min_wrapping_ttl = 0 max_wrapping_ttl = "0s" }',
  );
  const readsFor = (path: string, wrapTtl: number | undefined) => acl.allows(request('read', path, { wrapTtl })).allowed;

  it('ask for a wrap TTL within them', () => {
    expect([undefined, 59, 60, 600, 601].map((ttl) => readsFor('both', ttl))).toEqual([false, false, true, true, false]);
    expect([undefined, 1, 600, 601].map((ttl) => readsFor('max', ttl))).toEqual([false, true, true, false]);
    expect([undefined, 59, 60, 6000].map((ttl) => readsFor('min', ttl))).toEqual([false, false, true, true]);
  });

  it('hold for lists as well', () => {
    expect(acl.allows(request('list', 'both/')).allowed).toBe(false);
    expect(acl.allows(request('list', 'both/', { wrapTtl: 60 })).allowed).toBe(true);
  });

  it('of zero are none', () => {
    expect([undefined, 5].map((ttl) => readsFor('zero', ttl))).toEqual([true, true]);
  });
});

describe('sudo', () => {
  const acl = aclOf(rules({ 'sys/rotate': ['update'], 'sys/audit/*': ['update', 'sudo'], 'sys/raw': ['sudo'] }));

  it('is asked for beside the capability of the operation', () => {
    const protectedUpdate = (path: string) => acl.allows(request('update', path, { sudo: true })).allowed;
    expect([protectedUpdate('sys/rotate'), protectedUpdate('sys/audit/f'), protectedUpdate('sys/raw')]).toEqual([false, true, false]);
    expect(acl.allows(request('update', 'sys/rotate')).allowed).toBe(true);
  });

  it('can be asked for by path', () => {
    expect([acl.hasSudo('sys/rotate'), acl.hasSudo('sys/audit/f'), acl.hasSudo('elsewhere')]).toEqual([false, true, false]);
  });
});

describe('capabilities of a path', () => {
  it('are sorted', () => {
    const all = ['update', 'scan', 'sudo', 'read', 'patch', 'list', 'delete', 'create'];
    expect(aclOf(rules({ a: all })).capabilities('a')).toEqual([...all].sort());
  });

  it('are a lone deny for a denied path, and for one that no rule names', () => {
    const acl = aclOf(rules({ a: ['deny'], b: [] }));
    expect([acl.capabilities('a'), acl.capabilities('b'), acl.capabilities('c')]).toEqual([['deny'], ['deny'], ['deny']]);
  });

  it('are those of the rule that a list would find', () => {
    const acl = aclOf(rules({ 'secret/a': ['list'], 'secret/*': ['read'] }));
    expect(acl.capabilities('secret/a/')).toEqual(['list']);
  });
});

describe('whether a mount is touched', () => {
  const acl = aclOf(rules({ 'kv/a/b': ['read'], 'team*': ['list'], '+/shared/*': ['read'], 'shut/*': ['deny'], 'empty/x': [] }));

  it.each([
    ['kv/', true],
    ['kv/a/', true],
    ['kv/b/', false],
    ['team/', true],
    ['teams/x/', true],
    ['anything/', true],
    ['anything/shared/', true],
    ['anything/else/', false],
  ])('%s: %s', (path, touched) => {
    expect(acl.touches(path)).toBe(touched);
  });

  it('is not said of what is denied or empty', () => {
    const shut = aclOf(rules({ 'shut/*': ['deny'], 'empty/x': [] }));
    expect([shut.touches('shut/'), shut.touches('empty/')]).toEqual([false, false]);
  });
});
