// The suite `kms`: the KMS plugin over a key ring beside a Go server that only echoes, on the same kind of socket, under the same load.

import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { bundle } from '../scripts/build.mjs';
import { systemClock } from '../src/base/clock.ts';
import { Fault } from '../src/base/fault.ts';
import { systemRandom } from '../src/crypto/random.ts';
import { createRing } from '../src/keys/ring-file.ts';
import { type Child, startChild, temporaryFolder } from './children.ts';
import { type Cores, chooseCores, onCore } from './cores.ts';
import type { KmsBenchOptions } from './kms-options.ts';
import { residentMegabytes } from './memory.ts';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

interface Point {
  readonly title: string;
  readonly operation: 'encrypt' | 'decrypt' | 'status';
  readonly workers: number;
  /** Calls a second of all workers together; 0: as many as are answered. */
  readonly rate: number;
  /** Calls/s of the Go echo that must be reached, as a share. */
  readonly leastShare?: number;
  /** Milliseconds. */
  readonly mostP99?: number;
}

const points: readonly Point[] = [
  { title: 'Encrypt', operation: 'encrypt', workers: 1, rate: 0, leastShare: 0.5 },
  { title: 'Encrypt', operation: 'encrypt', workers: 64, rate: 0, leastShare: 0.3 },
  { title: 'Decrypt', operation: 'decrypt', workers: 1, rate: 0, leastShare: 0.5 },
  { title: 'Decrypt', operation: 'decrypt', workers: 64, rate: 0, leastShare: 0.3 },
  { title: 'Status', operation: 'status', workers: 1, rate: 0 },
  { title: 'Encrypt, 1,000/s', operation: 'encrypt', workers: 16, rate: 1_000, mostP99: 5 },
  { title: 'Decrypt, 1,000/s', operation: 'decrypt', workers: 16, rate: 1_000, mostP99: 5 },
];

