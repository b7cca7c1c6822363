// hvac, the Python client of Vault, as it is published: all that it knows of approle and userpass.

import { describe, expect, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';
import { done, type Expected, expectSteps, refused, value, walk } from './hvac-run.ts';

const id = expect.stringMatching(/^[0-9a-f-]{36}$/);
const token = expect.stringMatching(/^hvs\.[0-9A-Za-z]{24}$/);

const expectedSteps: Readonly<Record<string, Expected>> = {
  'enable approle': done,
  'tune it': done,
  'read the tuning': value({ data: { max_lease_ttl: 14_400, token_type: 'default-service' } }),
  'make a role': done,
  'read the role': value({ data: { token_policies: ['default'], token_ttl: 1200, secret_id_num_uses: 3, bind_secret_id: true } }),
  'list roles': value({ data: { keys: ['app'] } }),
  'read none': refused('InvalidPath', 'None'),
  'set the role id': done,
  'read the role id': value({ data: { role_id: 'the-app' } }),
  'make a secret id': value({ data: { secret_id: id, secret_id_accessor: id, secret_id_num_uses: 3, secret_id_ttl: 0 } }),
  'choose one': value({ data: { secret_id: 'mine', secret_id_accessor: id } }),
  'list accessors': value(2),
  'look it up': value({ data: { metadata: { host: 'a' }, secret_id_num_uses: 3 } }),
  'look it up by accessor': value({ data: { metadata: { host: 'a' }, expiration_time: '0001-01-01T00:00:00Z' } }),
  'log in': value({
    auth: { client_token: token, policies: ['default'], metadata: { role_name: 'app', host: 'a' }, lease_duration: 1200 },
  }),
  'log in with the chosen one': value({ role_name: 'app', host: 'b' }),
  'is authenticated': value(true),
  renew: value(true),
  'make one wrapped': value({ wrap_info: { token, wrapped_accessor: id, creation_path: 'auth/approle/role/app/secret-id' } }),
  'unwrap it': value(['secret_id', 'secret_id_accessor', 'secret_id_num_uses', 'secret_id_ttl']),
  'destroy by accessor': done,
  destroy: done,
  'log in without either': refused('InvalidRequest', 'invalid role or secret ID'),
  'delete the role': done,
  'list no roles': refused('InvalidPath', 'None'),
  'enable userpass': done,
  'make a user': done,
  'read the user': value({ data: { token_policies: ['default'], policies: ['default'] } }),
  'list users': value({ data: { keys: ['ann'] } }),
  'log in as ann': value({ auth: { client_token: token, metadata: { username: 'ann' }, entity_id: id } }),
  'change the password': done,
  'log in with the old one': refused('InvalidRequest', 'invalid username or password'),
  'delete the user': done,
  'list methods': value(['approle/', 'token/', 'userpass/']),
  disable: done,
};

describe('hvac', () => {
  it('logs machines and people in, unchanged', async (context) => {
    const python = pythonWithHvac();
    if (python === undefined) return context.skip(NO_HVAC);
    const server = await startTestServer();
    try {
      expectSteps(await walk(python, 'hvac-approle.py', [server.address, server.rootToken]), expectedSteps);
    } finally {
      await server.end();
    }
  });
});
