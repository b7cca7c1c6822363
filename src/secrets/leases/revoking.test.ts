// Taking back what was lent: at once, by prefix, by token, in time, and again after it failed.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, termsFor } from '../../../test/foundation/tokens-and-leases.ts';
import { Fault } from '../../base/fault.ts';

const hour = 3_600;

let bank: Bank;
let tokenKey: string;

beforeEach(async () => {
  bank = openBank();
  tokenKey = (await bank.tokens.create(termsFor({ ttl: 100 * hour }))).key;
});

const issue = async (name: string, path = 'db/creds/app', ttl = hour): Promise<string> =>
  (await bank.leases.issue({ ttl, maxTtl: 4 * hour, renewable: true, internal: { name } }, { path, mountUuid: 'mount', tokenKey })).leaseId;
const broken = () => Promise.reject(new Fault('engine-failed', 'the database is down'));
/** In steps that no clock guard takes for a jump. */
const pass = async (seconds: number, step = 30): Promise<void> => {
  for (let passed = 0; passed < seconds; passed += step) {
    bank.clock.advance(Math.min(step, seconds - passed) * 1000);
    await bank.expiry.expireDue();
  }
};
const leasesLeft = async (): Promise<string[]> => {
  const keys = await keysBelow(bank.storage, 'sys/lease/');
  return keys.filter((key) => !key.includes(tokenKey) || key.startsWith('sys/lease/token/'));
};

describe('revoking', () => {
  it('takes the secret back and forgets the lease, with everything that finds it', async () => {
    const leaseId = await issue('a');
    await bank.leases.revoke(leaseId, { sync: true });
    expect(bank.takenBack).toEqual(['a']);
    expect(await bank.leases.lookup(leaseId)).toBeUndefined();
    expect(await leasesLeft()).toEqual([]);
  });

  it('of what is not there is no error', async () => {
    await bank.leases.revoke('nope', { sync: true });
    await bank.leases.revoke('nope', { sync: false });
    expect(bank.takenBack).toEqual([]);
  });

  it('says what failed, keeps the lease, and shows the failure', async () => {
    const leaseId = await issue('a');
    bank.engine = broken;
    await expect(bank.leases.revoke(leaseId, { sync: true })).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'failed to revoke entry: the database is down',
    });
    expect(await bank.leases.lookup(leaseId)).toMatchObject({ revokeError: 'the database is down' });
  });

  it('without waiting is done by somebody else, should this process end', async () => {
    const leaseId = await issue('a');
    bank.engine = () => new Promise(() => {});
    await bank.leases.revoke(leaseId, { sync: false });
    const next = openBank({ storage: bank.storage, clock: bank.clock });
    await next.expiry.expireDue();
    expect(next.takenBack).toEqual(['a']);
    expect(await next.leases.lookup(leaseId)).toBeUndefined();
  });

  it('revokes the token where the lease is one of a token', async () => {
    const leaseId = await issue('a');
    await bank.leases.revoke(`auth/token/create/h${tokenKey}`, { sync: true });
    expect(await bank.tokens.look(tokenKey)).toBeUndefined();
    expect([bank.takenBack, await bank.leases.lookup(leaseId)]).toEqual([['a'], undefined]);
  });

  it('of a token without waiting makes it useless at once, and is finished by somebody else', async () => {
    await issue('a');
    bank.engine = () => new Promise(() => {});
    await bank.leases.revoke(`auth/token/create/h${tokenKey}`, { sync: false });
    expect(await bank.tokens.look(tokenKey)).toBeUndefined();
    const next = openBank({ storage: bank.storage, clock: bank.clock });
    await next.revocations.resume();
    expect(next.takenBack).toEqual(['a']);
  });
});

