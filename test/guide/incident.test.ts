// The guide's page about incidents, typed line by line at a whole server, with an engine at database/ that lends secrets.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { lending } from '../server/lending-engine.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { pattern, playPage, stepsOf } from './page.ts';

vi.mock('../../src/secrets/engines/kv/kind.ts', async () => ({ kv: (await import('../server/lending-engine.ts')).lendingKind }));

let server: TestServer;
afterEach(() => {
  lending.stuck.clear();
  lending.gate = Promise.resolve();
  return server.end();
});

it('the guide shows what happens: incident', async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/database', { body: { type: 'kv' } });
  await giveUp('database/creds/old');
  const open = holdRevocations();
  const steps = stepsOf('incident');
  expect(steps.length).toBeGreaterThan(10);
  const played = await playPage(steps, { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken, AUDIT: server.folder });
  clearInterval(open);
  for (const { commands, shown, printed, code } of played) {
    if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
    else expect(printed, commands).toMatch(pattern(shown));
  }
  // What the page says of the engine: it took back what the stolen token and the mount had been lent, and nothing of what is stuck.
  expect(lending.takenBack).toEqual(['shop', 'shop']);
}, 60_000);

/** A secret whose lease the server has given up, because the other side never answered. */
async function giveUp(path: string): Promise<void> {
  lending.stuck.add('old');
  const { body } = await server.call('GET', path);
  for (let attempt = 0; attempt < 6; attempt++)
    await server.call('PUT', 'sys/leases/revoke', { body: { lease_id: body.lease_id, sync: true } });
}

/** The engine takes nothing back of a whole mount until the page has looked how far that is. */
function holdRevocations(): NodeJS.Timeout {
  const audit = join(server.folder, 'audit.log');
  const seen = (path: string) => existsSync(audit) && readFileSync(audit, 'utf8').includes(`"path":"${path}"`);
  let open = (): void => undefined;
  let held = false;
  return setInterval(() => {
    if (!held && seen('sys/leases/revoke-prefix/auth/approle/login')) {
      held = true;
      lending.gate = new Promise((resolve) => {
        open = resolve;
      });
    }
    if (seen('sys/leases/revocations')) open();
  }, 20);
}
