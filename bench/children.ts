// Processes and folders of a benchmark: each goes when its user is done, and all of them when the benchmark ends, however it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { onCore } from './cores.ts';

export interface ChildOptions {
  readonly core: number | undefined;
  /** `messages`: a Node program that speaks over a channel. `lines`: any program; its stderr is read line by line. */
  readonly speaks: 'messages' | 'lines';
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Child {
  readonly process: ChildProcess;
  /** Rejects with Fault `unavailable` when the child ends without having been told to; never resolves. */
  readonly untimelyEnd: Promise<never>;
  /** Resolves when it has ended: told to, and forced to after ten seconds. */
  end(): Promise<void>;
}

const grace = 10_000;
const running = new Set<ChildProcess>();
const folders = new Set<string>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** `name` is what the sentence about its untimely end calls it. */
export function startChild(name: string, command: readonly [string, ...string[]], options: ChildOptions): Child {
  const [program, ...words] = onCore(options.core, command);
  const child = spawn(program, words, {
    stdio: options.speaks === 'messages' ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...options.environment },
  });
  running.add(child);
  let told = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`did not start (${error.message})`));
    child.once('exit', (code, signal) => resolve(`ended by itself (${signal ?? `exit code ${code}`})`));
  }).finally(() => running.delete(child));
  const untimelyEnd = ended.then((how): never => {
    throw new Fault('unavailable', `${name} ${told ? 'has ended' : how}`);
  });
  // Whoever waits for the child races with it; when nobody waits its end is no news.
  untimelyEnd.catch(() => undefined);
  return {
    process: child,
    untimelyEnd,
    async end() {
      told = true;
      if (!running.has(child)) return;
      const late = setTimeout(() => child.kill('SIGKILL'), grace);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(late);
    },
  };
}

/** The next message of a child that speaks in messages. */
export async function nextMessage<T>(child: Child, signal: AbortSignal): Promise<T> {
  const [message] = (await Promise.race([once(child.process, 'message', { signal }), child.untimelyEnd])) as [T];
  return message;
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'casemate-bench-'));
  folders.add(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      folders.delete(path);
    },
  };
}
