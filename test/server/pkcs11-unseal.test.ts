// A server that a PKCS#11 token unseals, from its configuration on: initialised, started again, without its token, and with a new key.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/base/config/reader.ts';
import { jsonLog } from '../../src/base/log.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import { partsOf } from '../../src/programs/server/configured.ts';
import { type ServerProcess, startProcess } from '../../src/programs/server/process.ts';
import { unsealOrKeepTrying } from '../../src/programs/server/unsealing.ts';
import { makeToken, moduleProcesses, type SofthsmToken, withoutSofthsm } from '../keys/softhsm-token.ts';

const missing = withoutSofthsm();
if (missing !== undefined) it('a server that a PKCS#11 token unseals', ({ skip }) => skip(missing));

describe.skipIf(missing !== undefined)('a server that a PKCS#11 token unseals', () => {
  let token: SofthsmToken;
  let folder: string;
  let lines: string[];
  let running: { readonly process: ServerProcess; readonly ending: AbortController; readonly backend: KeyBackend | undefined } | undefined;
  beforeEach(() => {
    token = makeToken();
    token.importKey('unseal', '01');
    folder = mkdtempSync(join(tmpdir(), 'casemate-unseal-'));
    lines = [];
  });
  afterEach(async () => {
    await end();
    rmSync(folder, { recursive: true });
    token.end();
  });

  async function end(): Promise<void> {
    running?.ending.abort(new Error('the test ended'));
    await running?.process.end();
    running?.backend?.close();
    running = undefined;
  }

  async function start(keyId: string): Promise<ServerProcess> {
    await end();
    const text = `storage "lmdb" { path = "${join(folder, 'store')}" }
listener "tcp" {
  address = "127.0.0.1:0"
  tls_disable = true
}
seal "pkcs11" {
  lib = "${token.module}"
  token_label = "casemate"
  pin = "env://HSM_PIN"
  key_label = "unseal"
  key_id = "${keyId}"
}`;
    const log = jsonLog({ level: 'debug', write: (line) => void lines.push(line), now: () => 0 });
    const environment = { ...token.environment, HSM_PIN: token.pin };
    const parts = await partsOf(readConfig([{ path: 'server.hcl', text }]).config, environment, log);
    const ending = new AbortController();
    const pace = { patience: 15_000, pause: 20, longest: 50 };
    const process = await startProcess(parts, (server) => unsealOrKeepTrying(server, log, ending.signal, pace));
    running = { process, ending, backend: parts.backend };
    return process;
  }

  it('is open after it was initialised, after a start, and after a start with a new key', async () => {
    const first = await start('01');
    await first.server.initialize({});
    expect(first.server.sealed).toBe(false);
    expect((await start('01')).server.sealed).toBe(false);
    token.importKey('unseal', '02');
    expect((await start('02')).server.sealed).toBe(false);
    expect(lines.join('')).not.toContain(token.pin);
  });

  it('listens without its token, sealed, and unseals when that is back', async () => {
    await (await start('01')).server.initialize({});
    token.hide();
    const again = await start('01');
    expect(again.server.sealed).toBe(true);
    token.show();
    await expect.poll(() => again.server.sealed, { timeout: 20_000 }).toBe(false);
    await end();
    await expect.poll(() => moduleProcesses(), { timeout: 5_000 }).toEqual([]);
  });
});