describe('revoking by prefix', () => {
  it('takes everything below it and nothing beside it', async () => {
    const kept = [await issue('x', 'db/creds/apple'), await issue('y', 'cloud/creds/app')];
    for (const name of ['a', 'b', 'c']) await issue(name, `db/creds/app/${name}`);
    await bank.leases.revokePrefix('db/creds/app', { sync: true });
    expect(bank.takenBack.sort()).toEqual(['a', 'b', 'c']);
    expect(await Promise.all(kept.map((leaseId) => bank.leases.lookup(leaseId)))).not.toContain(undefined);
  });

  it('takes the one lease that it names', async () => {
    const leaseId = await issue('a');
    await issue('b');
    await bank.leases.revokePrefix(leaseId, { sync: true });
    expect(bank.takenBack).toEqual(['a']);
  });

  it('revokes tokens by the path that made them', async () => {
    const other = await bank.tokens.create(termsFor({ path: 'auth/token/create/role' }));
    await bank.leases.revokePrefix('auth/token/create/role', { sync: true });
    expect(await bank.tokens.look(other.key)).toBeUndefined();
    expect(await bank.tokens.look(tokenKey)).toBeDefined();
  });

  it('tries them all, also behind one that fails, over many pages', async () => {
    const names = Array.from({ length: 150 }, (_, at) => `n${at}`);
    await Promise.all(names.map((name) => issue(name)));
    bank.engine = async (name) => (name === 'n7' ? broken() : undefined);
    await expect(bank.leases.revokePrefix('db', { sync: true })).rejects.toMatchObject({
      message: 'failed to revoke entry: the database is down',
    });
    expect(bank.takenBack.sort()).toEqual(names.sort());
    expect(await bank.leases.list('db/creds/app/')).toHaveLength(1);
  });

  it('by force forgets what could not be taken back', async () => {
    await issue('a');
    bank.engine = broken;
    await bank.leases.revokePrefix('db', { sync: true, force: true });
    expect(bank.takenBack).toEqual(['a']);
    expect(await leasesLeft()).toEqual([]);
  });
});

describe('the end of a token', () => {
  it('takes its leases back, over many pages, and those of nobody else', async () => {
    const other = await bank.tokens.create(termsFor());
    const names = Array.from({ length: 150 }, (_, at) => `n${at}`);
    await Promise.all(names.map((name) => issue(name)));
    await bank.leases.issue(
      { ttl: hour, maxTtl: hour, renewable: true, internal: { name: 'other' } },
      { path: 'db/creds/app', mountUuid: 'mount', tokenKey: other.key },
    );
    await bank.tokens.revoke(tokenKey);
    expect(bank.takenBack.sort()).toEqual(names.sort());
    expect(await bank.leases.list('db/creds/app/')).toHaveLength(1);
  });

  it('does not fail where a lease does: that is tried again', async () => {
    const leaseId = await issue('a');
    bank.engine = broken;
    expect(await bank.tokens.revoke(tokenKey)).toBe(true);
    bank.engine = async () => {};
    await pass(10);
    expect(bank.takenBack).toEqual(['a', 'a']);
    expect(await bank.leases.lookup(leaseId)).toBeUndefined();
  });

  it('lets no lease slip in beside it', async () => {
    const issued = Array.from({ length: 20 }, (_, at) => issue(`n${at}`));
    await bank.tokens.revoke(tokenKey);
    await Promise.allSettled(issued);
    expect(bank.takenBack).toHaveLength(20);
    expect(await keysBelow(bank.storage, 'sys/lease/')).toEqual([]);
  });
});

