// Policies in the store: versions, the protected ones, and ACLs that follow every change.

import { beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../base/clock.ts';
import { openMemory } from '../../storage/backends/memory.ts';
import { createCache, type EntryCache } from '../core/cache.ts';
import { createPolicies, type PolicyStore } from './store.ts';

const readsA = 'path "a" { capabilities = ["read"] }';
const readsB = 'path "b" { capabilities = ["read"] }';
const request = (path: string) => ({ operation: 'read' as const, path, data: {}, wrapTtl: undefined, sudo: false });

let clock: ReturnType<typeof manualClock>;
let cache: EntryCache;
let policies: PolicyStore;

beforeEach(async () => {
  const storage = openMemory();
  clock = manualClock();
  cache = createCache({ storage, limit: 100_000 });
  policies = createPolicies({ storage, cached: (key, decode) => cache.get(key, decode), clock });
  await policies.initialize();
  await cache.refresh();
});

/** As each request does before it trusts what is remembered. */
const aclFor = async (...names: string[]) => {
  await cache.refresh();
  return policies.aclFor(names);
};
const reads = async (path: string, ...names: string[]): Promise<boolean> => (await aclFor(...names)).allows(request(path)).allowed;

describe('a policy', () => {
  it('is kept as it was written, with a version that counts the writes', async () => {
    await policies.put('dev', readsA);
    expect(await policies.get('dev')).toMatchObject({ name: 'dev', text: readsA, version: 1, casRequired: false, modified: clock.now() });
    clock.advance(1_000);
    await policies.put('dev', readsB);
    await cache.refresh();
    expect(await policies.get('dev')).toMatchObject({ text: readsB, version: 2, modified: clock.now() });
  });

  it('that does not parse is not kept', async () => {
    await expect(policies.put('dev', 'path "a" {')).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await policies.get('dev')).toBeUndefined();
  });

  it('is gone once deleted, and deleting it again is no error', async () => {
    await policies.put('dev', readsA);
    await policies.delete('dev');
    await policies.delete('dev');
    await cache.refresh();
    expect(await policies.get('dev')).toBeUndefined();
    expect(await policies.list()).toEqual(['default', 'root']);
  });
});

