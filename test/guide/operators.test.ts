// The guide's pages for operators, typed line by line at a whole server: policies, audit.

import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { pattern, playPage, stepsOf } from './page.ts';

let server: TestServer;
afterEach(() => server.end());

describe('the guide', () => {
  it.each(['policies', 'audit'])(
    'shows what happens: %s',
    async (name) => {
      server = await startTestServer();
      await server.call('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } });
      const steps = stepsOf(name);
      expect(steps.length).toBeGreaterThan(2);
      const played = await playPage(steps, { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken, AUDIT: server.folder });
      for (const { commands, shown, printed, code } of played) {
        if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
        else expect(printed, commands).toMatch(pattern(shown));
      }
    },
    60_000,
  );
});