describe('expiry', () => {
  it('takes back what is due, and only that', async () => {
    await issue('short', 'db/creds/app', 60);
    await issue('long', 'db/creds/app', 600);
    await pass(59);
    expect(bank.takenBack).toEqual([]);
    await pass(1);
    expect(bank.takenBack).toEqual(['short']);
    await pass(540);
    expect(bank.takenBack).toEqual(['short', 'long']);
    expect(await leasesLeft()).toEqual([]);
  });

  it('ends tokens, with what hangs on them', async () => {
    const short = await bank.tokens.create(termsFor({ ttl: 60, parent: tokenKey }));
    await bank.leases.issue(
      { ttl: hour, maxTtl: hour, renewable: true, internal: { name: 'a' } },
      { path: 'db/creds/app', mountUuid: 'mount', tokenKey: short.key },
    );
    await pass(60);
    expect(bank.takenBack).toEqual(['a']);
    expect(bank.forgotten).toEqual([short.key]);
    expect(await bank.tokens.byAccessor(short.entry.accessor)).toBeUndefined();
  });

  it('works off more than one page in passes', async () => {
    await Promise.all(Array.from({ length: 150 }, (_, at) => issue(`n${at}`, 'db/creds/app', 30)));
    bank.clock.advance(30_000);
    const passes: number[] = [];
    for (let worked = await bank.expiry.expireDue(); worked > 0; worked = await bank.expiry.expireDue()) passes.push(worked);
    expect(passes.reduce((sum, worked) => sum + worked, 0)).toBe(150);
    expect(bank.takenBack).toHaveLength(150);
  });

  it('waits while the clock is doubted, and goes on when it is trusted again', async () => {
    const { clock } = bank;
    let ahead = 0;
    bank = openBank({ storage: bank.storage, clock: { ...clock, now: () => clock.now() + ahead } });
    const leaseId = await issue('a');
    await pass(1);
    ahead = 2 * hour * 1000;
    await pass(60);
    expect(bank.takenBack).toEqual([]);
    // The refusal of what has expired does not wait.
    await expect(bank.leases.renew(leaseId, 0)).rejects.toMatchObject({ message: 'lease expired' });
    ahead = 0;
    await pass(60);
    await bank.leases.renew(leaseId, 0);
    ahead = 2 * hour * 1000;
    await pass(330);
    expect(bank.takenBack).toEqual(['a']);
  });

  it('takes nothing back for a clock that jumped back', async () => {
    const { clock } = bank;
    let ahead = 0;
    bank = openBank({ storage: bank.storage, clock: { ...clock, now: () => clock.now() + ahead } });
    await issue('a', 'db/creds/app', 60);
    ahead = -hour * 1000;
    await pass(90);
    expect(bank.takenBack).toEqual([]);
  });
});

describe('what cannot be taken back', () => {
  it('is tried again after ten seconds, then twice as long each time, and given up after the sixth failure', async () => {
    const leaseId = await issue('a', 'db/creds/app', 60);
    bank.engine = broken;
    await pass(60);
    const waited: number[] = [];
    for (let known = 1, seconds = 1; seconds < 700; seconds++) {
      await pass(1);
      if (bank.takenBack.length > known) waited.push(seconds);
      known = bank.takenBack.length;
    }
    expect(waited).toEqual([10, 30, 70, 150, 310]);
    expect(await bank.leases.irrevocable()).toEqual([
      { leaseId, mountUuid: 'mount', expires: bank.clock.now() - 699_000, error: 'the database is down' },
    ]);
    await expect(bank.leases.renew(leaseId, 0)).rejects.toMatchObject({
      message: 'lease is expired and has failed previous revocation attempts',
    });
  });

  it('can still be ended by an operator, once the engine works again', async () => {
    const leaseId = await givenUp('a');
    bank.engine = async () => {};
    await bank.leases.revoke(leaseId, { sync: true });
    expect(await bank.leases.irrevocable()).toEqual([]);
    expect(await leasesLeft()).toEqual([]);
  });

  it('can be forgotten by force', async () => {
    await givenUp('a');
    await bank.leases.revokePrefix('db', { sync: true, force: true });
    expect(await bank.leases.irrevocable()).toEqual([]);
    expect(await leasesLeft()).toEqual([]);
  });

  it('stays listed when an operator fails as well', async () => {
    const leaseId = await givenUp('a');
    await bank.leases.revoke(leaseId, { sync: false });
    await expect(bank.leases.revoke(leaseId, { sync: true })).rejects.toThrow();
    expect((await bank.leases.irrevocable()).map((lease) => lease.leaseId)).toEqual([leaseId]);
  });

  it('is listed by its end, the oldest first', async () => {
    bank.engine = broken;
    const late = await issue('late', 'db/creds/app', 600);
    const early = await issue('early', 'db/creds/app', 60);
    await pass(1_200, 10);
    expect((await bank.leases.irrevocable()).map((lease) => lease.leaseId)).toEqual([early, late]);
  });
});

async function givenUp(name: string): Promise<string> {
  const leaseId = await issue(name, 'db/creds/app', 60);
  bank.engine = broken;
  await pass(700, 10);
  expect(await bank.leases.irrevocable()).toHaveLength(1);
  return leaseId;
}
