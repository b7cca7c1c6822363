// A server that a transit engine or a key ring unseals, from its configuration on: initialised, started again, while the holder is away, after a rotation.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { readConfig } from '../../src/base/config/reader.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { addRingKey, createRing } from '../../src/keys/ring-file.ts';
import { partsOf } from '../../src/programs/server/configured.ts';
import { type ServerProcess, startProcess } from '../../src/programs/server/process.ts';
import { unsealOrKeepTrying } from '../../src/programs/server/unsealing.ts';
import { send } from '../suites/server.ts';
import { startTransitHolder, type TransitHolder } from '../suites/transit-holder.ts';

let holder: TransitHolder;
beforeAll(async () => {
  holder = await startTransitHolder();
});
afterAll(() => holder.end());

let folder: string;
let lines: string[];
const running: { readonly process: ServerProcess; readonly ending: AbortController }[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-unseal-'));
  lines = [];
});
afterEach(async () => {
  for (const one of running.splice(0)) await ended(one);
  rmSync(folder, { recursive: true });
});

async function ended({ process, ending }: (typeof running)[number]): Promise<void> {
  ending.abort(new Error('the test ended'));
  await process.end();
}

const pace = { patience: 5_000, pause: 20, longest: 50 };

async function started(seal: string): Promise<ServerProcess> {
  const text = `storage "lmdb" { path = "${join(folder, 'store')}" }\nlistener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n}\n${seal}`;
  const log = jsonLog({ level: 'debug', write: (line) => void lines.push(line), now: () => Date.now() });
  const parts = await partsOf(readConfig([{ path: 'server.hcl', text }]).config, {}, log);
  const ending = new AbortController();
  const process = await startProcess(parts, (server) => unsealOrKeepTrying(server, log, ending.signal, pace));
  running.push({ process, ending });
  return process;
}

async function restarted(seal: string): Promise<ServerProcess> {
  for (const one of running.splice(0)) await ended(one);
  return started(seal);
}

async function statusOf({ addresses }: ServerProcess): Promise<Record<string, unknown>> {
  const [{ host, port }] = addresses as [{ host: string; port: number }];
  return (await send({ host, port, method: 'GET', path: '/v1/sys/seal-status' }, {})).body;
}

const transitSeal = () => `seal "transit" {
  address  = "http://127.0.0.1:${holder.gate.port}"
  key_name = "etcd"
  token    = "file://${holder.tokenFile}"
}`;

describe('a server that a transit engine unseals', () => {
  test('is open after it was initialised, and after each start', async () => {
    const first = await started(transitSeal());
    expect(await statusOf(first)).toMatchObject({ type: 'transit', initialized: false, sealed: true });
    await first.server.initialize({});
    expect(await statusOf(first)).toMatchObject({ type: 'transit', initialized: true, sealed: false, recovery_seal: true });
    expect(await statusOf(await restarted(transitSeal()))).toMatchObject({ type: 'transit', sealed: false });
  });

  test('seals its root key anew after a rotation, so that the old version can be retired', async () => {
    await holder.makeKey('rotating');
    const seal = transitSeal().replace('"etcd"', '"rotating"');
    await (await started(seal)).server.initialize({});
    await holder.rotate('rotating');
    expect(await statusOf(await restarted(seal))).toMatchObject({ sealed: false });
    await holder.server.call('PUT', 'transit/keys/rotating/config', { body: { min_decryption_version: 2 } });
    expect(await statusOf(await restarted(seal))).toMatchObject({ sealed: false });
  });

  test('listens while the engine is away, sealed, and unseals when it is back', async () => {
    await (await started(transitSeal())).server.initialize({});
    holder.gate.shut();
    try {
      const again = await restarted(transitSeal());
      expect(await statusOf(again)).toMatchObject({ type: 'transit', initialized: true, sealed: true });
      expect(lines.join('')).toContain('the key backend does not open the root key: the server starts sealed, and tries again');
      holder.gate.open();
      await expect.poll(() => again.server.sealed, { timeout: 5000 }).toBe(false);
    } finally {
      holder.gate.open();
    }
  });

  test('does not start with another key, or another seal', async () => {
    await (await started(transitSeal())).server.initialize({});
    await holder.makeKey('other');
    await expect(restarted(transitSeal().replace('"etcd"', '"other"'))).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(restarted(`seal "static" { current_key = "${'ab'.repeat(32)}" }`)).rejects.toMatchObject({
      message: 'this store was initialised with the seal transit, not with static: start it with that one',
    });
    expect(lines.join('')).not.toContain('abababab');
  });
});

describe('a server that a key ring unseals', () => {
  test('goes on over new versions of the ring', async () => {
    const path = join(folder, 'ring');
    const parts = { random: systemRandom, clock: systemClock };
    await createRing(path, { name: 'unseal', cipher: 'sm4-gcm' }, parts);
    const seal = `seal "local" { path = "${path}" }`;
    await (await started(seal)).server.initialize({});
    await addRingKey(path, { use: true }, parts);
    expect(await statusOf(await restarted(seal))).toMatchObject({ type: 'local', sealed: false });
  });
});
