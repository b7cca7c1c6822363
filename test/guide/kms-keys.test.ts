// The guide's page about key backends: its commands typed at a whole server, its stanzas read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/base/config/reader.ts';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { pattern, playPage, stepsOf } from './page.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.end());

describe('the guide on key backends', () => {
  it('shows what happens', async () => {
    const steps = stepsOf('kms-keys');
    expect(steps.length).toBe(2);
    for (const { commands, shown, printed, code } of await playPage(steps, { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken })) {
      if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
      else expect(printed, commands).toMatch(pattern(shown));
    }
  }, 60_000);

  const page = readFileSync(join(import.meta.dirname, '../../docs/guide/kms-keys.md'), 'utf8');
  const stanzas = [...page.matchAll(/^```hcl\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);

  it.each(stanzas)('names only what a configuration may hold: %s', (text) => {
    const { warnings } = readConfig([{ path: 'server.hcl', text: `${text}\nstorage "inmem" {}\nlistener "tcp" { tls_disable = true }` }]);
    expect(warnings).toEqual([]);
  });

  it('has a stanza for each seal whose key somebody else holds', () => {
    expect(stanzas.map((text) => /^seal "(\w+)"/.exec(text)?.[1])).toEqual([
      'local',
      'transit',
      'awskms',
      'alicloudkms',
      'jdcloudkms',
      'pkcs11',
    ]);
  });
});
