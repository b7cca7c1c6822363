// Transit as a key backend, against a real Casemate server: rotation, outages, tokens that end, logins that are refused.

import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exerciseKeyBackend, faultOf, sample, soon } from '../../../test/suites/key-backend.ts';
import { startTransitHolder, type TransitHolder } from '../../../test/suites/transit-holder.ts';
import { manualClock } from '../../base/clock.ts';
import type { TransitAuth } from '../description.ts';
import { openTransit } from './transit.ts';

exerciseKeyBackend('a transit key', async () => {
  const holder = await startTransitHolder();
  await holder.makeKey('another');
  return {
    backend: holder.open(),
    again: async () => holder.open(),
    stranger: async () => holder.open({ key: 'another' }),
    rotate: () => holder.rotate('etcd'),
    async cut() {
      holder.gate.shut();
      // Until the client has seen its idle connections end.
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
    mend: async () => holder.gate.open(),
    end: () => holder.end(),
  };
});

let holder: TransitHolder;
beforeAll(async () => {
  holder = await startTransitHolder();
});
afterAll(() => holder.end());

const ask = async (method: string, path: string, body: object = {}) => (await holder.server.call(method, path, { body })).body;

describe('a transit key', () => {
  it('is named with its mount, its name, its version and when that was made', async () => {
    const backend = holder.open();
    expect(backend.current()).toStrictEqual({ keyId: '', healthy: false });
    await backend.probe(soon());
    expect(backend.type).toBe('transit');
    expect(backend.current().keyId).toMatch(/^transit:transit\/etcd:v\d+:\d{10}$/);
  });

  it('seals under the version that it told, also after a rotation that nobody has noticed yet', async () => {
    const backend = holder.open();
    await backend.probe(soon());
    const { keyId } = backend.current();
    await holder.rotate('etcd');
    const sealed = await backend.seal(sample(32), soon());
    expect([sealed.keyId, backend.current().keyId]).toEqual([keyId, keyId]);
    expect(Buffer.from(await holder.open().open(sealed, soon()))).toStrictEqual(sample(32));
  });

  it('seals under the newest version where the one that it told may not encrypt any more', async () => {
    await holder.makeKey('strict');
    const backend = holder.open({ key: 'strict' });
    await backend.probe(soon());
    await holder.rotate('strict');
    await ask('PUT', 'transit/keys/strict/config', { min_encryption_version: 2 });
    const sealed = await backend.seal(sample(32), soon());
    expect(sealed.keyId).toContain('/strict:v2:');
    expect(backend.current().keyId).toBe(sealed.keyId);
  });

  it('opens what another node sealed with a version that this one has not seen', async () => {
    await holder.makeKey('ahead');
    const [behind, ahead] = [holder.open({ key: 'ahead' }), holder.open({ key: 'ahead' })];
    await behind.probe(soon());
    await holder.rotate('ahead');
    await ahead.probe(soon());
    expect(Buffer.from(await behind.open(await ahead.seal(sample(32), soon()), soon()))).toStrictEqual(sample(32));
  });

  it('that was retired is told apart from damage', async () => {
    await holder.makeKey('retired');
    const backend = holder.open({ key: 'retired' });
    const sealed = await backend.seal(sample(32), soon());
    await holder.rotate('retired');
    await ask('PUT', 'transit/keys/retired/config', { min_decryption_version: 2 });
    expect((await faultOf(backend.open(sealed, soon()))).code).toBe('invalid-request');
    const current = await holder.open({ key: 'retired' }).seal(sample(32), soon());
    const text = Buffer.from(current.ciphertext).toString();
    const swapped = Buffer.from(text.replace(/.{8}$/, 'AAAAAAA='));
    expect((await faultOf(holder.open({ key: 'retired' }).open({ ...current, ciphertext: swapped }, soon()))).code).toBe('corrupted');
  });

  it('that was deleted and made anew has another name', async () => {
    await holder.makeKey('reborn');
    const backend = holder.open({ key: 'reborn' });
    await backend.probe(soon());
    const before = backend.current().keyId;
    await ask('PUT', 'transit/keys/reborn/config', { deletion_allowed: true });
    await ask('DELETE', 'transit/keys/reborn');
    expect((await faultOf(backend.probe(soon()))).message).toBe(
      'the server has no transit key reborn at transit: make it, or name another',
    );
    // Times are told in seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await holder.makeKey('reborn');
    await backend.probe(soon());
    expect(backend.current().keyId).not.toBe(before);
  });

  it('serves who may not read it, and is then named without its time', async () => {
    await ask('PUT', 'sys/policies/acl/blind', {
      policy: 'path "transit/encrypt/etcd" { capabilities = ["update"] }\npath "transit/decrypt/etcd" { capabilities = ["update"] }',
    });
    const text = await holder.makeToken({ policies: ['blind'] });
    const backend = holder.open({ auth: { kind: 'token', token: { kind: 'text', reveal: () => text } } });
    await backend.probe(soon());
    expect(backend.current().keyId).toMatch(/^transit:transit\/etcd:v\d+$/);
    const sealed = await backend.seal(sample(32), soon());
    expect(Buffer.from(await holder.open().open(sealed, soon()))).toStrictEqual(sample(32));
  });

  it.each([
    ['absent', undefined, 'the server has no transit key absent at transit: make it, or name another'],
    ['derived', { derived: true }, /derived=true/],
  ])('that is %s is refused with a sentence', async (key, body, sentence) => {
    if (body !== undefined) await holder.makeKey(key, body);
    expect((await faultOf(holder.open({ key }).probe(soon()))).message).toMatch(sentence);
  });

  it('of a server that is sealed cannot be reached', async () => {
    const other = await startTransitHolder();
    try {
      const backend = other.open();
      await backend.probe(soon());
      await other.server.server.seal();
      const fault = await faultOf(backend.probe(soon()));
      expect(fault.code).toBe('unavailable');
      expect(fault.message).toContain('sealed');
    } finally {
      await other.end();
    }
  });
});

describe('the address', () => {
  it('is refused where keys would travel in clear', async () => {
    const elsewhere = { ...holder.description, address: 'http://kms.example.com:8200' };
    expect(() => openTransit(elsewhere, holder.parts)).toThrow(/plain http.*use https, or allow it with allow_plain_http/);
    openTransit({ ...elsewhere, allowPlainHttp: true }, holder.parts).close();
    openTransit({ ...elsewhere, address: 'https://kms.example.com:8200' }, holder.parts).close();
  });
});

describe('a token', () => {
  it('is read anew from its file when the server turns it away', async () => {
    const file = join(holder.server.folder, 'changing');
    const first = await holder.makeToken();
    writeFileSync(file, first, { mode: 0o640 });
    const backend = holder.open({ auth: { kind: 'token', token: { kind: 'file', path: file } } });
    await backend.probe(soon());
    await ask('PUT', 'auth/token/revoke', { token: first });
    expect((await faultOf(backend.probe(soon()))).code).toBe('permission-denied');
    writeFileSync(file, await holder.makeToken());
    await backend.probe(soon());
    expect(backend.current().healthy).toBe(true);
    chmodSync(file, 0o644);
    expect((await faultOf(holder.open({ auth: { kind: 'token', token: { kind: 'file', path: file } } }).probe(soon()))).message).toBe(
      `the file of the token ${file} may be read by others; chmod it to 0600`,
    );
  });

  it('is renewed when half of its life is over', async () => {
    const clock = manualClock();
    const text = await holder.makeToken({ ttl: '60s' });
    const auth: TransitAuth = { kind: 'token', token: { kind: 'text', reveal: () => text } };
    const backend = openTransit({ ...holder.description, auth }, { ...holder.parts, clock });
    const left = async () => (await ask('PUT', 'auth/token/lookup', { token: text })).data.ttl as number;
    await backend.probe(soon());
    await new Promise((resolve) => setTimeout(resolve, 1500));
    clock.advance(29_000);
    await backend.probe(soon());
    expect(await left()).toBeLessThan(60);
    clock.advance(2_000);
    await backend.probe(soon());
    expect(await left()).toBeGreaterThanOrEqual(59);
    backend.close();
  });

  it('is not renewed where somebody else does it', async () => {
    const clock = manualClock();
    const text = await holder.makeToken({ ttl: '60s' });
    const auth: TransitAuth = { kind: 'token', token: { kind: 'text', reveal: () => text } };
    const backend = openTransit({ ...holder.description, auth, disableRenewal: true }, { ...holder.parts, clock });
    await backend.probe(soon());
    await new Promise((resolve) => setTimeout(resolve, 1100));
    clock.advance(50_000);
    await backend.probe(soon());
    expect((await ask('PUT', 'auth/token/lookup', { token: text })).data.ttl).toBeLessThan(60);
    backend.close();
  });

  it('that cannot be renewed while the server is away serves until its end', async () => {
    const clock = manualClock();
    const text = await holder.makeToken({ ttl: '60s' });
    const auth: TransitAuth = { kind: 'token', token: { kind: 'text', reveal: () => text } };
    const backend = openTransit({ ...holder.description, auth }, { ...holder.parts, clock });
    await backend.probe(soon());
    clock.advance(31_000);
    holder.gate.shut();
    expect((await faultOf(backend.probe(soon()))).code).toBe('unavailable');
    holder.gate.open();
    await backend.probe(soon());
    expect(holder.logged()).toContain('the token for the transit engine could not be renewed; it is used on');
    expect(holder.logged()).not.toContain(text);
    backend.close();
  });
});

describe('an AppRole login', () => {
  const roleFile = () => join(holder.server.folder, 'role-id');
  const secretFile = () => join(holder.server.folder, 'secret-id');
  const auth = (): TransitAuth => ({
    kind: 'approle',
    roleId: { kind: 'file', path: roleFile() },
    secretId: { kind: 'file', path: secretFile() },
  });
  const newSecretId = async () => {
    const { data } = await ask('PUT', 'auth/approle/role/etcd/secret-id');
    writeFileSync(secretFile(), `${data.secret_id}\n`, { mode: 0o600 });
    return data.secret_id as string;
  };
  beforeAll(async () => {
    await ask('PUT', 'sys/auth/approle', { type: 'approle' });
    await ask('PUT', 'auth/approle/role/etcd', { token_policies: ['etcd'], token_ttl: '60s', token_max_ttl: '100s' });
    writeFileSync(roleFile(), (await ask('GET', 'auth/approle/role/etcd/role-id')).data.role_id, { mode: 0o600 });
    await newSecretId();
  });

  it('gives a token, and another one when that was revoked', async () => {
    const backend = holder.open({ auth: auth() });
    await backend.probe(soon());
    for (const accessor of (await ask('LIST', 'auth/token/accessors')).data.keys as string[]) {
      const { data } = await ask('PUT', 'auth/token/lookup-accessor', { accessor });
      if (data.path === 'auth/approle/login') await ask('PUT', 'auth/token/revoke-accessor', { accessor });
    }
    // The very call that was turned away is answered.
    const sealed = await backend.seal(sample(32), soon());
    expect(Buffer.from(await backend.open(sealed, soon()))).toStrictEqual(sample(32));
    backend.close();
  });

  it('is done anew when the token has reached its longest life', async () => {
    const clock = manualClock();
    const backend = openTransit({ ...holder.description, auth: auth() }, { ...holder.parts, clock });
    const logins = async () => {
      const { data } = await ask('LIST', 'auth/token/accessors');
      const found = await Promise.all((data.keys as string[]).map((accessor) => ask('PUT', 'auth/token/lookup-accessor', { accessor })));
      return found.filter((one) => one.data.path === 'auth/approle/login').length;
    };
    await backend.probe(soon());
    const before = await logins();
    // The server's clock stands still beside this one: what it renews ends no later than before.
    await ask('PUT', 'auth/approle/role/etcd', { token_policies: ['etcd'], token_ttl: '10s', token_max_ttl: '10s' });
    clock.advance(31_000);
    await backend.probe(soon());
    expect(await logins()).toBe(before + 1);
    backend.close();
  });

  it('that is refused says so, and neither id is told', async () => {
    writeFileSync(secretFile(), 'marked-secret-id', { mode: 0o600 });
    const backend = holder.open({ auth: auth() });
    const fault = await faultOf(backend.probe(soon()));
    expect(fault.code).toBe('permission-denied');
    expect(fault.message).toMatch(/^the AppRole login was refused: invalid/);
    expect(`${fault.stack}${(fault.cause as Error).stack}${holder.logged()}`).not.toContain('marked');
    await newSecretId();
    await backend.probe(soon());
    expect(backend.current().healthy).toBe(true);
  });
});
