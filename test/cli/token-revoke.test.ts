// token revoke: a token with its children, without them, the token in use, by accessor and by path.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
});
afterAll(async () => {
  vault.end();
  await server.end();
});

const done = { code: 0, out: 'Success! Revoked token (if it existed)\n', err: '' };
const made = async (by: Session, ...flags: string[]): Promise<string> => (await by.run('token', 'create', '-field=token', ...flags)).out;
const lives = async (token: string): Promise<boolean> => (await vault.with({ token }).run('token', 'lookup')).code === 0;

/** A token that may make children, and one of these. */
async function family(): Promise<{ readonly parent: string; readonly child: string }> {
  const parent = await made(vault, '-ttl=1h', '-policy=root');
  return { parent, child: await made(vault.with({ token: parent }), '-ttl=1h') };
}

describe('token revoke', () => {
  it('ends a token and its children, and one that is gone once more', async () => {
    const { parent, child } = await family();
    expect(await lives(child)).toBe(true);
    expect(await vault.run('token', 'revoke', parent)).toEqual(done);
    expect([await lives(parent), await lives(child)]).toEqual([false, false]);
    expect(await vault.run('token', 'revoke', parent)).toEqual(done);
  });

  it('reads the token from stdin', async () => {
    const token = await made(vault, '-ttl=1h');
    expect(await vault.with({ stdin: `${token}\n` }).run('token', 'revoke', '-')).toEqual(done);
    expect(await lives(token)).toBe(false);
  });

  it('with -mode=orphan lets the children live', async () => {
    const { parent, child } = await family();
    expect(await vault.run('token', 'revoke', '-mode=orphan', parent)).toEqual(done);
    expect([await lives(parent), await lives(child)]).toEqual([false, true]);
  });

  it('with -mode=path ends what was made below it', async () => {
    await server.call('POST', 'auth/token/roles/app');
    const [app, other] = [await made(vault, '-role=app', '-ttl=1h'), await made(vault, '-ttl=1h')];
    expect(await vault.run('token', 'revoke', '-mode=path', 'auth/token/create/app/')).toEqual(done);
    expect([await lives(app), await lives(other)]).toEqual([false, true]);
  });

  it('with -self ends the token in use', async () => {
    const token = await made(vault, '-ttl=1h');
    expect(await vault.with({ token }).run('token', 'revoke', '-self')).toEqual(done);
    expect(await lives(token)).toBe(false);
  });

  it('by accessor ends a token that nobody needs to know', async () => {
    const answer = JSON.parse((await vault.run('token', 'create', '-format=json')).out) as { auth: Record<string, string> };
    expect(await vault.run('token', 'revoke', '-accessor', answer.auth['accessor'] as string)).toEqual(done);
    expect(await lives(answer.auth['client_token'] as string)).toBe(false);
  });

  it.each([
    [['-self'], 'PUT', 'auth/token/revoke-self'],
    [['x'], 'PUT', 'auth/token/revoke'],
    [['-mode=orphan', 'x'], 'PUT', 'auth/token/revoke-orphan'],
    [['-mode=path', 'x'], 'PUT', 'sys/leases/revoke-prefix/x'],
    [['-accessor', 'x'], 'POST', 'auth/token/revoke-accessor'],
  ])('%j is refused without a good token', async (words, method, path) => {
    expect(await vault.with({ token: 'wrong' }).run('token', 'revoke', ...words)).toEqual({
      code: 2,
      out: '',
      err: `Error revoking token: Error making API request.\n\nURL: ${method} ${server.address}/v1/${path}\nCode: 403. Errors:\n\n* permission denied\n`,
    });
  });

  it.each([
    [[], 'Not enough arguments (expected 1, got 0)'],
    [['a', 'b'], 'Too many arguments (expected 1, got 2)'],
    [['-self', 'a'], 'Too many arguments (expected 0, got 1)'],
    [['-mode=tree', 'a'], 'Invalid mode: tree'],
    [['-self', '-accessor'], 'Cannot use -self with -accessor!'],
    [['-self', '-mode=orphan'], 'Cannot use -self with -mode!'],
    [['-accessor', '-mode=orphan', 'a'], 'Cannot use -accessor with -mode=orphan!'],
    [[' '], 'the argument is empty'],
    [['-format=json', 'a'], 'flag provided but not defined: -format'],
  ])('%j is wrong use', async (words, err) => {
    expect(await vault.run('token', 'revoke', ...words)).toEqual({ code: 1, out: '', err: `${err}\n` });
  });
});
