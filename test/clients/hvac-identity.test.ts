// hvac, the Python client of Vault, as it is published: all that it knows of identities.

import { describe, expect, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';
import { done, type Expected, expectSteps, refused, value, walk } from './hvac-run.ts';

const id = expect.stringMatching(/^[0-9a-f-]{36}$/);

const expectedSteps: Readonly<Record<string, Expected>> = {
  'make an entity': value({ data: { id, name: 'ann', aliases: null } }),
  'change it': done,
  'read it': value({ data: { name: 'ann', metadata: { team: 'x' }, policies: ['p'], disabled: false, aliases: [] } }),
  'update it by id': done,
  'read it by name': value({ data: { name: 'ann', policies: ['p', 'q'] } }),
  'make one by name': value({ data: { id, name: 'bob' } }),
  list: value(true),
  'list by name': value(['ann', 'bob']),
  'look one up': value(true),
  'look none up': done,
  'read none': refused('InvalidPath', 'None'),
  'make an alias': value({ data: { id, canonical_id: id } }),
  'read the alias': value({ data: { name: 'ann-token', mount_path: 'auth/token/', mount_type: 'token' } }),
  'update the alias': value({ data: { id } }),
  'list aliases': value(true),
  'look up by alias': value(true),
  'an alias of no mount': refused('InvalidRequest', 'invalid mount accessor "nope"'),
  merge: done,
  'what was merged': value(true),
  'delete the alias': done,
  'make a group': value({ data: { id, name: 'devs' } }),
  'read the group': value({ data: { name: 'devs', type: 'internal', policies: ['g'], member_entity_ids: [id] } }),
  'update the group': done,
  'make a group by name': value({ data: { id, name: 'all' } }),
  'read the group by name': value(true),
  'a circle': { error: 'InvalidRequest', message: expect.stringContaining('cyclic relationship detected for member group ID') },
  'list groups': value(2),
  'list groups by name': value(['all', 'devs']),
  'look a group up': value(true),
  'make an external group': value({ data: { id, name: 'ext' } }),
  'make a group alias': value({ data: { id, canonical_id: id } }),
  'read the group alias': value({ data: { name: 'ext', mount_path: 'auth/token/' } }),
  'list group aliases': value(true),
  'delete the group alias': done,
  'delete the group': done,
  'delete the group by name': done,
  'read the deleted group': refused('InvalidPath', 'None'),
  'delete the entity': done,
  'delete an entity by name': done,
};

describe('hvac', () => {
  it('makes, reads, lists and deletes entities, aliases and groups', async (context) => {
    const python = pythonWithHvac();
    if (python === undefined) return context.skip(NO_HVAC);
    const server = await startTestServer();
    try {
      expectSteps(await walk(python, 'hvac-identity.py', [server.address, server.rootToken]), expectedSteps);
    } finally {
      await server.end();
    }
  });
});
