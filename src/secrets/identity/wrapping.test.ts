// Wrapped answers: looked at by anybody who holds the token, got out once.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, tokenPrefixes } from '../../../test/foundation/tokens-and-leases.ts';
import { rfc3339 } from '../../base/times.ts';
import { createWrapping, type Wrapping } from './wrapping.ts';

const notValid = { code: 'invalid-request', message: 'wrapping token is not valid or does not exist' };
const body = '{"request_id":"1","data":{"a":"b"}}';

let bank: Bank;
let wrapping: Wrapping;

beforeEach(() => {
  bank = openBank();
  wrapping = createWrapping(bank);
});

const wrap = (ttl = 60) => wrapping.wrap(body, { ttl, creationPath: 'kv/a' });

describe('a wrapped answer', () => {
  it('comes out once, to the byte, and nothing is left of it', async () => {
    const { token } = await wrap();
    expect((await wrapping.unwrap(token)).body).toBe(body);
    await expect(wrapping.unwrap(token)).rejects.toMatchObject(notValid);
    expect(await wrapping.look(token)).toBeUndefined();
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('comes out for one of many who ask at once', async () => {
    const { token } = await wrap();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => wrapping.unwrap(token)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('says where it comes from without being used up', async () => {
    const info = await wrapping.wrap(body, { ttl: 60, creationPath: 'kv/a', wrappedAccessor: 'accessor' });
    expect(info).toMatchObject({
      ttl: 60,
      creation_path: 'kv/a',
      creation_time: rfc3339(bank.clock.now()),
      wrapped_accessor: 'accessor',
    });
    expect(info.accessor).toMatch(/^[0-9A-Za-z]{24}$/);
    for (let look = 0; look < 3; look++) expect(await wrapping.look(info.token)).toMatchObject({ creationPath: 'kv/a', ttl: 60 });
    expect((await wrapping.unwrap(info.token)).body).toBe(body);
  });

  it('is gone when its time is over, and cleared away with its token', async () => {
    const { token } = await wrap(60);
    bank.clock.advance(59_999);
    expect(await wrapping.look(token)).toBeDefined();
    bank.clock.advance(1);
    expect(await wrapping.look(token)).toBeUndefined();
    await expect(wrapping.unwrap(token)).rejects.toMatchObject(notValid);
    await bank.expiry.expireDue();
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('goes with its token when that is revoked', async () => {
    const { token, accessor } = await wrap();
    const found = await bank.tokens.byAccessor(accessor);
    expect(found?.entry).toMatchObject({ policies: ['response-wrapping'], numUses: 1, explicitMaxTtl: 60, renewable: false });
    await bank.tokens.revoke(found?.key ?? '');
    await expect(wrapping.unwrap(token)).rejects.toMatchObject(notValid);
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
  });

  it('does not come out with a token whose one use was taken otherwise', async () => {
    const { token } = await wrap();
    await bank.tokens.use({ key: bank.tokens.keyOf(token) });
    expect(await wrapping.look(token)).toBeUndefined();
    await expect(wrapping.unwrap(token)).rejects.toMatchObject(notValid);
  });

  it('is none for a token that wraps nothing', async () => {
    const { token } = await bank.tokens.create({ path: 'auth/token/create', policies: ['default'], displayName: 'token', ttl: 60 });
    await expect(wrapping.unwrap(token)).rejects.toMatchObject(notValid);
    await expect(wrapping.rewrap(token)).rejects.toMatchObject(notValid);
    expect(await bank.tokens.find(token)).toBeDefined();
  });
});

describe('rewrapping', () => {
  it('puts the answer behind a new token, with the same path and time to live', async () => {
    const first = await wrap(60);
    bank.clock.advance(30_000);
    const second = await wrapping.rewrap(first.token);
    expect(second).toMatchObject({ ttl: 60, creation_path: 'kv/a', creation_time: rfc3339(bank.clock.now()) });
    expect(second.token).not.toBe(first.token);
    await expect(wrapping.unwrap(first.token)).rejects.toMatchObject(notValid);
    bank.clock.advance(59_999);
    expect((await wrapping.unwrap(second.token)).body).toBe(body);
  });

  it('makes one new token, however many ask at once', async () => {
    const { token } = await wrap();
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => wrapping.rewrap(token)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await bank.tokens.accessors()).toHaveLength(1);
  });

  it('leaves the old token usable when the new one could not be made', async () => {
    const { token } = await wrap();
    const failing = createWrapping({ ...bank, tokens: { ...bank.tokens, create: () => Promise.reject(new Error('no more room')) } });
    await expect(failing.rewrap(token)).rejects.toThrow('no more room');
    expect((await wrapping.unwrap(token)).body).toBe(body);
  });
});
