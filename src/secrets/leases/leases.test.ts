// What is lent: written down before it leaves, shown, listed and renewed.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';
import { Fault } from '../../base/fault.ts';
import type { Storage } from '../../storage/storage.ts';
import type { LeaseTerms } from '../core/engine.ts';

const hour = 3_600;
const terms = (name: string, more: Partial<LeaseTerms> = {}): LeaseTerms => ({
  ttl: hour,
  maxTtl: 4 * hour,
  renewable: true,
  internal: { name },
  ...more,
});

let bank: Bank;
let tokenKey: string;

beforeEach(async () => {
  bank = openBank();
  tokenKey = (await bank.tokens.create(termsFor({ ttl: 10 * hour }))).key;
});

const issue = async (name: string, more: Partial<LeaseTerms> = {}, path = 'db/creds/app'): Promise<string> =>
  (await bank.leases.issue(terms(name, more), { path, mountUuid: 'mount', tokenKey })).leaseId;

describe('issuing', () => {
  it('names the lease after the path, and keeps it', async () => {
    const leaseId = await issue('a');
    expect(leaseId).toMatch(/^db\/creds\/app\/[0-9A-Za-z]{24}$/);
    expect(await bank.leases.lookup(leaseId)).toMatchObject({
      leaseId,
      path: 'db/creds/app',
      issued: bank.clock.now(),
      expires: bank.clock.now() + hour * 1000,
      renewable: true,
    });
    expect(await issue('b')).not.toBe(leaseId);
  });

  it('takes the secret back, and keeps no lease, when the token is gone', async () => {
    await bank.tokens.revoke(tokenKey);
    await expect(issue('a')).rejects.toMatchObject({ code: 'permission-denied' });
    expect(bank.takenBack).toEqual(['a']);
    expect(await keysBelow(bank.storage, 'sys/lease/')).toEqual([]);
  });

  it('takes the secret back when the store refuses, and says why it was refused', async () => {
    const full: Storage = { ...bank.storage, transact: () => Promise.reject(new Fault('storage-failed', 'the disk is full')) };
    bank = openBank({ storage: full });
    await expect(issue('a')).rejects.toMatchObject({ code: 'storage-failed' });
    expect(bank.takenBack).toEqual(['a']);
  });

  it('says why it was refused also when the secret cannot be taken back', async () => {
    await bank.tokens.revoke(tokenKey);
    bank.engine = () => Promise.reject(new Error('the database is down'));
    await expect(issue('a')).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('has written the lease down when it resolves', async () => {
    const order: string[] = [];
    const { transact } = bank.storage;
    const slow: Storage = {
      ...bank.storage,
      async transact(work) {
        const result = await transact(work);
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push('written');
        return result;
      },
    };
    const { leases } = openBank({ storage: slow, clock: bank.clock });
    await leases.issue(terms('a'), { path: 'db/creds/app', mountUuid: 'mount', tokenKey });
    order.push('issued');
    expect(order).toEqual(['written', 'issued']);
  });
});

describe('a lease of a batch token', () => {
  it('ends with the token, and no renewal takes it further', async () => {
    const expires = bank.clock.now() + 90_500;
    const { leaseId } = await bank.leases.issue(terms('a'), {
      path: 'db/creds/app',
      mountUuid: 'mount',
      tokenKey: 'not in the store',
      batch: { expires },
    });
    expect(await bank.leases.lookup(leaseId)).toMatchObject({ expires });
    bank.clock.advance(60_000);
    await bank.leases.renew(leaseId, hour);
    expect(await bank.leases.lookup(leaseId)).toMatchObject({ expires });
  });

  it('is taken back with the token that made it', async () => {
    await bank.leases.issue(terms('a'), {
      path: 'db/creds/app',
      mountUuid: 'mount',
      tokenKey: 'not in the store',
      batch: { expires: bank.clock.now() + hour * 1000, parent: tokenKey },
    });
    await bank.tokens.revoke(tokenKey);
    expect(bank.takenBack).toEqual(['a']);
  });

  it('does not outlive a token that has less than a second left', async () => {
    const expires = bank.clock.now() + 300;
    const { leaseId } = await bank.leases.issue(terms('a', { maxTtl: 0 }), {
      path: 'db/creds/app',
      mountUuid: 'mount',
      tokenKey: 'not in the store',
      batch: { expires },
    });
    await bank.leases.renew(leaseId, hour);
    expect(await bank.leases.lookup(leaseId)).toMatchObject({ expires });
  });
});

describe('a list', () => {
  it('shows the next segments, those that go on with a slash', async () => {
    const leaseId = await issue('a', {}, 'db/creds/app');
    await issue('b', {}, 'db/creds/app');
    await issue('c', {}, 'cloud/creds/role');
    expect(await bank.leases.list('')).toEqual(['auth/', 'cloud/', 'db/']);
    expect(await bank.leases.list('db/')).toEqual(['creds/']);
    expect(await bank.leases.list('db/creds/app/')).toContain(leaseId.slice('db/creds/app/'.length));
    expect(await bank.leases.list('db/creds/app/')).toHaveLength(2);
    expect(await bank.leases.list('none/')).toEqual([]);
  });

  it('shows the leases of tokens too', async () => {
    expect(await bank.leases.list('auth/token/create/')).toEqual([`h${tokenKey}`]);
    expect(await bank.leases.lookup(`auth/token/create/h${tokenKey}`)).toMatchObject({
      path: 'auth/token/create',
      expires: bank.clock.now() + 10 * hour * 1000,
      renewable: true,
    });
  });
});

describe('renewing', () => {
  it('grants what is asked for from now on, or what the lease had', async () => {
    const leaseId = await issue('a');
    bank.clock.advance(600_000);
    expect(await bank.leases.renew(leaseId, 2 * hour)).toEqual({ leaseId, ttl: 2 * hour, renewable: true, warnings: [] });
    expect(await bank.leases.lookup(leaseId)).toMatchObject({
      expires: bank.clock.now() + 2 * hour * 1000,
      lastRenewal: bank.clock.now(),
    });
    expect(await bank.leases.renew(leaseId, 0)).toMatchObject({ ttl: 2 * hour });
  });

  it('grants no more than is left of the maximum, and says so', async () => {
    const leaseId = await issue('a', { ttl: 3 * hour });
    bank.clock.advance(2 * hour * 1000);
    const { ttl, warnings } = await bank.leases.renew(leaseId, 3 * hour);
    expect(ttl).toBe(2 * hour);
    expect(warnings).toEqual(['TTL of "3h" exceeded the effective max_ttl of "2h"; TTL value is capped accordingly']);
  });

  it('moves the lease to its new time of expiry', async () => {
    const leaseId = await issue('a');
    await bank.leases.renew(leaseId, 2 * hour);
    bank.clock.advance(hour * 1000);
    await bank.expiry.expireDue();
    expect(bank.takenBack).toEqual([]);
    for (let passed = 0; passed < hour; passed += 30) {
      bank.clock.advance(30_000);
      await bank.expiry.expireDue();
    }
    expect(bank.takenBack).toEqual(['a']);
  });

  it('refuses what cannot be renewed, and says why', async () => {
    const refuses = async (leaseId: string, message: string) =>
      expect(bank.leases.renew(leaseId, hour)).rejects.toMatchObject({ code: 'invalid-request', message });
    await refuses('nope', 'lease not found');
    await refuses(await issue('a', { renewable: false }), 'lease is not renewable');
    await refuses(`auth/token/create/h${tokenKey}`, 'tokens cannot be renewed through this endpoint');
    const expired = await issue('b', { ttl: 60 });
    bank.clock.advance(60_000);
    await refuses(expired, 'lease expired');
  });

  it('refuses a lease that is being revoked', async () => {
    const leaseId = await issue('a');
    bank.engine = () => Promise.reject(new Error('the database is down'));
    await expect(bank.leases.revoke(leaseId, { sync: true })).rejects.toThrow();
    await expect(bank.leases.renew(leaseId, hour)).rejects.toMatchObject({ message: 'lease expired' });
  });
});
