// A token that is reached through a process of its own: started when it is needed, logged in to once, started again with a growing pause when it ended.

import { asFault, Fault } from '../../base/fault.ts';
import type { BackendParts } from '../backend-parts.ts';
import { readSecret, type SecretSource } from '../secret-source.ts';
import type { LoginGuard } from './login-guard.ts';
import type { Answer, CallName, Question, TokenChoice } from './messages.ts';
import { type ModuleProcess, startModuleProcess } from './process.ts';

export interface Pace {
  /** Milliseconds without an answer after which the module is taken to hang. */
  readonly patience: number;
  /** The same until the token is found and logged in to. */
  readonly patienceAtStart: number;
  /** Milliseconds of the first pause: before the third start in a row. Twice as many before each further one, up to `longest`. */
  readonly pause: number;
  readonly longest: number;
}

export const usualPace: Pace = { patience: 10_000, patienceAtStart: 30_000, pause: 1_000, longest: 30_000 };

export interface Connection {
  /**
   * Throws what the token says, Fault `unavailable` when the process ends under the call or is not to be started yet, and `timeout`
   * when the caller gives up.
   */
  ask<Name extends CallName>(name: Name, question: Question<Name>, signal: AbortSignal): Promise<Answer<Name>>;
  close(): void;
}

export interface ConnectionOptions {
  readonly choice: TokenChoice;
  readonly pin: SecretSource;
  readonly parts: Pick<BackendParts, 'clock' | 'log' | 'environment'>;
  readonly guard: LoginGuard;
  readonly pace: Pace;
}

export function connect({ choice, pin, parts: { clock, log, environment }, guard, pace }: ConnectionOptions): Connection {
  let open: Promise<ModuleProcess> | undefined;
  let closed = false;
  let failures = 0;
  /** On the monotonic clock. */
  let notBefore = 0;
  let last: Fault | undefined;

  const failed = (lived: number, fault: Fault): void => {
    if (lived >= pace.longest) failures = 0;
    failures += 1;
    last = fault;
    notBefore = clock.monotonic() + (failures === 1 ? 0 : Math.min(pace.pause * 2 ** Math.min(failures - 2, 20), pace.longest));
  };

  const begin = async (): Promise<ModuleProcess> => {
    const begun = clock.monotonic();
    const secret = readSecret(pin, environment, 'the PIN of the PKCS#11 token');
    const child = startModuleProcess({ environment: withoutPin(environment, pin), ...pace });
    let isReady = false;
    void child.ended.then((what) => {
      if (!isReady || closed || left.has(child)) return;
      open = undefined;
      failed(clock.monotonic() - begun, new Fault('unavailable', `the process of the PKCS#11 module ${what}`));
      log.warn('the process of the PKCS#11 module has ended; the next call starts another one', { end: what });
    });
    try {
      await child.ask('begin', choice);
      const { lib, slot, tokenLabel } = choice;
      await guard.attempt(JSON.stringify([lib, slot, tokenLabel]), secret, () => child.ask('login', { pin: secret }), isPinRefused);
      isReady = true;
      return child;
    } catch (thrown) {
      child.end();
      throw thrown;
    }
  };
  /** Processes that were given up: their end is no news. */
  const left = new WeakSet<ModuleProcess>();

  const opened = (): Promise<ModuleProcess> => {
    if (closed) throw new Fault('unavailable', 'the PKCS#11 backend was closed');
    if (open !== undefined) return open;
    if (last !== undefined && clock.monotonic() < notBefore) throw new Fault(last.code, last.message);
    const attempt = begin().catch((thrown: unknown) => {
      const fault = asFault(thrown);
      if (open === attempt) open = undefined;
      failed(0, fault);
      throw fault;
    });
    open = attempt;
    return attempt;
  };

  const leave = (used: Promise<ModuleProcess>, child: ModuleProcess): void => {
    left.add(child);
    child.end();
    if (open === used) open = undefined;
  };

  const attempt = async <Name extends CallName>(name: Name, question: Question<Name>, again: boolean): Promise<Answer<Name>> => {
    const used = opened();
    const child = await used;
    try {
      return await child.ask(name, question);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.fields?.['lost'] !== true) throw thrown;
      // The token was taken out, or its HSM began anew: a new session may work at once, and this one never will.
      leave(used, child);
      log.warn('the session with the PKCS#11 token was lost; another one is opened', { error: thrown });
      if (!again) throw thrown;
      return attempt(name, question, false);
    }
  };

  return {
    async ask(name, question, signal) {
      return orAborted(attempt(name, question, true), signal);
    },
    close() {
      closed = true;
      open?.then(
        (child) => child.end(),
        () => undefined,
      );
      open = undefined;
    },
  };
}

function isPinRefused(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fields?.['pinRefused'] === true;
}

function withoutPin(environment: BackendParts['environment'], pin: SecretSource): BackendParts['environment'] {
  if (pin.kind !== 'environment') return environment;
  const { [pin.name]: _, ...rest } = environment;
  return rest;
}

/** The work goes on for whoever else waits for it. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(new Fault('timeout', 'the PKCS#11 token has not answered in time', { cause: signal.reason }));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}
