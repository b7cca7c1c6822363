// Kubernetes clients of scripted API servers, which end with their test.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { knownConnection } from '../../src/kube/pod-connection.ts';
import { localhostCertificate } from './localhost.ts';
import { type ScriptedApi, type ScriptedOptions, startScriptedApi } from './scripted-api.ts';

export const scriptedToken = 'scripted-token-that-nobody-may-see';

export interface ScriptedKube {
  start(options?: ScriptedOptions): Promise<ScriptedApi>;
  client(api: Pick<ScriptedApi, 'url'>, connection?: Partial<Connection>): KubeClient;
  folder(files?: Readonly<Record<string, string>>): string;
  afterwards(cleanup: () => unknown): void;
}

/** To be called once in a test file. Pauses between tries are short. */
export function scriptedKube(): ScriptedKube {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    afterwards: (cleanup) => cleanups.push(cleanup),
    async start(options) {
      const api = await startScriptedApi(options);
      cleanups.push(api.stop);
      return api;
    },
    client(api, connection) {
      const known = knownConnection({ server: api.url, authorities: localhostCertificate, token: scriptedToken });
      const client = createKubeClient({
        connection: { ...known, ...connection },
        fieldManager: 'casemate-test',
        pace: { first: 5, longest: 20 },
        now: () => performance.now(),
      });
      cleanups.push(client.close);
      return client;
    },
    folder(files = {}) {
      const path = mkdtempSync(join(tmpdir(), 'casemate-kube-'));
      cleanups.push(() => rmSync(path, { recursive: true, force: true }));
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
      return path;
    },
  };
}
