// `casemate kms` as a process: started with a configuration of the test, read from its streams, ended by its pid.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const casemate = fileURLToPath(new URL('../../bin/casemate', import.meta.url));

export interface KmsProcess {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  /** Exit code, or the signal. */
  readonly ended: Promise<number | string>;
  /** Milliseconds from the start until the log holds the words. Rejects when the process ends before. */
  until(words: string): Promise<number>;
}

export function startKmsProcess(words: readonly string[], env: Readonly<Record<string, string>> = {}): KmsProcess {
  const begun = performance.now();
  const child = spawn(casemate, ['kms', ...words], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  const seen: (() => void)[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    for (const look of seen.splice(0)) look();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      resolve(signal ?? code ?? -1);
      for (const look of seen.splice(0)) look();
    });
  });
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    child,
    ended,
    out: () => out,
    err: () => err,
    async until(wanted) {
      while (!err.includes(wanted)) {
        if (hasEnded()) throw new Error(`it ended: ${err}`);
        await new Promise<void>((resolve) => seen.push(resolve));
      }
      return performance.now() - begun;
    },
  };
}
