// login: with a token on a whole server, with other methods on a scripted one; what is kept, printed and warned of.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Scripted, type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { type Session, session } from './session.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

let scripted: ScriptedServer | undefined;
beforeEach(() => {
  vault = session({ address: server.address });
});
afterEach(async () => {
  vault.end();
  await scripted?.end();
  scripted = undefined;
});

async function against(...answers: readonly Scripted[]): Promise<{ readonly asked: ScriptedServer['asked']; readonly other: Session }> {
  scripted = await scriptedServer(answers);
  return { asked: scripted.asked, other: vault.with({ address: scripted.address }) };
}

const kept = () => (existsSync(join(vault.home, '.vault-token')) ? readFileSync(join(vault.home, '.vault-token'), 'utf8') : undefined);
const tableOf = (token: string) =>
  [
    'Key                  Value',
    '---                  -----',
    `token                ${token}`,
    'token_accessor       <accessor>',
    'token_duration       ∞',
    'token_renewable      false',
    'token_policies       ["root"]',
    'identity_policies    []',
    'policies             ["root"]',
    '',
  ].join('\n');
const named = (text: string) => text.replace(/(token_accessor +|"accessor": ")[A-Za-z\d]{24}/g, '$1<accessor>');

describe('login with a token', () => {
  it('shows what the token is, and keeps it where only its owner reads it', async () => {
    const { code, out, err } = await vault.run('login', server.rootToken);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const [, sentence, table] = /^(Success! [\s\S]*?)\n\n(Key[\s\S]*)$/.exec(out) ?? [];
    expect(sentence).toContain(join(vault.home, '.vault-token'));
    expect(named(table ?? '')).toBe(tableOf(server.rootToken));
    expect(kept()).toBe(server.rootToken);
    expect(statSync(join(vault.home, '.vault-token')).mode & 0o777).toBe(0o600);
    expect((await vault.run('token', 'lookup', '-field=id')).out).toBe(server.rootToken);
  });

  it('prints for a program what a login answers with, and no sentence', async () => {
    const { out } = await vault.run('login', '-format=json', server.rootToken);
    expect(named(out)).toBe(
      [
        '{',
        '  "request_id": "",',
        '  "lease_id": "",',
        '  "lease_duration": 0,',
        '  "renewable": false,',
        '  "data": null,',
        '  "warnings": null,',
        '  "auth": {',
        `    "client_token": "${server.rootToken}",`,
        '    "accessor": "<accessor>",',
        '    "policies": [',
        '      "root"',
        '    ],',
        '    "token_policies": [',
        '      "root"',
        '    ],',
        '    "identity_policies": null,',
        '    "metadata": null,',
        '    "orphan": false,',
        '    "entity_id": "",',
        '    "lease_duration": 0,',
        '    "renewable": false,',
        '    "mfa_requirement": null',
        '  }',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('shows policies of the entity, metadata and time of a token that ends', async () => {
    const data = {
      id: 't',
      accessor: 'a',
      policies: ['default'],
      identity_policies: ['team'],
      meta: { user: 'ann' },
      ttl: 60,
      renewable: true,
    };
    const { other } = await against({ status: 200, body: { data } });
    const { out } = await other.run('login', 't');
    const rows = Object.fromEntries(out.split('\n').map((line) => line.split(/ {2,}/))) as Record<string, string>;
    expect(rows).toMatchObject({
      token_duration: '1m',
      token_renewable: 'true',
      token_policies: '["default"]',
      identity_policies: '["team"]',
      policies: '["default" "team"]',
      token_meta_user: 'ann',
    });
  });

  it('reads it from stdin, or asks for it on a terminal without showing it', async () => {
    const typed = vault.with({ stdin: ` ${server.rootToken} \n` });
    expect((await typed.run('login', '-field=token', '-')).out).toBe(server.rootToken);
    expect((await typed.run('login', '-field=token', 'token=-')).out).toBe(server.rootToken);
    const asked = await vault.with({ stdin: server.rootToken, typing: true }).run('login', '-method=token', '-no-print');
    expect(asked).toEqual({ code: 0, out: '', err: 'Token (will be hidden): \n' });
    expect(kept()).toBe(server.rootToken);
  });

  it('warns when the environment holds another one, by the name of the variable that counts', async () => {
    const { code, err } = await vault.with({ env: { VAULT_TOKEN: 'x', BAO_TOKEN: 'y' } }).run('login', server.rootToken);
    expect(code).toBe(0);
    expect(err).toMatch(/^WARNING! The BAO_TOKEN environment variable is set! [\s\S]*\n\n$/);
  });

  it('keeps and prints what it is told to', async () => {
    const unkept = await vault.run('login', '-no-store', server.rootToken);
    expect({ code: unkept.code, kept: kept() }).toEqual({ code: 0, kept: undefined });
    expect(unkept.err).toMatch(/^The token was not stored\. Set the variable VAULT_TOKEN /);
    expect(unkept.out).not.toContain('.vault-token');
    expect(await vault.run('login', '-token-only', server.rootToken)).toEqual({ code: 0, out: server.rootToken, err: '' });
    expect(kept()).toBeUndefined();
    expect(await vault.run('login', '-no-print', server.rootToken)).toEqual({ code: 0, out: '', err: '' });
    expect(kept()).toBe(server.rootToken);
  });

  it('takes it unseen where lookup=false says so', async () => {
    const { asked, other } = await against({ status: 500 });
    expect((await other.run('login', '-field=token', 'unseen', 'lookup=false')).out).toBe('unseen');
    expect({ kept: kept(), asked: asked.length }).toEqual({ kept: 'unseen', asked: 0 });
    expect(await other.run('login', 'x', 'lookup=perhaps')).toMatchObject({ code: 2, out: '' });
  });

  it('keeps nothing of a token that is refused, and leaves the one before', async () => {
    await vault.run('login', '-no-print', server.rootToken);
    expect(await vault.run('login', 'wrong')).toEqual({
      code: 2,
      out: '',
      err: `Error authenticating: error looking up token: Error making API request.\n\nURL: GET ${server.address}/v1/auth/token/lookup-self\nCode: 403. Errors:\n\n* permission denied\n`,
    });
    expect(kept()).toBe(server.rootToken);
    expect(await vault.run('login', '')).toMatchObject({ code: 2, err: 'Error authenticating: the token is empty\n' });
  });

  it('is not lost when the file cannot be written', async () => {
    mkdirSync(join(vault.home, '.vault-token'));
    const { code, out, err } = await vault.with({ token: 'other' }).run('login', server.rootToken);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error storing token: cannot write the token file [\s\S]*printed below\.\n/);
    expect(named(out)).toBe(tableOf(server.rootToken));
    rmSync(join(vault.home, '.vault-token'), { recursive: true });
  });
});

const auth = {
  client_token: 'hvs.ann',
  accessor: 'acc',
  policies: ['default'],
  token_policies: ['default'],
  lease_duration: 3600,
  renewable: true,
};
const granted: Scripted = { status: 200, body: { request_id: 'r', auth: { ...auth, metadata: { username: 'ann' } } } };

describe('login with a name and a password', () => {
  it('sends the password, and no token of an earlier login', async () => {
    const { asked, other } = await against(granted);
    const { code, out } = await other.with({ token: 'earlier' }).run('login', '-method=userpass', 'username=ann', 'password=pw');
    expect(code).toBe(0);
    expect(out).toContain('\ntoken                  hvs.ann\n');
    expect(out).toContain('\ntoken_meta_username    ann\n');
    expect(asked[0]).toMatchObject({ method: 'PUT', url: '/v1/auth/userpass/login/ann', body: '{"password":"pw"}' });
    expect(asked[0]?.headers['x-vault-token']).toBeUndefined();
    expect(kept()).toBe('hvs.ann');
  });

  it('asks for the password on a terminal without showing it', async () => {
    const { asked, other } = await against(granted);
    const { err } = await other.with({ stdin: 'secret\n', typing: true }).run('login', '-method=ldap', '-path=/staff/', 'username=ann');
    expect(err).toBe('Password (will be hidden): \n');
    expect(asked[0]).toMatchObject({ url: '/v1/auth/staff/login/ann', body: '{"password":"secret"}' });
    await other.run('login', '-method=userpass', 'mount=other', 'username=ann', 'password=pw');
    expect(asked[1]?.url).toBe('/v1/auth/other/login/ann');
  });

  it('needs the name, and the password where nobody can be asked', async () => {
    const missing = "Error authenticating: 'username' must be specified\n";
    expect(await vault.run('login', '-method=userpass')).toEqual({ code: 2, out: '', err: missing });
    expect(await vault.run('login', '-non-interactive', '-method=userpass', 'username=ann')).toMatchObject({ code: 1, out: '' });
  });

  it('prints what the server refuses, and keeps nothing', async () => {
    const { other } = await against({ status: 400, body: { errors: ['invalid username or password'] } });
    const { code, out, err } = await other.run('login', '-no-store', '-method=userpass', 'username=ann', 'password=bad');
    expect({ code, out, kept: kept() }).toEqual({ code: 2, out: '', kept: undefined });
    expect(err).toMatch(/^Error authenticating: Error making API request\.\n\nURL: PUT [\s\S]*\n\* invalid username or password\n$/);
  });
});

describe('login with other methods', () => {
  it('sends what is given, from the command line or stdin', async () => {
    const { asked, other } = await against(granted);
    await other.with({ stdin: 'sid' }).run('login', '-method=approle', 'role_id=rid', 'secret_id=-');
    await other.run('login', '-method=kubernetes', '-path=k8s', 'role=app', 'jwt=eyJ');
    expect(asked.map(({ url, body }) => [url, JSON.parse(body) as unknown])).toEqual([
      ['/v1/auth/approle/login', { role_id: 'rid', secret_id: 'sid' }],
      ['/v1/auth/k8s/login', { role: 'app', jwt: 'eyJ' }],
    ]);
  });

  it('says what is missing', async () => {
    expect((await vault.run('login', '-method=kubernetes', 'role=app')).err).toBe("Error authenticating: 'jwt' must be specified\n");
  });

  it.each(['telepathy', 'constructor'])('says of %s what the command can log in with', async (method) => {
    const { code, out, err } = await vault.run('login', `-method=${method}`, 'a=b');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(new RegExp(`^Unknown auth method: ${method}\\. `));
    expect(err.replace(/\s+/g, ' ')).toContain('ldap, radius, token, userpass.');
  });
});

describe('a login that is wrapped', () => {
  const info = {
    token: 'hvs.wrap',
    accessor: 'w',
    ttl: 60,
    creation_time: '2026-01-01T00:00:00Z',
    creation_path: 'auth/userpass/login/ann',
  };
  const wrapped: Scripted = { status: 200, body: { wrap_info: { ...info, wrapped_accessor: 'acc' } } };
  const words = ['-method=userpass', 'username=ann', 'password=pw'];

  it('is unwrapped where its token is kept', async () => {
    const { asked, other } = await against(wrapped, granted);
    expect((await other.run('login', '-wrap-ttl=60s', '-field=token', ...words)).out).toBe('hvs.ann');
    expect(asked[1]).toMatchObject({ url: '/v1/sys/wrapping/unwrap', headers: { 'x-vault-token': 'hvs.wrap' } });
    expect(asked[0]?.headers['x-vault-wrap-ttl']).toBe('60s');
    expect(asked[1]?.headers['x-vault-wrap-ttl']).toBeUndefined();
    expect(kept()).toBe('hvs.ann');
  });

  it('stays wrapped where it is only printed', async () => {
    const { asked, other } = await against(wrapped);
    expect((await other.run('login', '-wrap-ttl=60s', '-no-store', ...words)).out).toContain('wrapping_token:                  hvs.wrap\n');
    expect((await other.run('login', '-wrap-ttl=60s', '-token-only', ...words)).out).toBe('hvs.wrap');
    expect({ asked: asked.length, kept: kept() }).toEqual({ asked: 2, kept: undefined });
  });

  it('that holds no token is a refusal', async () => {
    const { other } = await against({ status: 200, body: { wrap_info: { ...info, wrapped_accessor: '' } } });
    expect(await other.run('login', ...words)).toMatchObject({ code: 2, out: '', err: expect.stringContaining('is no token') });
  });
});

describe('a login that needs a second factor', () => {
  it('prints the id to send it with, and keeps nothing', async () => {
    const requirement = { mfa_request_id: 'req', mfa_constraints: { second: { any: [{ type: 'totp', id: 'tid', uses_passcode: true }] } } };
    const { other } = await against({ status: 200, body: { auth: { client_token: '', mfa_requirement: requirement } } });
    const { code, out, err } = await other.run('login', '-method=userpass', 'username=ann', 'password=pw');
    expect(code).toBe(0);
    expect(out).toMatch(/^mfa_request_id +req$/m);
    expect(err).toMatch(/^The login needs a second factor/);
    expect(kept()).toBeUndefined();
  });
});

describe('login used wrongly', () => {
  it('ends with 1', async () => {
    const both = '-no-store and -no-print cannot be used together\n';
    expect(await vault.run('login', '-no-store', '-no-print', 'x')).toEqual({ code: 1, out: '', err: both });
    expect(await vault.run('login', '-non-interactive')).toMatchObject({ code: 1, out: '' });
    expect(await vault.run('login', '-method=userpass', 'ann')).toMatchObject({ code: 1, err: expect.stringContaining('K=V') });
    expect((await vault.run('login', '-h')).out).toContain('Usage: vault login [options] [TOKEN | - | K=V...]\n');
  });
});
