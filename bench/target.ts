// Casemate as it is installed: a process of its own over LMDB on disk, initialised and unsealed over HTTP.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Fault } from '../src/base/fault.ts';
import { type Api, openApi } from './api.ts';
import { type Child, type Folder, startChild, temporaryFolder } from './children.ts';
import type { Place } from './connection.ts';
import { residentMegabytes } from './memory.ts';

export interface TargetOptions {
  readonly core: number | undefined;
  /** With the audit file on. */
  readonly audit: boolean;
  /** With what was decrypted kept in memory. */
  readonly cache: boolean;
  /** Folder for CPU profiles of the server; none are taken without it. */
  readonly profiles: string | undefined;
}

export interface Target {
  /** With the root token. */
  readonly api: Api;
  /** RSS; undefined where the system does not tell. */
  megabytes(): number | undefined;
  /** Rejects when the process ends before it should. */
  readonly untimelyEnd: Promise<never>;
  /** Ends the process and starts it anew over the same store, sealed. `core` and the rest stay. */
  restart(signal: AbortSignal): Promise<{ readonly place: Place; readonly startedAt: number }>;
  unseal(api: Api): Promise<void>;
  /** Ends the process and removes its folder. */
  end(): Promise<void>;
}

const command = fileURLToPath(new URL('../bin/casemate', import.meta.url));

export async function startTarget(options: TargetOptions, signal: AbortSignal): Promise<Target> {
  const folder = temporaryFolder();
  let child: Child | undefined;
  const start = async () => {
    child = launch(folder, options);
    return { child, place: await listening(child, signal) };
  };
  const end = async () => {
    await child?.end();
    folder.remove();
  };
  try {
    writeFileSync(configurationOf(folder), configuration(folder.path, options));
    const { child: first, place } = await start();
    const sealed = openApi('Casemate', place, undefined, signal);
    const made = await sealed.call<{ keys: string[]; root_token: string }>('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    const unseal = (api: Api) => api.call<void>('PUT', 'sys/unseal', { key: made.keys[0] });
    await unseal(sealed);
    return {
      api: sealed.as(made.root_token),
      megabytes: () => residentMegabytes(child?.process.pid),
      untimelyEnd: first.untimelyEnd,
      async restart() {
        await child?.end();
        const startedAt = performance.now();
        return { startedAt, place: (await start()).place };
      },
      unseal,
      end,
    };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

function launch(folder: Folder, { core, profiles }: TargetOptions): Child {
  const profiling = profiles === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` };
  return startChild('Casemate', [command, 'server', `-config=${configurationOf(folder)}`, '-log-level=info'], {
    core,
    speaks: 'lines',
    environment: profiling,
  });
}

function configurationOf(folder: Folder): string {
  return join(folder.path, 'server.json');
}

function configuration(folder: string, { audit, cache }: TargetOptions): string {
  return JSON.stringify({
    storage: { lmdb: { path: join(folder, 'store') } },
    listener: { tcp: { address: '127.0.0.1:0', tls_disable: true } },
    ...(audit ? { audit: { file: { bench: { options: { file_path: join(folder, 'audit.log') } } } } } : {}),
    disable_cache: !cache,
  });
}

const kept = 5;

/** Where it says that it listens. What it wrote stands in the sentence when it ends before that. */
async function listening(child: Child, signal: AbortSignal): Promise<Place> {
  const lines = createInterface({ input: child.process.stderr as NodeJS.ReadableStream });
  const last: string[] = [];
  const place = new Promise<Place>((resolve) => {
    lines.on('line', (line) => {
      last.push(line);
      if (last.length > kept) last.shift();
      const said = placeIn(line);
      if (said !== undefined) resolve(said);
    });
  });
  const aborted = once(signal, 'abort').then((): never => {
    throw signal.reason;
  });
  try {
    return await Promise.race([place, child.untimelyEnd, aborted]);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.code, [thrown.message, ...last].join('\n'));
  }
}

function placeIn(line: string): Place | undefined {
  if (!line.startsWith('{')) return undefined;
  const { message, host, port } = JSON.parse(line) as { message?: string; host?: string; port?: number };
  return message === 'the server listens' && host !== undefined && port !== undefined ? { host, port } : undefined;
}
