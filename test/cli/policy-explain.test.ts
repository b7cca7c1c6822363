// `policy explain` on a whole server: what is printed for granted and denied requests, and who may ask.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';
import { play, tidy } from './transcript.ts';

let server: TestServer;
let vault: Session;
beforeAll(async () => {
  server = await startTestServer();
  vault = session({ address: server.address, token: server.rootToken });
  const write = (name: string, policy: string) => server.call('POST', `sys/policies/acl/${name}`, { body: { policy } });
  await write(
    'app',
    'path "secret/data/app" { capabilities = ["read"] }\npath "auth/token/create" { capabilities = ["update"] allowed_parameters = { ttl = ["1h"] } }',
  );
  await write('closed', 'path "secret/data/*" { capabilities = ["deny"] }');
});
afterAll(async () => {
  vault.end();
  await server.end();
});

async function expectPlayed(transcript: string, typing: Session = vault): Promise<void> {
  expect(await play(typing, transcript)).toBe(tidy(transcript));
}

describe('an explanation', () => {
  it('names the rule that decides, and what it lacks', async () => {
    await expectPlayed(`
$ policy explain -policy=app,closed secret/data/app
  Key            Value
  ---            -----
  allowed        true
  explanation    the rule "secret/data/app" of app grants read
  needs_sudo     false
  operation      read
  path           secret/data/app
  policies       [app]
  rule           secret/data/app
= 0

$ policy explain -policy=app -policy=gone secret/data/app update
  Key                 Value
  ---                 -----
  allowed             false
  denial              map[missing:update reason:capability]
  explanation         the rule "secret/data/app" of app decides, and does not grant update
  missing_policies    [gone]
  needs_sudo          false
  operation           update
  path                secret/data/app
  policies            [app]
  rule                secret/data/app
= 0

$ policy explain -field=explanation -policy=app,closed secret/data/other read
  the rule "secret/data/*" of closed denies everything at this path= 0

$ policy explain -field=explanation -policy=app -data=ttl=2h auth/token/create update
  the rule "auth/token/create" of app grants update, but does not allow the parameter "ttl", or its value= 0

$ policy explain -field=allowed -policy=app -data=ttl=1h auth/token/create update
  true= 0
`);
  });

  it('is of the token, or of the token of the accessor, that is named, and of the one in use otherwise', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['closed'], no_default_policy: true } });
    const { client_token: token, accessor } = body.auth;
    const said = 'the rule "secret/data/*" of closed denies everything at this path';
    for (const flag of [`-token=${token}`, `-accessor=${accessor}`])
      expect((await vault.run('policy', 'explain', '-field=explanation', flag, 'secret/data/app')).out.trim()).toBe(said);
    expect((await vault.run('policy', 'explain', '-field=explanation', 'secret/data/app')).out.trim()).toBe(
      'the root policy grants everything',
    );
  });

  it('is JSON for programs', async () => {
    const { out } = await vault.run('policy', 'explain', '-format=json', '-policy=app', 'secret/data/app', 'DELETE');
    expect(JSON.parse(out).data).toMatchObject({
      allowed: false,
      operation: 'delete',
      denial: { reason: 'capability', missing: 'delete' },
    });
  });

  it('is refused to those who may not ask, and for what cannot be asked', async () => {
    const { body } = await server.call('POST', 'auth/token/create', { body: { policies: ['app'] } });
    const stranger = session({ address: server.address, token: body.auth.client_token });
    const refused = await stranger.run('policy', 'explain', 'secret/data/app');
    stranger.end();
    expect([refused.code, refused.out]).toEqual([2, '']);
    expect(refused.err).toContain('permission denied');
    const wrong = await vault.run('policy', 'explain', 'secret/data/app', 'write');
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('a write is create where nothing is there yet')]);
    expect((await vault.run('policy', 'explain')).code).toBe(1);
    const empty = await vault.run('policy', 'explain', '-accessor=', 'secret/data/app');
    expect([empty.code, empty.out, empty.err]).toEqual([1, '', expect.stringContaining('-accessor is empty')]);
  });
});
