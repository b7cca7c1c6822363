// The guide's page about entities and groups, typed line by line at a whole server.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { pattern, playPage, stepsOf } from './page.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

it('the guide shows what happens: identity', async () => {
  const steps = stepsOf('identity');
  expect(steps.length).toBeGreaterThan(5);
  const played = await playPage(steps, { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken });
  for (const { commands, shown, printed, code } of played) {
    if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
    else expect(printed, commands).toMatch(pattern(shown));
  }
}, 60_000);
