// The suite `etcd`, its part `verify`: how long a scan of a real etcd takes and what it holds in memory, without and with TLS.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeAuthority } from '../test/cluster/fixture/authority.ts';
import { clusterPrograms } from '../test/cluster/fixture/programs.ts';
import { hostRunner } from '../test/cluster/fixture/runner.ts';
import { fill, startMembers } from '../test/etcd/etcd-members.ts';
import { temporaryFolder } from './children.ts';
import type { VerifyMeasured } from './etcd-verify-process.ts';

const run = promisify(execFile);

export interface VerifyBenchOptions {
  /** Secrets in etcd; 100,000 by default. */
  readonly objects?: number;
  /** Bytes of each; 1,200 by default: a Secret with one or two passwords. */
  readonly bytes?: number;
  /** The median counts; 3 by default. */
  readonly rounds?: number;
}

const mostSeconds = 10;
/** Above what the process holds before the scan: a few pages, however many objects there are. */
const mostGrowth = 150;

/** Prints a line for each point as soon as it is measured. Rejects with Fault `unavailable` without the cluster fixture's etcd. */
export async function measureVerify(
  { objects = 100_000, bytes = 1_200, rounds = 3 }: VerifyBenchOptions,
  write: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const program = join(clusterPrograms().etcd, 'etcd');
  const folder = temporaryFolder();
  try {
    chmodSync(folder.path, 0o700);
    const runner = hostRunner(folder.path);
    const authority = await makeAuthority(folder.path);
    const client = await authority.issue({ name: 'client', subject: '/CN=casemate' });
    const etcd = await startMembers(runner, { program, name: 'etcd', authority });
    try {
      const filled = performance.now();
      // A tenth of them is not sealed, as in a cluster that is half migrated.
      await fill(etcd.writer(), '/registry/secrets/default/s', objects, (index) => sealedAs(index % 10 === 0 ? 'k8s\0' : sealed, bytes));
      write(`${count(objects)} Secrets of ${count(bytes)} bytes written in ${seconds(performance.now() - filled)} s\n`);
      write(line(['verify', 'objects', 'MB', 'seconds', 'objects/s', 'RSS MB', 'grew MB', '']));
      const points: readonly (readonly [title: string, words: readonly string[]])[] = [
        ['without TLS', [etcd.writer().url]],
        ['with TLS', [etcd.endpoints[0] ?? '', authority.certificateFile, client.certificateFile, client.keyFile]],
      ];
      for (const [title, words] of points) {
        const found: VerifyMeasured[] = [];
        for (let round = 0; round < rounds; round++) {
          const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'etcd-verify-process.ts'), ...words], { signal });
          found.push(JSON.parse(stdout) as VerifyMeasured);
        }
        write(rowOf(title, middle(found), objects));
      }
    } finally {
      await etcd.stop();
    }
  } finally {
    folder.remove();
  }
}

const sealed = 'k8s:enc:aescbc:v1:cm-1-0a1b2c3d:';

function sealedAs(prefix: string, bytes: number): Buffer {
  return Buffer.concat([Buffer.from(prefix), randomBytes(bytes - prefix.length)]);
}

function rowOf(title: string, measured: VerifyMeasured, wanted: number): string {
  const { objects, megabytesOfValues, seconds: took, before, most } = measured;
  const promised = [
    `${objects === wanted ? 'holds ' : 'MISSED'} every object counted`,
    `${(took * 100_000) / wanted < mostSeconds ? 'holds ' : 'MISSED'} ${count(100_000)} in ${mostSeconds} s`,
    `${most - before < mostGrowth ? 'holds ' : 'MISSED'} grows by less than ${mostGrowth} MB`,
  ];
  const cells = [title, count(objects), megabytesOfValues.toFixed(0), took.toFixed(2), count(objects / took), most.toFixed(0)];
  return line([...cells, (most - before).toFixed(0), promised.join(', ')]);
}

const widths = [-12, 9, 6, 8, 10, 7, 8] as const;

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, at) => {
    const width = widths[at] ?? 0;
    return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
  });
  return `${padded.join(' ').trimEnd()}\n`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(1);
}

function middle(values: readonly VerifyMeasured[]): VerifyMeasured {
  return values.toSorted((one, other) => one.seconds - other.seconds)[Math.floor(values.length / 2)] as VerifyMeasured;
}
