// Tokens from their making to their last use.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, termsFor, tokenPrefixes } from '../../../test/foundation/tokens-and-leases.ts';
import { tokenKey } from './token-entry.ts';

const hour = 3_600;

let bank: Bank;

beforeEach(() => {
  bank = openBank();
});

describe('a new token', () => {
  it('is found by its text, with the terms that it was made with', async () => {
    const made = await bank.tokens.create(termsFor({ meta: { user: 'a' }, displayName: 'token-a' }));
    expect(made.token).toMatch(/^hvs\.[0-9A-Za-z]{24}$/);
    expect(made.entry).toMatchObject({
      policies: ['default'],
      meta: { user: 'a' },
      displayName: 'token-a',
      orphan: true,
      created: bank.clock.now(),
      ttl: hour,
      expires: bank.clock.now() + hour * 1000,
      renewable: true,
      type: 'service',
    });
    expect(await bank.tokens.find(made.token)).toEqual({ key: made.key, entry: made.entry });
    expect(await bank.tokens.find(`${made.token}x`)).toBeUndefined();
    expect(await bank.tokens.find('')).toBeUndefined();
  });

  it('is never stored as it is, nor named by it', async () => {
    const { token } = await bank.tokens.create(termsFor());
    const keys = await keysBelow(bank.storage, '');
    const values = await Promise.all(keys.map(async (key) => Buffer.from((await bank.storage.get(key)) ?? []).toString()));
    expect(keys.length).toBeGreaterThan(0);
    expect([...keys, ...values].filter((text) => text.includes(token) || text.includes(token.slice(4)))).toEqual([]);
    expect(tokenKey('salt', token)).not.toBe(tokenKey('other salt', token));
  });

  it('is found by its accessor, and listed', async () => {
    const { key, entry } = await bank.tokens.create(termsFor());
    expect(await bank.tokens.byAccessor(entry.accessor)).toEqual({ key, entry });
    expect(await bank.tokens.byAccessor('none')).toBeUndefined();
    expect(await bank.tokens.accessors()).toEqual([entry.accessor]);
  });

  it('can have an id of its own, which nobody else can have as long as something hangs on it', async () => {
    const { token, key } = await bank.tokens.create(termsFor({ id: 'my-own-id' }));
    expect(token).toBe('my-own-id');
    const duplicate = { code: 'invalid-request', message: 'cannot create a token with a duplicate ID' };
    await expect(bank.tokens.create(termsFor({ id: 'my-own-id' }))).rejects.toMatchObject(duplicate);
    await bank.tokens.revoke(key);
    await bank.tokens.create(termsFor({ id: 'my-own-id' }));
  });

  it('is not made twice by two who want the same id', async () => {
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => bank.tokens.create(termsFor({ id: 'my-own-id' }))));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it('is not made when its parent is gone, and leaves nothing behind', async () => {
    const parent = await bank.tokens.create(termsFor());
    await bank.tokens.revoke(parent.key);
    await expect(bank.tokens.create(termsFor({ parent: parent.key }))).rejects.toMatchObject({ code: 'permission-denied' });
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('does not slip in beside the revocation of its parent', async () => {
    const parent = await bank.tokens.create(termsFor());
    const children = Array.from({ length: 20 }, () => bank.tokens.create(termsFor({ parent: parent.key })));
    await bank.tokens.revoke(parent.key);
    await Promise.allSettled(children);
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('of root never expires, unless it is given an end', async () => {
    const endless = await bank.tokens.create(termsFor({ policies: ['root'], ttl: 0 }));
    expect(endless.entry).toMatchObject({ expires: null, ttl: 0, renewable: false });
    expect((await bank.tokens.create(termsFor({ policies: ['root'], ttl: hour }))).entry).toMatchObject({ ttl: hour, renewable: true });
    expect((await bank.tokens.create(termsFor({ policies: ['root'], ttl: 0, explicitMaxTtl: hour }))).entry).toMatchObject({ ttl: hour });
    expect((await bank.tokens.create(termsFor({ policies: ['root'], ttl: 0, period: hour }))).entry).toMatchObject({ ttl: hour });
  });

  it('gets the default of its mount, within the maximum', async () => {
    bank.bounds = { default: hour, max: 2 * hour };
    expect((await bank.tokens.create(termsFor({ ttl: 0 }))).entry.ttl).toBe(hour);
    const capped = await bank.tokens.create(termsFor({ ttl: 9 * hour }));
    expect(capped.entry.ttl).toBe(2 * hour);
    expect(capped.warnings).toEqual(['TTL of "9h" exceeded the effective max_ttl of "2h"; TTL value is capped accordingly']);
  });

  it('is told when its explicit maximum is more than the mount allows', async () => {
    bank.bounds = { default: hour, max: 2 * hour };
    const made = await bank.tokens.create(termsFor({ explicitMaxTtl: 3 * hour }));
    expect(made.entry.explicitMaxTtl).toBe(2 * hour);
    expect(made.warnings).toEqual([
      'Explicit max TTL of 10800 seconds is greater than system/mount allowed value; value is capped to 7200 seconds',
    ]);
  });
});

describe('a token whose time is over', () => {
  it('is not found, although it is not cleared away yet', async () => {
    const { token, key, entry } = await bank.tokens.create(termsFor());
    bank.clock.advance(hour * 1000 - 1);
    expect(await bank.tokens.find(token)).toBeDefined();
    bank.clock.advance(1);
    expect(await bank.tokens.find(token)).toBeUndefined();
    expect(await bank.tokens.look(key)).toBeUndefined();
    expect(await bank.tokens.byAccessor(entry.accessor)).toBeUndefined();
    expect(await bank.tokens.use({ key })).toBeUndefined();
  });

  it('is cleared away, and one whose time is not over is not', async () => {
    const short = await bank.tokens.create(termsFor({ ttl: 60 }));
    const long = await bank.tokens.create(termsFor({ ttl: hour }));
    bank.clock.advance(60_000);
    await bank.tokens.expire(short.key);
    await bank.tokens.expire(long.key);
    expect(await bank.tokens.accessors()).toEqual([long.entry.accessor]);
  });
});

describe('uses', () => {
  it('are counted down to the last, and then there are none', async () => {
    const { token, key } = await bank.tokens.create(termsFor({ numUses: 2 }));
    expect(await bank.tokens.use({ key })).toEqual({ last: false });
    expect((await bank.tokens.look(key))?.numUses).toBe(1);
    expect(await bank.tokens.use({ key })).toEqual({ last: true });
    expect((await bank.tokens.look(key))?.numUses).toBe(-1);
    expect(await bank.tokens.use({ key })).toBeUndefined();
    expect(await bank.tokens.find(token)).toBeDefined();
  });

  it('are given to as many as there are, however many ask at once', async () => {
    const { key } = await bank.tokens.create(termsFor({ numUses: 5 }));
    const other = openBank({ storage: bank.storage, clock: bank.clock });
    const uses = await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? bank : other).tokens.use({ key })));
    expect(uses.filter((use) => use !== undefined)).toHaveLength(5);
    expect(uses.filter((use) => use?.last === true)).toHaveLength(1);
  });

  it('without limit are not counted', async () => {
    const { key } = await bank.tokens.create(termsFor());
    const before = await bank.storage.feed.head();
    expect(await bank.tokens.use({ key })).toEqual({ last: false });
    expect(await bank.storage.feed.head()).toBe(before);
  });

  it('of a token that is gone are none', async () => {
    const { key } = await bank.tokens.create(termsFor({ numUses: 2 }));
    await bank.tokens.revoke(key);
    expect(await bank.tokens.use({ key })).toBeUndefined();
  });
});

describe('renewing', () => {
  const expiresIn = async (key: string): Promise<number> => (((await bank.tokens.look(key))?.expires ?? 0) - bank.clock.now()) / 1000;

  it('grants the increment from now on, or what was granted before', async () => {
    const { key } = await bank.tokens.create(termsFor());
    bank.clock.advance(600_000);
    const { entry } = await bank.tokens.renew(key, 2 * hour);
    expect(entry).toMatchObject({ leaseTtl: 2 * hour, ttl: hour, lastRenewal: bank.clock.now() });
    expect(await expiresIn(key)).toBe(2 * hour);
    bank.clock.advance(600_000);
    await bank.tokens.renew(key, 0);
    expect(await expiresIn(key)).toBe(2 * hour);
    await bank.tokens.renew(key, 60);
    expect(await expiresIn(key)).toBe(60);
  });

  it('does not pass the maximum of the mount, counted from the making', async () => {
    bank.bounds = { default: hour, max: 2 * hour };
    const { key } = await bank.tokens.create(termsFor());
    bank.clock.advance(0.5 * hour * 1000);
    const { warnings } = await bank.tokens.renew(key, 2 * hour);
    expect(await expiresIn(key)).toBe(1.5 * hour);
    expect(warnings).toEqual(['TTL of "2h" exceeded the effective max_ttl of "1h30m"; TTL value is capped accordingly']);
  });

  it('does not pass the explicit maximum, not for a periodic token either', async () => {
    const { key } = await bank.tokens.create(termsFor({ period: hour, explicitMaxTtl: 2 * hour }));
    bank.clock.advance(0.9 * hour * 1000);
    await bank.tokens.renew(key, 0);
    bank.clock.advance(0.9 * hour * 1000);
    await bank.tokens.renew(key, 0);
    expect(await expiresIn(key)).toBeCloseTo(0.2 * hour, 3);
    bank.clock.advance(0.2 * hour * 1000);
    await expect(bank.tokens.renew(key, 0)).rejects.toMatchObject({ message: 'lease expired' });
  });

  it('keeps a periodic token alive for ever, a period at a time', async () => {
    bank.bounds = { default: hour, max: 4 * hour };
    const { key } = await bank.tokens.create(termsFor({ period: hour }));
    for (let round = 0; round < 10; round++) {
      bank.clock.advance(0.9 * hour * 1000);
      await bank.tokens.renew(key, 9 * hour);
      expect(await expiresIn(key)).toBe(hour);
    }
  });

  it('moves the time of expiry', async () => {
    const { key } = await bank.tokens.create(termsFor());
    await bank.tokens.renew(key, 2 * hour);
    expect(await bank.storage.list('sys/lease/expiry/')).toHaveLength(1);
    const ends: number[] = [];
    for (let minute = 1; minute <= 130; minute++) {
      bank.clock.advance(30_000);
      await bank.expiry.expireDue();
      bank.clock.advance(30_000);
      await bank.expiry.expireDue();
      if (ends.length === 0 && (await bank.tokens.accessors()).length === 0) ends.push(minute);
    }
    expect(ends).toEqual([120]);
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('refuses what cannot be renewed, and says why', async () => {
    const refuses = async (key: string, message: string) =>
      expect(bank.tokens.renew(key, hour)).rejects.toMatchObject({ code: 'invalid-request', message });
    await refuses('none', 'token not found');
    await refuses((await bank.tokens.create(termsFor({ renewable: false }))).key, 'lease is not renewable');
    await refuses((await bank.tokens.create(termsFor({ policies: ['root'], ttl: 0 }))).key, 'invalid lease ID');
    const expired = await bank.tokens.create(termsFor({ ttl: 60 }));
    bank.clock.advance(60_000);
    await refuses(expired.key, 'lease expired');
  });

  it('is not undone by a use at the same time', async () => {
    const { key } = await bank.tokens.create(termsFor({ numUses: 10 }));
    await Promise.all([bank.tokens.renew(key, 2 * hour), bank.tokens.use({ key }), bank.tokens.use({ key })]);
    expect(await bank.tokens.look(key)).toMatchObject({ numUses: 8, leaseTtl: 2 * hour });
  });
});

describe('a token role', () => {
  it('holds new tokens to its period and its explicit maximum', async () => {
    await bank.roles.write('r', { token_period: 600, token_explicit_max_ttl: hour });
    expect((await bank.tokens.create(termsFor({ role: 'r' }))).entry).toMatchObject({ ttl: 600, period: 0, explicitMaxTtl: 0, role: 'r' });
    const both = await bank.tokens.create(termsFor({ role: 'r', period: 900, explicitMaxTtl: 2 * hour }));
    expect(both.entry.ttl).toBe(600);
    expect(both.warnings).toEqual([
      'Explicit max TTL specified both during creation call and in role; using the lesser value of 3600 seconds',
      'Period specified both during creation call and in role; using the lesser value of 600 seconds',
    ]);
  });

  it('holds renewals to what it says now', async () => {
    await bank.roles.write('r', { token_period: 600 });
    const { key } = await bank.tokens.create(termsFor({ role: 'r' }));
    await bank.roles.write('r', { token_period: 300 });
    expect((await bank.tokens.renew(key, 0)).entry.leaseTtl).toBe(300);
    await bank.roles.write('r', { token_explicit_max_ttl: 400 });
    bank.clock.advance(200_000);
    expect((await bank.tokens.renew(key, 0)).entry.leaseTtl).toBe(200);
  });

  it('that is gone ends all renewals', async () => {
    await bank.roles.write('r', { token_period: 600 });
    const { key } = await bank.tokens.create(termsFor({ role: 'r' }));
    await bank.roles.remove('r');
    await expect(bank.tokens.renew(key, 0)).rejects.toMatchObject({
      message: 'original token role "r" could not be found, not renewing',
    });
  });
});
