// The process of a PKCS#11 module, seen by its parent: questions and answers, and the end of a process that crashed or went silent.

import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../base/fault.ts';
import type { Environment } from '../secret-source.ts';
import type { Answer, CallName, Question, Reply } from './messages.ts';

export interface ModuleProcess {
  /**
   * Throws the Fault that the other side answers with: with the field `lost` when its session is of no use any more, `pinRefused` when
   * the token does not take the PIN. Throws `unavailable` when the process ends first.
   */
  ask<Name extends CallName>(name: Name, question: Question<Name>): Promise<Answer<Name>>;
  /** Resolves, when the process has ended, to what its end was. */
  readonly ended: Promise<string>;
  /** In good order where that goes quickly. */
  end(): void;
}

export interface ModuleProcessOptions {
  /** Of the process: modules find their own configuration by it. */
  readonly environment: Environment;
  /** Milliseconds without any answer, while one is waited for, after which the process is killed. */
  readonly patience: number;
  /** The same until the token is found and logged in to: a process and a module begin, and some tokens are far away. */
  readonly patienceAtStart: number;
}

/** Milliseconds for a process that was told to end, which itself takes one second at most. */
const grace = 2_000;

/** A small heap: the module's own memory is not in it. */
const flags = ['--max-semi-space-size=2', '--max-old-space-size=48'];

interface Waiting {
  readonly patience: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (fault: Fault) => void;
}

export function startModuleProcess({ environment, patience, patienceAtStart }: ModuleProcessOptions): ModuleProcess {
  // Options meant for the parent, such as a debugger's port, are not for the child.
  const { NODE_OPTIONS: _, ...env } = environment;
  const child = fork(programPath(), [], { env, execArgv: flags, serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  // Calls under way hold the parent by their timer; an idle child does not.
  child.unref();
  child.channel?.unref();

  const waiting = new Map<number, Waiting>();
  let count = 0;
  let silence: NodeJS.Timeout | undefined;
  let cause: string | undefined;

  const watch = (): void => {
    clearTimeout(silence);
    // The one that came first is being answered.
    const [oldest] = waiting.values();
    silence = oldest === undefined ? undefined : setTimeout(() => kill(oldest.patience), oldest.patience);
  };
  const kill = (after: number): void => {
    cause = `gave no answer for ${after / 1000} s and was killed`;
    child.kill('SIGKILL');
  };
  const ended = new Promise<string>((resolve) => {
    const end = (said: string): void => {
      clearTimeout(silence);
      const what = cause ?? said;
      for (const { reject } of waiting.values()) reject(new Fault('unavailable', `the process of the PKCS#11 module ${what}`));
      waiting.clear();
      resolve(what);
    };
    child.once('error', (error) => end(`does not start (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`));
    child.once('exit', (code, signal) => end(signal === null ? `ended with code ${code}` : `ended by ${signal}`));
  });
  child.on('message', (reply: Reply) => {
    const found = waiting.get(reply.id);
    waiting.delete(reply.id);
    watch();
    if (found === undefined) return;
    if ('answer' in reply) found.resolve(reply.answer);
    else found.reject(new Fault(reply.code, reply.message, { fields: { lost: reply.lost, pinRefused: reply.pinRefused } }));
  });
  return {
    ended,
    ask: (name, question) =>
      new Promise((resolve, reject) => {
        const id = count++;
        const patient = name === 'begin' || name === 'login' ? patienceAtStart : patience;
        waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, patience: patient });
        if (silence === undefined) watch();
        // A channel that is closed already shows as the end of the process.
        if (child.connected) child.send({ id, name, question }, () => undefined);
        else if (child.exitCode !== null || child.signalCode !== null) {
          waiting.delete(id);
          watch();
          reject(new Fault('unavailable', 'the process of the PKCS#11 module has ended'));
        }
      }),
    end() {
      if (child.connected) child.disconnect();
      setTimeout(() => child.kill('SIGKILL'), grace).unref();
    },
  };
}

/** Beside the sources, or among the bundles: as a bundle this file is one of their parts. */
function programPath(): string {
  const candidates =
    process.env['CASEMATE_BUNDLED'] === '1' ? ['./pkcs11-module.js', '../pkcs11-module.js'] : ['../../programs/pkcs11-module.ts'];
  const found = candidates.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path));
  if (found === undefined) throw new Fault('internal', 'the program for PKCS#11 modules is missing from this installation');
  return found;
}
