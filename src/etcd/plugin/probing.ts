// A key of a provider under the prober's eyes: what Status says of it, and whether it is the right one.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { startProber } from '../../keys/prober.ts';
import { wrongKey } from './proof.ts';
import { orAborted, type ProviderKey } from './provider.ts';

export interface ProbedKey extends ProviderKey {
  /** Seconds since the last good probe; undefined before the first one. */
  sinceGood(): number | undefined;
  stop(): void;
}

export interface ProbingParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each failed probe. */
  readonly failed: (fault: Fault) => void;
  /** Milliseconds between two probes while they are good. */
  readonly every: number;
  /** Milliseconds that a key may be out of reach before that counts as a fault. */
  readonly unhealthyAfter: number;
  /** Milliseconds for one probe. */
  readonly deadline: number;
  /** What the key must open before it seals anything; see proof.ts. */
  readonly proof: string | undefined;
}

/** A holder that is away, as opposed to one that refuses. */
const passing: ReadonlySet<string> = new Set(['unavailable', 'timeout', 'rate-limited']);

/** Begins with a probe at once. */
export function probeKey(backend: KeyBackend, parts: ProbingParts): ProbedKey {
  const { clock, log, proof, unhealthyAfter } = parts;
  let isProven = proof === undefined;
  const probe = async (signal: AbortSignal): Promise<void> => {
    await backend.probe(signal);
    const wrong = isProven || proof === undefined ? undefined : await wrongKey(backend, proof, signal);
    if (wrong !== undefined) throw new Fault('permission-denied', wrong);
    isProven = true;
  };
  const prober = startProber(
    {
      ...backend,
      async probe(signal) {
        try {
          await orAborted(probe(signal), signal);
        } catch (thrown) {
          const fault = faultOfProbe(thrown, parts.deadline);
          parts.failed(fault);
          throw fault;
        }
      },
    },
    { clock, log, interval: parts.every, timeout: parts.deadline },
  );
  const reason = (): string => {
    const { fault } = prober.state();
    return fault === undefined ? '' : `: ${fault.message}`;
  };
  return {
    backend,
    sinceGood: () => prober.state().secondsSinceGood,
    stop: () => prober.close(),
    mayNotSeal: () => (isProven ? undefined : `it is not proven yet that this is the right key${reason()}`),
    fault() {
      const { secondsSinceGood: since, fault } = prober.state();
      if (since === undefined) return `the key has not answered yet${reason()}`;
      if (fault === undefined || (passing.has(fault.code) && since * 1_000 <= unhealthyAfter)) return undefined;
      return `the key has not answered for ${Math.round(since)} s${reason()}`;
    },
  };
}

/** Sentences of Faults are made to be read; those of other errors may hold anything. */
function faultOfProbe(thrown: unknown, deadline: number): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof Error && (thrown.name === 'TimeoutError' || thrown.name === 'AbortError'))
    return new Fault('timeout', `no answer within ${deadline} ms`);
  return new Fault('internal', 'the probe of the key failed by a fault of the program');
}
