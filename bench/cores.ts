// Which core holds the servers and which the load generator, so that neither takes time from the other.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Cores {
  /** Every server that is measured runs on this core, one at a time. undefined: held to none. */
  readonly server: number | undefined;
  readonly load: number | undefined;
  /** Why nothing is held to a core. */
  readonly note: string | undefined;
}

export function chooseCores(): Cores {
  const [server, load] = allowedCores();
  const unpinned = (why: string): Cores => ({
    server: undefined,
    load: undefined,
    note: `Servers and load share the cores, so the figures vary: ${why}.`,
  });
  if (server === undefined || load === undefined) return unpinned('this process may use a single core, or the system does not tell');
  // Running it tells more than finding it: a sandbox may forbid the system call.
  const tried = spawnSync('taskset', ['-c', String(server), 'true'], { stdio: 'ignore' });
  if (tried.error !== undefined) return unpinned('taskset (of util-linux) is not installed');
  if (tried.status !== 0) return unpinned('taskset may not hold a process to a core here');
  return { server, load, note: undefined };
}

/** The command line that runs another one on a core. */
export function onCore(core: number | undefined, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}

/** Linux lists them as `0-1,4`; empty elsewhere. */
function allowedCores(): number[] {
  if (process.platform !== 'linux') return [];
  const listed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  return listed.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  });
}