describe('check-and-set', () => {
  const mismatch = { code: 'invalid-request', message: 'check-and-set parameter did not match the current version' };

  it('replaces the version that it names and no other', async () => {
    await policies.put('dev', readsA);
    await expect(policies.put('dev', readsB, { cas: 2 })).rejects.toMatchObject(mismatch);
    await expect(policies.put('dev', readsB, { cas: -1 })).rejects.toMatchObject(mismatch);
    await policies.put('dev', readsB, { cas: 1 });
    expect(await policies.get('dev')).toMatchObject({ version: 2 });
  });

  it('of -1 only makes a new policy', async () => {
    await policies.put('dev', readsA, { cas: -1 });
    await expect(policies.put('dev', readsA, { cas: -1 })).rejects.toMatchObject(mismatch);
    await expect(policies.put('other', readsA, { cas: 3 })).rejects.toMatchObject(mismatch);
  });

  it('can be demanded of later writes, and stays demanded', async () => {
    await policies.put('dev', readsA, { casRequired: true });
    const missing = { message: 'check-and-set parameter required for this call' };
    await expect(policies.put('dev', readsB)).rejects.toMatchObject(missing);
    await policies.put('dev', readsB, { cas: 1 });
    await expect(policies.put('dev', readsA)).rejects.toMatchObject(missing);
    await policies.put('dev', readsA, { cas: 2, casRequired: false });
    await policies.put('dev', readsB);
  });

  it('lets one of two writers win that saw the same version', async () => {
    await policies.put('dev', readsA);
    const outcomes = await Promise.allSettled([policies.put('dev', readsA, { cas: 1 }), policies.put('dev', readsB, { cas: 1 })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('the policies that every store has', () => {
  it('are default, root, and the hidden one of wrapping tokens', async () => {
    expect(await policies.list()).toEqual(['default', 'root']);
    expect(await policies.get('root')).toMatchObject({ name: 'root', text: '', version: 0 });
    expect((await policies.get('default'))?.text).toContain('auth/token/lookup-self');
  });

  it('cannot be taken away', async () => {
    await expect(policies.put('root', readsA)).rejects.toMatchObject({ message: 'cannot update "root" policy' });
    await expect(policies.delete('root')).rejects.toMatchObject({ message: 'cannot delete "root" policy' });
    await expect(policies.delete('default')).rejects.toMatchObject({ message: 'cannot delete default policy' });
    await expect(policies.put('response-wrapping', readsA)).rejects.toMatchObject({ message: 'cannot update "response-wrapping" policy' });
    await expect(policies.delete('response-wrapping')).rejects.toMatchObject({ message: 'cannot delete "response-wrapping" policy' });
  });

  it('may be written anew where they bind nobody else: default', async () => {
    await policies.put('default', readsA);
    expect(await reads('a', 'default')).toBe(true);
  });

  it('let a token look after itself and nobody else', async () => {
    const acl = await aclFor('default');
    const allowed = (operation: 'read' | 'update' | 'list', path: string) => acl.allows({ ...request(path), operation }).allowed;
    expect(allowed('read', 'auth/token/lookup-self')).toBe(true);
    expect(['auth/token/renew-self', 'auth/token/revoke-self', 'sys/capabilities-self'].map((path) => allowed('update', path))).toEqual([
      true,
      true,
      true,
    ]);
    expect(
      ['sys/leases/renew', 'sys/leases/lookup', 'sys/wrapping/unwrap', 'sys/tools/hash/sha2-256'].map((path) => allowed('update', path)),
    ).toEqual([true, true, true, true]);
    expect([allowed('list', 'cubbyhole/x/'), allowed('update', 'cubbyhole/x')]).toEqual([true, true]);
    expect([allowed('update', 'auth/token/create'), allowed('list', 'sys/leases/lookup/'), allowed('read', 'secret/a')]).toEqual([
      false,
      false,
      false,
    ]);
    expect([allowed('read', 'identity/entity/id/'), allowed('update', 'sys/renew')]).toEqual([false, false]);
  });
});

describe('the ACL of some policies', () => {
  it('is what they add up to; those that do not exist add nothing', async () => {
    await policies.put('one', readsA);
    await policies.put('two', readsB);
    expect(await reads('a', 'one', 'missing', 'two')).toBe(true);
    expect(await reads('b', 'one', 'missing', 'two')).toBe(true);
    expect(await reads('b', 'one', 'missing')).toBe(false);
    expect((await aclFor('one', 'root')).isRoot).toBe(true);
  });

  it('is compiled once while nothing changes', async () => {
    await policies.put('one', readsA);
    const acl = await aclFor('one');
    expect(await aclFor('one')).toBe(acl);
    await policies.put('two', readsB);
    expect(await aclFor('one')).toBe(acl);
  });

  it('follows every change of each of them', async () => {
    await policies.put('one', readsA);
    expect([await reads('a', 'one', 'two'), await reads('b', 'one', 'two')]).toEqual([true, false]);
    await policies.put('two', readsB);
    expect(await reads('b', 'one', 'two')).toBe(true);
    await policies.put('one', 'path "a" { capabilities = ["deny"] }');
    expect(await reads('a', 'one', 'two')).toBe(false);
    await policies.delete('two');
    expect(await reads('b', 'one', 'two')).toBe(false);
  });

  it('loses a rule when it expires', async () => {
    const until = clock.now() / 1000 + 60;
    await policies.put('one', `path "a" { capabilities = ["read"] expiration = ${until} }\n${readsB}`);
    expect([await reads('a', 'one'), await reads('b', 'one')]).toEqual([true, true]);
    clock.advance(59_999);
    expect(await reads('a', 'one')).toBe(true);
    clock.advance(1);
    expect([await reads('a', 'one'), await reads('b', 'one')]).toEqual([false, true]);
  });

  it('does not grant what a template of nobody would name', async () => {
    await policies.put('one', `path "home/{{identity.entity.name}}" { capabilities = ["read"] }\n${readsA}`);
    expect([await reads('home/', 'one'), await reads('home/{{identity.entity.name}}', 'one'), await reads('a', 'one')]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