/** What the load prints; milliseconds. */
interface Measured {
  readonly calls: number;
  /** Those of the warm-up as well. */
  readonly all: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

const mostMegabytes = 100;
const mostStart = 300;

/** Prints a line for each point as soon as it is measured. Rejects with Fault `unavailable` without Go. */
export async function runKmsSuite(options: KmsBenchOptions, write: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { seconds, rounds } = options;
  const cores = chooseCores();
  if (cores.note !== undefined) write(`${cores.note}\n`);
  const folder = temporaryFolder();
  const children: Child[] = [];
  try {
    const echo = await built(folder.path, signal);
    const casemate = await released(folder.path);
    const sockets = { casemate: join(folder.path, 'run', 'kms.sock'), go: join(folder.path, 'echo.sock') };
    const begun = performance.now();
    const plugin = await startPlugin(casemate, folder.path, sockets.casemate, cores);
    children.push(plugin);
    await socketAt(sockets.casemate, plugin, signal);
    const started = performance.now() - begun;
    const server = startChild('the Go echo', [echo, 'serve', sockets.go], { core: cores.server, speaks: 'lines' });
    children.push(server);
    await socketAt(sockets.go, server, signal);
    write(line(['call', 'at once', 'Casemate/s', 'p50 ms', 'p99 ms', 'Go echo/s', 'p99 ms', 'share', '']));
    let calls = 0;
    for (const point of points) {
      const found = { casemate: [] as Measured[], go: [] as Measured[] };
      for (let round = 0; round < rounds; round++)
        for (const side of ['casemate', 'go'] as const) {
          signal.throwIfAborted();
          found[side].push(await loaded(echo, sockets[side], point, seconds, cores, signal));
        }
      calls += found.casemate.reduce((sum, one) => sum + one.all, 0);
      write(rowOf(point, middle(found.casemate), middle(found.go)));
    }
    while (calls < options.calls)
      for (const operation of ['encrypt', 'decrypt'] as const) {
        signal.throwIfAborted();
        const point: Point = { title: operation, operation, workers: 64, rate: 0 };
        calls += (await loaded(echo, sockets.casemate, point, seconds, cores, signal)).all;
      }
    const megabytes = residentMegabytes(plugin.process.pid);
    if (megabytes !== undefined)
      write(
        verdict(megabytes < mostMegabytes, `memory below ${mostMegabytes} MB after ${count(calls)} calls`, `${megabytes.toFixed(0)} MB`),
      );
    write(verdict(started < mostStart, `a socket within ${mostStart} ms of the start`, `${started.toFixed(0)} ms`));
  } finally {
    for (const child of children) await child.end();
    folder.remove();
  }
}

async function built(folder: string, signal: AbortSignal): Promise<string> {
  const program = join(folder, 'kms-echo');
  try {
    await run('go', ['build', '-o', program, '.'], { cwd: join(root, 'bench', 'kms-echo'), signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw new Fault('unavailable', 'the Go server to compare with could not be built; this benchmark needs Go', { cause: thrown });
  }
  return program;
}

/** The command as it is released, its starter and the bundles: what is loaded from sources holds more memory. */
async function released(folder: string): Promise<string> {
  const home = join(folder, 'casemate');
  mkdirSync(join(home, 'bin'), { recursive: true });
  const command = join(home, 'bin', 'casemate');
  copyFileSync(join(root, 'bin', 'casemate'), command);
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  writeFileSync(join(home, 'package.json'), '{"type":"module"}\n');
  await bundle(root, join(home, 'dist'));
  return command;
}

async function startPlugin(command: string, folder: string, socket: string, { server }: Cores): Promise<Child> {
  const [ring, config] = [join(folder, 'ring'), join(folder, 'kms.hcl')];
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  await createRing(ring, { name: 'bench', cipher: 'aes-256-gcm' }, { random: systemRandom, clock: systemClock });
  const text = `health { disabled = true }\naudit { path = "${join(folder, 'audit.log')}" }\nprovider "bench" {\n  socket = "${socket}"\n  key "local" { path = "${ring}" }\n}\n`;
  writeFileSync(config, text, { mode: 0o600 });
  return startChild('the plugin', [command, 'kms', 'serve', `-config=${config}`], { core: server, speaks: 'lines' });
}

async function socketAt(path: string, child: Child, signal: AbortSignal): Promise<void> {
  while (!existsSync(path)) await Promise.race([delay(2, undefined, { signal }), child.untimelyEnd]);
}

async function loaded(
  program: string,
  socket: string,
  point: Point,
  seconds: number,
  { load }: Cores,
  signal: AbortSignal,
): Promise<Measured> {
  const { operation, workers, rate } = point;
  const [command, ...words] = onCore(load, [program, 'load', socket, operation, String(workers), String(seconds), String(rate)]);
  const { stdout } = await run(command, words, { signal });
  return JSON.parse(stdout) as Measured;
}

function rowOf(point: Point, casemate: Measured, go: Measured): string {
  const [own, other] = [casemate.calls / casemate.seconds, go.calls / go.seconds];
  const share = own / other;
  const { leastShare, mostP99 } = point;
  const promised =
    leastShare !== undefined
      ? `${share >= leastShare ? 'holds ' : 'MISSED'} ${leastShare} of the echo`
      : mostP99 !== undefined
        ? `${casemate.p99 < mostP99 ? 'holds ' : 'MISSED'} p99 below ${mostP99} ms`
        : '';
  const cells = [point.title, String(point.workers), count(own), casemate.p50.toFixed(2), casemate.p99.toFixed(2)];
  return line([...cells, count(other), go.p99.toFixed(2), point.rate === 0 ? share.toFixed(2) : '', promised]);
}

const widths = [-18, 7, 11, 7, 7, 10, 7, 6] as const;

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, at) => {
    const width = widths[at] ?? 0;
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
  });
  return `${padded.join(' ').trimEnd()}\n`;
}

function verdict(holds: boolean, floor: string, measured: string): string {
  return `${holds ? 'holds ' : 'MISSED'} ${floor} (measured ${measured})\n`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function middle(values: readonly Measured[]): Measured {
  return values.toSorted((one, other) => one.calls - other.calls)[Math.floor(values.length / 2)] as Measured;
}
