// The server as the process that operators run: the command with a configuration file, its log, its end.

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { send } from '../suites/server.ts';
import type { Call } from './shapes.ts';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));

export interface ServerProcess {
  readonly host: string;
  readonly port: number;
  /** Without a token where the call gives none. */
  readonly call: Call;
  /** What it wrote to its streams. */
  readonly logged: () => string;
  /** Asks it to end as a supervisor does; resolves to its exit code. */
  end(): Promise<number | null>;
  /** Ends it without asking; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts `casemate server` over the store in `folder`, which other processes may use too. Resolves when it listens. */
export async function startServerProcess(
  folder: string,
  name: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<ServerProcess> {
  const config = join(folder, `${name}.json`);
  writeFileSync(
    config,
    JSON.stringify({
      storage: { lmdb: { path: join(folder, 'store') } },
      listener: [{ tcp: { address: '127.0.0.1:0', tls_disable: true } }],
      ...more,
    }),
  );
  const child: ChildProcess = spawn(casemate, ['server', `-config=${config}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let logged = '';
  let wake = (): void => undefined;
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      logged += text;
      wake();
    });
  const port = await new Promise<number>((resolve, reject) => {
    wake = () => {
      const found = /"the server listens".*?"port":(\d+)/.exec(logged)?.[1];
      if (found !== undefined) resolve(Number(found));
    };
    child.once('close', () => reject(new Error(`the server ended before it listened: ${logged}`)));
  });
  const host = '127.0.0.1';
  return {
    host,
    port,
    call: (method, path, call = {}) => send({ host, port, method, path: `/v1/${path}` }, call),
    logged: () => logged,
    end() {
      child.kill('SIGTERM');
      return ended;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
