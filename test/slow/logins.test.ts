// A server that is killed while machines log in: no secret id is good for more logins than it has uses, and no token is half there.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ServerProcess, startServerProcess } from '../server/server-process.ts';

const kills = 8;
const uses = 400;

describe('a server that is killed during logins', () => {
  test('has counted every login that it answered, and keeps every token of them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'casemate-killed-'));
    let server: ServerProcess = await startServerProcess(folder, 'one');
    try {
      const made = (await server.call('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).body;
      const key: string = made.keys[0];
      const call = (method: string, path: string, body: unknown = {}) => server.call(method, path, { token: made.root_token, body });
      await server.call('PUT', 'sys/unseal', { body: { key } });
      await call('POST', 'sys/auth/approle', { type: 'approle' });
      await call('POST', 'auth/approle/role/app', { role_id: 'app', secret_id_num_uses: uses });
      const { secret_id } = (await call('POST', 'auth/approle/role/app/secret-id')).body.data;
      const tokens: string[] = [];
      const machine = async (): Promise<void> => {
        for (;;) {
          const answer = await server.call('POST', 'auth/approle/login', { token: null, body: { role_id: 'app', secret_id } });
          if (answer.status !== 200) return;
          tokens.push(answer.body.auth.client_token);
        }
      };
      for (let round = 0; round < kills; round++) {
        const before = tokens.length;
        const machines = Promise.allSettled(Array.from({ length: 4 }, machine));
        await expect.poll(() => tokens.length, { timeout: 10_000, interval: 2 }).toBeGreaterThan(before + 10);
        await server.kill();
        await machines;
        server = await startServerProcess(folder, 'one');
        await server.call('PUT', 'sys/unseal', { body: { key } });
        const left = (await call('POST', 'auth/approle/role/app/secret-id/lookup', { secret_id })).body.data.secret_id_num_uses;
        // A use may be gone for a login that was never answered: one for each machine and kill at most.
        expect(left).toBeLessThanOrEqual(uses - tokens.length);
        expect(left).toBeGreaterThanOrEqual(uses - tokens.length - 4 * (round + 1));
      }
      for (const token of tokens) expect((await server.call('GET', 'auth/token/lookup-self', { token })).status).toBe(200);
    } finally {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 180_000);
});
