// Two server processes over one store: who somebody is, and what that brings, holds in both with the next request.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { said, stranger } from './shapes.ts';

let folder: string;
let one: ServerProcess;
let other: ServerProcess;
let token: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-identities-'));
  [one, other] = await Promise.all([startServerProcess(folder, 'one'), startServerProcess(folder, 'other')]);
  const { body } = await one.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } });
  token = body.root_token;
  for (const server of [one, other]) await server.call('PUT', 'sys/unseal', { body: { key: body.keys[0] } });
  await one.call('POST', 'auth/token/roles/people', { token, body: { allowed_entity_aliases: '*', allowed_policies: 'default' } });
});
afterAll(async () => {
  await Promise.all([one?.end(), other?.end()]);
  rmSync(folder, { recursive: true, force: true });
});

const pairs = (): readonly (readonly [ServerProcess, ServerProcess])[] => [
  [one, other],
  [other, one],
];
const post = (server: ServerProcess, path: string, body: unknown) => server.call('POST', path, { token, body });
const tokenFor = async (server: ServerProcess, alias: string) =>
  (await post(server, 'auth/token/create/people', { entity_alias: alias })).body.auth as { client_token: string; entity_id: string };

describe('two processes over one store', () => {
  test('make one entity for one alias, however many ask at once', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, (_, at) => tokenFor(at % 2 === 0 ? one : other, 'ann')));
    expect(new Set(all.map(({ entity_id }) => entity_id)).size).toBe(1);
  });

  test('give and take what an entity and its groups bring, at once', async () => {
    await post(one, 'identity/group', { name: 'crew', policies: ['crewed'] });
    for (const [here, there] of pairs()) {
      const { client_token, entity_id } = await tokenFor(here, 'bob');
      const brought = async () => {
        const { body } = await there.call('GET', 'auth/token/lookup-self', { token: client_token });
        return body.data.identity_policies;
      };
      expect(await brought()).toBeUndefined();
      await post(here, `identity/entity/id/${entity_id}`, { policies: ['own'] });
      expect(await brought()).toEqual(['own']);
      await post(here, 'identity/group', { name: 'crew', member_entity_ids: [entity_id] });
      expect(await brought()).toEqual(['own', 'crewed']);
      await post(here, 'identity/group', { name: 'crew', policies: ['changed'] });
      expect(await brought()).toEqual(['own', 'changed']);
      await post(here, 'identity/group', { name: 'crew', member_entity_ids: [], policies: ['crewed'] });
      await post(here, `identity/entity/id/${entity_id}`, { policies: [] });
      expect(await brought()).toBeUndefined();
    }
  });

  test('refuse the tokens of an entity that is disabled or deleted, at once', async () => {
    for (const [here, there] of pairs()) {
      const { client_token, entity_id } = await tokenFor(here, 'cleo');
      const self = () => there.call('GET', 'auth/token/lookup-self', { token: client_token });
      expect((await self()).status).toBe(200);
      await post(here, `identity/entity/id/${entity_id}`, { disabled: true });
      expect(said(await self())).toEqual(stranger);
      await post(here, `identity/entity/id/${entity_id}`, { disabled: false });
      expect((await self()).status).toBe(200);
      await here.call('DELETE', `identity/entity/id/${entity_id}`, { token });
      expect(said(await self())).toEqual(stranger);
    }
  });

  test('never close a circle of groups between them', async () => {
    const make = async (name: string) => (await post(one, 'identity/group', { name })).body.data.id as string;
    for (let round = 0; round < 5; round++) {
      const [left, right] = [await make(`left-${round}`), await make(`right-${round}`)];
      const answers = await Promise.all([
        post(one, `identity/group/id/${left}`, { member_group_ids: [right] }),
        post(other, `identity/group/id/${right}`, { member_group_ids: [left] }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
    }
  });
});
