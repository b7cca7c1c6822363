// lease revocations and lease irrevocable: what an operator sees of leases that are being taken back, or that nobody could.

import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer } from '../suites/server.ts';
import { type Scripted, type ScriptedServer, scriptedServer } from './scripted-server.ts';
import { session } from './session.ts';

let scripted: ScriptedServer | undefined;
afterEach(async () => {
  await scripted?.end();
  scripted = undefined;
});

async function against(...answers: readonly Scripted[]) {
  scripted = await scriptedServer(answers);
  return session({ address: scripted.address, token: 'root' });
}

const answer = (data: unknown): Scripted => ({ status: 200, body: { request_id: 'r', data } });
const given = [
  { lease_id: 'db/creds/app/a', mount_id: 'kv_1', error: 'the database is down' },
  { lease_id: 'db/creds/app/b', mount_id: 'kv_1', error: 'the database is down' },
];

describe('lease revocations', () => {
  it('shows how far each has come', async () => {
    const started = '2026-01-01T00:00:00Z';
    const vault = await against(
      answer({
        revocations: [
          { prefix: 'auth/approle/login', started, force: false, done: 41_000, failed: 2 },
          { prefix: 'db/', started, force: true, done: null, failed: null },
        ],
      }),
    );
    const { code, out } = await vault.run('lease', 'revocations');
    expect([code, out.split('\n').map((line) => line.split(/ {2,}/))]).toMatchObject([
      0,
      [
        ['Prefix', 'Started', 'Done', 'Failed', 'Force'],
        ['------', '-------', '----', '------', '-----'],
        ['auth/approle/login', started, '41000', '2', 'false'],
        ['db/', started, 'n/a', 'n/a', 'true'],
        [''],
      ],
    ]);
    vault.end();
  });

  it('asks a real server, which has none under way', async () => {
    const server = await startTestServer();
    const vault = session({ address: server.address, token: server.rootToken });
    expect(await vault.run('lease', 'revocations')).toEqual({ code: 0, out: 'No revocation is under way.\n', err: '' });
    expect(await vault.run('lease', 'irrevocable')).toEqual({ code: 0, out: 'No lease has been given up.\n', err: '' });
    vault.end();
    await server.end();
  });
});

describe('lease irrevocable', () => {
  it('lists what was given up, and why', async () => {
    const vault = await against(answer({ lease_count: 2, leases: given }));
    const { code, out } = await vault.run('lease', 'irrevocable');
    expect([code, out]).toMatchObject([0, expect.stringMatching(/db\/creds\/app\/b +kv_1 +the database is down\n$/)]);
    expect(scripted?.asked[0]).toMatchObject({ method: 'GET', url: '/v1/sys/leases?limit=none&type=irrevocable' });
    vault.end();
  });

  it('-retry tries all of them, and says how many went', async () => {
    const vault = await against(answer({ lease_count: 2, leases: given }), { status: 204 }, { status: 400, body: { errors: ['down'] } });
    const { code, out, err } = await vault.run('lease', 'irrevocable', '-retry');
    expect([code, out, err]).toEqual([2, 'Revoked 1 of 2 leases\n', expect.stringContaining('db/creds/app/b: ')]);
    expect(scripted?.asked[1]).toMatchObject({ url: '/v1/sys/leases/revoke', body: '{"lease_id":"db/creds/app/a","sync":true}' });
    vault.end();
  });

  it('-forget drops the one that is named', async () => {
    const vault = await against({ status: 204 });
    expect(await vault.run('lease', 'irrevocable', '-forget', 'db/creds/app/a')).toMatchObject({
      code: 0,
      out: 'Success! Forgot 1 of 1 leases\n',
    });
    expect(scripted?.asked[0]).toMatchObject({ url: '/v1/sys/leases/revoke-force/db/creds/app/a' });
    vault.end();
  });

  it('takes one of the two at a time, and no IDs without them', async () => {
    const vault = await against();
    expect(await vault.run('lease', 'irrevocable', '-retry', '-forget')).toMatchObject({ code: 1 });
    expect(await vault.run('lease', 'irrevocable', 'db/creds/app/a')).toMatchObject({ code: 1 });
    vault.end();
  });
});
