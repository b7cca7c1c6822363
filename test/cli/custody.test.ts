// casemate operator generate-root and rekey: typed by several people, each with a share of their own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let people: Session;
let keys: readonly string[];
beforeAll(async () => {
  server = await startTestServer({ init: { shares: 3, threshold: 2 } });
  people = session({ address: server.address });
  keys = server.keys;
});
afterAll(async () => {
  people.end();
  await server.end();
});

const cells = (out: string): Record<string, string> =>
  Object.fromEntries(
    out
      .split('\n')
      .map((row) => row.split(/ {2,}/))
      .filter((row) => row.length === 2),
  );
const generate = (...words: string[]) => people.run('operator', 'generate-root', ...words);
const rekey = (...words: string[]) => people.run('operator', 'rekey', ...words);

describe('operator generate-root', () => {
  it('begins, collects shares and decodes the token', async () => {
    const begun = await generate('-init');
    expect(begun.code).toBe(0);
    expect(begun.err).toContain('one-time password');
    const { Nonce: nonce = '', OTP: otp = '', ...state } = cells(begun.out);
    expect(state).toEqual({ Started: 'true', Progress: '0/2', Complete: 'false', 'OTP Length': '28' });
    const typing = people.with({ stdin: `${keys[0]}\n`, typing: true });
    const first = await typing.run('operator', 'generate-root');
    expect(first.err).toBe(`Operation nonce: ${nonce}\nUnseal Key (will be hidden): \n`);
    expect(cells(first.out)).toEqual({ Nonce: nonce, Started: 'true', Progress: '1/2', Complete: 'false' });
    const last = await people.with({ stdin: `${keys[2]}\n` }).run('operator', 'generate-root', `-nonce=${nonce}`, '-format=json', '-');
    const { complete, encoded_token: encoded } = JSON.parse(last.out);
    expect(complete).toBe(true);
    const { code, out } = await generate(`-decode=${encoded}`, `-otp=${otp}`);
    expect(code).toBe(0);
    expect(out).toMatch(/^hvs\.[0-9A-Za-z]{24}\n$/);
    expect((await people.with({ token: out.trim() }).run('token', 'lookup', '-format=json')).out).toContain('"root"');
    expect(JSON.parse((await generate(`-decode=${encoded}`, `-otp=${otp}`, '-format=json')).out)).toEqual({ token: out.trim() });
  });

  it('takes a password of one’s own, shows how far it is, and is cancelled', async () => {
    const made = await generate('-generate-otp');
    expect(made.out).toMatch(/^[0-9A-Za-z]{28}\n$/);
    const begun = await generate('-init', `-otp=${made.out.trim()}`);
    expect(cells(begun.out)['OTP']).toBeUndefined();
    expect(cells((await generate('-status')).out)).toMatchObject({ Started: 'true', Progress: '0/2' });
    expect(await generate('-cancel')).toEqual({ code: 0, out: 'Success! Root token generation canceled (if it was started)\n', err: '' });
    expect(cells((await generate('-status')).out)).toMatchObject({ Started: 'false' });
  });

  it('says what is missing or refused', async () => {
    expect(await generate()).toMatchObject({ code: 1, out: '', err: expect.stringContaining('operator generate-root -init') });
    expect(await generate('abcd')).toMatchObject({ code: 1, err: expect.stringContaining('-nonce') });
    expect(await generate('-decode=abc')).toEqual({ code: 1, out: '', err: 'Missing otp: use -otp to supply it\n' });
    expect(await generate('-decode=abc', '-otp=abcdef')).toMatchObject({ code: 1, out: '' });
    const refused = await generate('-nonce=x', keys[0] as string);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain('* no root generation in progress');
    expect(await generate('-init', 'x')).toMatchObject({ code: 1, out: '' });
  });
});

describe('operator rekey', () => {
  const unseal = async (shares: readonly string[]) => {
    await server.server.seal();
    let out = '';
    for (const share of shares) out = (await people.run('operator', 'unseal', share)).out;
    return cells(out)['Sealed'];
  };

  it('replaces the shares, which are printed once', async () => {
    const begun = await rekey('-init', '-key-shares=2', '-key-threshold=2');
    const { Nonce: nonce = '', ...state } = cells(begun.out);
    expect(state).toMatchObject({
      Started: 'true',
      'Rekey Progress': '0/2',
      'New Shares': '2',
      'New Threshold': '2',
      'Verification Required': 'false',
    });
    expect(cells((await rekey('-status')).out)['Nonce']).toBe(nonce);
    const first = await people.with({ stdin: `${keys[0]}\n` }).run('operator', 'rekey');
    expect(cells(first.out)['Rekey Progress']).toBe('1/2');
    const last = await rekey(`-nonce=${nonce}`, keys[1] as string);
    const made = [...last.out.matchAll(/^Key \d: (\S+)$/gm)].map(([, share]) => share as string);
    expect(made).toHaveLength(2);
    expect(last.out).toContain(`Operation nonce: ${nonce}`);
    expect(await unseal(made)).toBe('false');
    keys = made;
  });

  it('lets the new shares be shown before the old ones end', async () => {
    const { Nonce: nonce = '' } = cells((await rekey('-init', '-verify', '-key-shares=1', '-key-threshold=1')).out);
    await rekey(`-nonce=${nonce}`, keys[0] as string);
    const last = await rekey(`-nonce=${nonce}`, keys[1] as string);
    const share = /^Key 1: (\S+)$/m.exec(last.out)?.[1] as string;
    const verification = /^Verification nonce: (\S+)$/m.exec(last.out)?.[1] as string;
    expect(cells((await rekey('-verify', '-status')).out)).toMatchObject({ Nonce: verification, 'Rekey Progress': '0/1' });
    const shown = await people.with({ stdin: `${share}\n` }).run('operator', 'rekey', '-verify');
    expect(shown.err).toContain(`Operation nonce: ${verification}`);
    expect(shown.out.replace(/\s+/g, ' ')).toContain('the old ones are worth nothing');
    expect(await unseal([share])).toBe('false');
    keys = [share];
  });

  it('is cancelled, and says what is refused', async () => {
    await rekey('-init', '-key-shares=1', '-key-threshold=1');
    expect(await rekey('-cancel')).toEqual({ code: 0, out: 'Success! Canceled rekeying (if it was started)\n', err: '' });
    expect(cells((await rekey('-status')).out)).toEqual({ Key: 'Value', '---': '-----', Nonce: 'n/a', Started: 'false' });
    expect(await rekey()).toMatchObject({ code: 1, out: '', err: expect.stringContaining('operator rekey -init') });
    expect(await rekey('-target=moon', '-init')).toEqual({ code: 1, out: '', err: 'Unknown target: moon\n' });
    expect((await rekey('-target=recovery', '-status')).err).toContain('* recovery rekeying not supported');
    expect((await rekey('-init', '-key-shares=3', '-key-threshold=5')).code).toBe(2);
  });
});
