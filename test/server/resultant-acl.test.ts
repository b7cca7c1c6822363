// What a caller's policies add up to, as user interfaces read it: the token's own and those of its entity.

import { describe, expect, test } from 'vitest';
import { said, shown, stranger } from './shapes.ts';
import { sharedServer } from './shared-server.ts';

const shared = sharedServer();
const { call, tokenWith } = shared;

const resultant = (token?: string) => call('GET', 'sys/internal/ui/resultant-acl', token === undefined ? {} : { token });

describe('the resultant ACL', () => {
  test('of a root token is everything', async () => {
    expect(said(await resultant())).toEqual(shown({ root: true }));
    expect(said(await call('GET', 'sys/internal/ui/resultant-acl', { token: null }))).toEqual(stranger);
  });

  test('holds exact rules and beginnings, with what else they ask for', async () => {
    const token = await tokenWith(`
      path "secret/data/one" { capabilities = ["update", "read"] required_parameters = ["why"] min_wrapping_ttl = "1m" }
      path "secret/data/team/*" { capabilities = ["list", "scan"] allowed_parameters = { "a" = ["1"] "*" = [] } }
      path "secret/data/none/*" { capabilities = ["deny"] }
    `);
    const { data } = (await resultant(token)).body;
    expect(data.root).toBe(false);
    expect(data.exact_paths['secret/data/one']).toEqual({
      capabilities: ['read', 'update'],
      required_parameters: ['why'],
      min_wrapping_ttl: 60,
    });
    expect(data.glob_paths['secret/data/team/']).toEqual({ capabilities: ['list', 'scan'], allowed_parameters: { a: ['1'], '*': [] } });
    expect(data.glob_paths['secret/data/none/']).toEqual({ capabilities: ['deny'] });
    // Of the default policy.
    expect(data.exact_paths['auth/token/lookup-self']).toEqual({ capabilities: ['read'] });
  });

  test('has what the entity and its groups add, with their names filled in, from the next request on', async () => {
    await call('POST', 'sys/auth/people', { body: { type: 'userpass' } });
    await call('POST', 'auth/people/users/ada', { body: { password: 'of ada' } });
    const { auth } = (await call('POST', 'auth/people/login/ada', { token: null, body: { password: 'of ada' } })).body;
    const token: string = auth.client_token;
    const id: string = auth.entity_id;
    const policy = (name: string, text: string) => call('PUT', `sys/policies/acl/${name}`, { body: { policy: text } });
    await policy('of-entity', 'path "of-entity/{{identity.entity.id}}" { capabilities = ["read"] }');
    await policy('of-group', 'path "of-group/*" { capabilities = ["list"] }');
    const paths = async () => {
      const { exact_paths: exact, glob_paths: glob } = (await resultant(token)).body.data;
      return [...Object.keys(exact), ...Object.keys(glob)].filter((path) => path.startsWith('of-'));
    };
    expect(await paths()).toEqual([]);
    await call('POST', `identity/entity/id/${id}`, { body: { policies: ['of-entity'] } });
    await call('POST', 'identity/group', { body: { name: 'team', policies: ['of-group'], member_entity_ids: [id] } });
    expect(await paths()).toEqual([`of-entity/${id}`, 'of-group/']);
  });
});
