// hvac, the Python client of Vault, as it is published: all that it knows of identities.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';

type Expected = { readonly value: unknown } | { readonly error: string; readonly message: unknown };
type Step = { readonly step: string } & Expected;

const value = (wanted: unknown): Expected => ({ value: wanted });
const done = value({ status: 204 });
/** hvac puts method and URL behind what the server said. */
const refused = (error: string, text: string): Expected => ({ error, message: expect.stringContaining(`${text}, on `) });
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

async function walk(interpreter: string): Promise<Step[]> {
  const server = await startTestServer();
  try {
    const { stdout } = await promisify(execFile)(interpreter, [
      join(import.meta.dirname, 'hvac-identity.py'),
      server.address,
      server.rootToken,
    ]);
    return stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Step);
  } finally {
    await server.end();
  }
}

describe('hvac', () => {
  it('makes, reads, lists and deletes entities, aliases and groups', async (context) => {
    const python = pythonWithHvac();
    if (python === undefined) return context.skip(NO_HVAC);
    const steps = await walk(python);
    expect(steps.map(({ step }) => step)).toStrictEqual(Object.keys(expectedSteps));
    for (const { step, ...outcome } of steps) expect(outcome, step).toMatchObject(expectedSteps[step] as Expected);
  });
});
