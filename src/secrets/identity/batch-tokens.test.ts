// Tokens that carry their own entry: whole or not at all, and only from this store.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Bank, keysBelow, openBank, termsFor, tokenPrefixes } from '../../../test/foundation/tokens-and-leases.ts';
import { keyFromBytes } from '../../crypto/keys.ts';
import { systemRandom } from '../../crypto/random.ts';
import { createBatchTokens } from './batch-tokens.ts';
import type { TokenEntry } from './token-entry.ts';

const key = keyFromBytes(new Uint8Array(32).fill(1));
const make = (from = key) => createBatchTokens({ key: () => from, random: systemRandom });
const entry: TokenEntry = {
  format: 1,
  accessor: '',
  policies: ['default'],
  path: 'auth/token/create',
  meta: { user: 'a' },
  displayName: 'token',
  numUses: 0,
  orphan: true,
  created: 1_700_000_000_000,
  ttl: 300,
  leaseTtl: 300,
  maxTtl: 0,
  explicitMaxTtl: 0,
  period: 0,
  expires: 1_700_000_300_000,
  renewable: false,
  type: 'batch',
  entityId: '',
};

describe('the text of a batch token', () => {
  it('gives its entry back, in this process and in the next', () => {
    const token = make().issue(entry);
    expect(token).toMatch(/^hvb\.[A-Za-z0-9_-]+$/);
    expect(make().open(token)).toEqual(entry);
  });

  it('is another one each time, under nonces that do not repeat', () => {
    const tokens = make();
    const texts = Array.from({ length: 100 }, () => tokens.issue(entry));
    // Format, salt, counter: 23 bytes.
    const nonces = texts.map((text) => Buffer.from(text.slice(4), 'base64url').subarray(0, 23).toString('hex'));
    expect(new Set(nonces).size).toBe(100);
    expect(nonces.every((nonce) => nonce.startsWith('01'))).toBe(true);
    const restarted = make().issue(entry);
    expect(Buffer.from(restarted.slice(4), 'base64url').subarray(1, 17)).not.toEqual(
      Buffer.from((texts[0] as string).slice(4), 'base64url').subarray(1, 17),
    );
  });

  it('shows nothing of the entry', () => {
    const bytes = Buffer.from(make().issue(entry).slice(4), 'base64url').toString('latin1');
    expect(bytes).not.toContain('default');
    expect(bytes).not.toContain('policies');
  });

  it('opens nothing when a single bit of it is changed', () => {
    const tokens = make();
    const bytes = Buffer.from(tokens.issue(entry).slice(4), 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      expect(tokens.open(`hvb.${changed.toString('base64url')}`)).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length++)
      expect(tokens.open(`hvb.${bytes.subarray(0, length).toString('base64url')}`)).toBeUndefined();
  });

  it('opens nothing in another spelling', () => {
    const tokens = make();
    const token = tokens.issue(entry);
    for (const spelled of [`${token}=`, `${token}\n`, token.replace('hvb.', 'hvb. '), token.replace('hvb.', 'hvs.'), token.slice(4)])
      expect(tokens.open(spelled)).toBeUndefined();
  });

  it('opens nothing in another store', () => {
    expect(make(keyFromBytes(new Uint8Array(32).fill(2))).open(make().issue(entry))).toBeUndefined();
  });

  it('is not made for an entry without an end', () => {
    expect(() => make().issue({ ...entry, expires: null })).toThrow('batch tokens must have a TTL');
  });

  it('is of no use for an entry that is no batch token', () => {
    const tokens = make();
    expect(tokens.open(tokens.issue({ ...entry, type: 'service' }))).toBeUndefined();
  });

  it('opens however many processes made tokens before', () => {
    const texts = Array.from({ length: 80 }, () => make().issue(entry));
    const tokens = make();
    for (const text of [...texts, ...texts]) expect(tokens.open(text)).toEqual(entry);
  });
});

describe('a batch token', () => {
  let bank: Bank;

  beforeEach(() => {
    bank = openBank();
  });

  it('is found without being stored, and has no accessor', async () => {
    const made = await bank.tokens.create(termsFor({ type: 'batch', ttl: 300 }));
    expect(await keysBelow(bank.storage, ...tokenPrefixes)).toEqual([]);
    expect(made.entry).toMatchObject({ accessor: '', type: 'batch', renewable: false, ttl: 300 });
    expect(await bank.tokens.find(made.token)).toEqual({ key: made.key, entry: made.entry });
  });

  it('always has a TTL: the default where none was asked for', async () => {
    const { entry: made } = await bank.tokens.create(termsFor({ type: 'batch', ttl: 0 }));
    expect(made).toMatchObject({ ttl: 768 * 3_600, expires: bank.clock.now() + 768 * 3_600_000 });
  });

  it('ends with its time', async () => {
    const { token } = await bank.tokens.create(termsFor({ type: 'batch', ttl: 300 }));
    bank.clock.advance(299_999);
    expect(await bank.tokens.find(token)).toBeDefined();
    bank.clock.advance(1);
    expect(await bank.tokens.find(token)).toBeUndefined();
  });

  it('ends with the token that made it', async () => {
    const parent = await bank.tokens.create(termsFor({ ttl: 600 }));
    const { token } = await bank.tokens.create(termsFor({ type: 'batch', ttl: 6_000, parent: parent.key }));
    const { token: orphan } = await bank.tokens.create(termsFor({ type: 'batch', ttl: 6_000 }));
    expect(await bank.tokens.find(token)).toBeDefined();
    bank.clock.advance(600_000);
    expect(await bank.tokens.find(token)).toBeUndefined();
    expect(await bank.tokens.find(orphan)).toBeDefined();
  });

  it('ends at once when the token that made it is revoked', async () => {
    const parent = await bank.tokens.create(termsFor());
    const { token } = await bank.tokens.create(termsFor({ type: 'batch', parent: parent.key }));
    await bank.tokens.revoke(parent.key);
    expect(await bank.tokens.find(token)).toBeUndefined();
  });

  it('is not bound by the limits of its role, which no batch token can have', async () => {
    await bank.roles.write('r', { token_period: 600, token_explicit_max_ttl: 1_200 });
    const { entry: made } = await bank.tokens.create(termsFor({ type: 'batch', ttl: 6_000, role: 'r' }));
    expect(made).toMatchObject({ ttl: 6_000, period: 0, explicitMaxTtl: 0 });
  });
});
