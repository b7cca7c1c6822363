// Unseals a server with its key backend at the start; while that one is away the server listens, sealed, and tries again.

import { Fault, type FaultCode } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { SecretsServer } from '../../secrets/server.ts';

/** What time or an operator elsewhere can mend; anything else ends the start. */
const passing: ReadonlySet<FaultCode> = new Set(['unavailable', 'timeout', 'permission-denied']);

export interface UnsealingPace {
  /** Milliseconds for one try. */
  readonly patience: number;
  /** Milliseconds until the second try; twice as many after each further one, up to `longest`. */
  readonly pause: number;
  readonly longest: number;
}

const usual: UnsealingPace = { patience: 15_000, pause: 1000, longest: 30_000 };

/**
 * A server with shares, or one that is not initialised yet, waits for people. Throws Faults that trying again would not mend.
 * `ended` stops the trying.
 */
export async function unsealOrKeepTrying(
  server: Pick<SecretsServer, 'unsealWithBackend'>,
  log: Log,
  ended: AbortSignal,
  pace: UnsealingPace = usual,
): Promise<void> {
  const attempt = () => server.unsealWithBackend(AbortSignal.any([ended, AbortSignal.timeout(pace.patience)]));
  try {
    await attempt();
  } catch (thrown) {
    if (!isPassing(thrown)) throw thrown;
    log.warn('the key backend does not open the root key: the server starts sealed, and tries again', { error: thrown });
    again(attempt, log, ended, pace, pace.pause);
  }
}

function again(attempt: () => Promise<boolean>, log: Log, ended: AbortSignal, pace: UnsealingPace, pause: number): void {
  const timer = setTimeout(async () => {
    try {
      await attempt();
    } catch (error) {
      if (ended.aborted) return;
      if (isPassing(error)) {
        log.debug('the key backend still does not open the root key', { error });
        again(attempt, log, ended, pace, Math.min(pause * 2, pace.longest));
      } else log.error('the server stays sealed: its key backend cannot unseal it', { error });
    }
  }, pause);
  timer.unref();
  ended.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

function isPassing(thrown: unknown): boolean {
  return thrown instanceof Fault && passing.has(thrown.code);
}
