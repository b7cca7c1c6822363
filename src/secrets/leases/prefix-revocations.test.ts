// What a revocation of a prefix promises: all below is useless after one commit, whoever takes it back, and whenever.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';

let bank: Bank;
let tokenKey: string;
let token: string;
beforeEach(async () => {
  bank = openBank();
  ({ key: tokenKey, token } = await bank.tokens.create(termsFor()));
});

const issue = async (name: string, path = 'db/creds/app'): Promise<string> => {
  const terms = { ttl: 3_600, maxTtl: 7_200, renewable: true, internal: { name } };
  return (await bank.leases.issue(terms, { path, mountUuid: 'mount', tokenKey })).leaseId;
};
const hangs = () => new Promise<void>(() => {});

describe('while the engine hangs', () => {
  beforeEach(() => {
    bank.engine = hangs;
  });

  it('no lease below can be renewed, and it is told as ended', async () => {
    const leaseId = await issue('a');
    await bank.leases.revokePrefix('db', { sync: false });
    await expect(bank.leases.renew(leaseId, 60)).rejects.toMatchObject({ message: 'lease expired' });
    expect(await bank.leases.lookup(leaseId)).toMatchObject({ expires: bank.clock.now(), renewable: false });
  });

  it('what lies beside it lives on', async () => {
    const beside = await issue('a', 'dbx/creds/app');
    await bank.leases.revokePrefix('db', { sync: false });
    expect(await bank.leases.renew(beside, 60)).toMatchObject({ ttl: 60 });
  });

  it('no token below is found any more, even before its turn comes', async () => {
    // Seventeen leases that hang come first in the order of the store.
    for (let at = 0; at < 17; at++) await issue(`n${at}`, 'auth/a/login');
    const made = await bank.tokens.create(termsFor({ path: 'auth/b/login' }));
    await bank.leases.revokePrefix('auth/', { sync: false });
    expect(await bank.tokens.find(made.token)).toBeUndefined();
  });

  it('what is issued afterwards is spared', async () => {
    await issue('a');
    await bank.leases.revokePrefix('db', { sync: false });
    bank.clock.advance(1);
    const later = await issue('b');
    expect(await bank.leases.renew(later, 60)).toMatchObject({ ttl: 60 });
  });

  it('the progress can be read', async () => {
    for (let at = 0; at < 20; at++) await issue(`n${at}`);
    let asked = 0;
    bank.engine = async () => (++asked === 17 ? hangs() : undefined);
    await bank.leases.revokePrefix('db', { sync: false });
    await expect.poll(() => bank.leases.revocations()).toMatchObject([{ prefix: 'db', force: false, done: 19, failed: 0 }]);
  });

  it('another process finishes it', async () => {
    const leaseId = await issue('a');
    await bank.leases.revokePrefix('db', { sync: false });
    const next = openBank({ storage: bank.storage, clock: bank.clock });
    next.leases.resumeRevocations();
    await expect.poll(() => next.leases.lookup(leaseId)).toBeUndefined();
    await expect.poll(() => next.leases.revocations()).toEqual([]);
  });
});

it('a revoked token takes its leases with it before they are taken back', async () => {
  bank.engine = hangs;
  const leaseId = await issue('a');
  await bank.tokens.revoke(tokenKey, { sync: false });
  await expect(bank.leases.renew(leaseId, 60)).rejects.toMatchObject({ message: 'lease expired' });
});

it('a revoked token takes those that it made with it, however deep, before their turn comes', async () => {
  bank.engine = hangs;
  const child = await bank.tokens.create(termsFor({ parent: tokenKey }));
  const grandchild = await bank.tokens.create(termsFor({ parent: child.key }));
  expect(await bank.tokens.find(grandchild.token)).toBeDefined();
  await bank.storage.delete(`sys/token/id/${tokenKey}`);
  expect([await bank.tokens.find(token), await bank.tokens.find(grandchild.token)]).toEqual([undefined, undefined]);
});

it('a token that is revoked without its children leaves them usable at every moment', async () => {
  const child = await bank.tokens.create(termsFor({ parent: tokenKey }));
  const grandchild = await bank.tokens.create(termsFor({ parent: child.key }));
  // Its own lease hangs, so the children are not cut loose by anybody else in the meantime.
  await issue('a');
  bank.engine = hangs;
  const usable = async () => [await bank.tokens.find(child.token), await bank.tokens.find(grandchild.token)].every(Boolean);
  const revoking = bank.tokens.revoke(tokenKey, { orphanChildren: true, sync: false });
  for (let look = 0; look < 50; look++) expect(await usable()).toBe(true);
  await revoking;
  expect(await usable()).toBe(true);
});

it('is over when all was tried, and leaves nothing behind', async () => {
  await issue('a');
  await bank.leases.revokePrefix('db', { sync: true });
  expect(await bank.leases.revocations()).toEqual([]);
});
