// The guide's pages about logins, typed line by line at a whole server.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { pattern, playPage, stepsOf } from './page.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.call('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } });
});
afterAll(() => server.end());

describe('the guide', () => {
  it.each(['approle', 'userpass'])(
    'shows what happens: %s',
    async (name) => {
      const steps = stepsOf(name);
      expect(steps.length).toBeGreaterThan(3);
      const played = await playPage(steps, { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken });
      for (const { commands, shown, printed, code } of played) {
        if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
        else expect(printed, commands).toMatch(pattern(shown));
      }
    },
    60_000,
  );
});
