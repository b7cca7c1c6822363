// Keeps a key backend's state fresh: probes it now and then, sooner after a failure, and tells since when it has not been well.

import type { Clock } from '../base/clock.ts';
import { asFault, type Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { BackendState, KeyBackend } from './key-backend.ts';

export interface ProbeState extends BackendState {
  /** Since the last probe that went well; undefined before the first one. */
  readonly secondsSinceGood: number | undefined;
  /** Why the last probe failed. */
  readonly fault: Fault | undefined;
}

export interface Prober {
  /** Answers from memory. */
  state(): ProbeState;
  /** The first probe has ended, well or not. */
  readonly first: Promise<void>;
  /** One more, at once: for a call that failed, or on SIGHUP. Joins the one under way. */
  probeNow(): Promise<void>;
  /** Ends the probing; the backend stays open. */
  close(): void;
}

export interface ProberOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds from one good probe to the next; 30,000 by default. */
  readonly interval?: number | undefined;
  /** Milliseconds for one probe; 10,000 by default. */
  readonly timeout?: number | undefined;
  /** Milliseconds after the first failure; twice as many after each further one, up to the interval. 1,000 by default. */
  readonly backoff?: number | undefined;
}

/** Begins at once. */
export function startProber(
  backend: KeyBackend,
  { clock, log, interval = 30_000, timeout = 10_000, backoff = 1000 }: ProberOptions,
): Prober {
  let lastGood: number | undefined;
  let fault: Fault | undefined;
  let failures = 0;
  let keyId = backend.current().keyId;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  const ending = new AbortController();

  const succeeded = (): void => {
    lastGood = clock.monotonic();
    if (fault !== undefined) log.info('the key backend is well again', { backend: backend.type, failures });
    fault = undefined;
    failures = 0;
    const found = backend.current().keyId;
    if (found !== keyId) log.info('the key backend has another key to seal with', { backend: backend.type, keyId: found, before: keyId });
    keyId = found;
  };
  const failed = (thrown: unknown): void => {
    const before = fault;
    fault = asFault(thrown);
    failures += 1;
    // Once for each kind of trouble, not at each probe.
    if (before?.code !== fault.code) log.warn('the key backend is not well', { backend: backend.type, error: fault });
  };
  const probe = async (): Promise<void> => {
    clearTimeout(timer);
    try {
      await backend.probe(AbortSignal.any([ending.signal, AbortSignal.timeout(timeout)]));
      if (!ending.signal.aborted) succeeded();
    } catch (thrown) {
      if (!ending.signal.aborted) failed(thrown);
    }
    if (ending.signal.aborted) return;
    timer = setTimeout(() => void probeOnce(), pause());
    timer.unref();
  };
  const probeOnce = (): Promise<void> => {
    underWay ??= probe().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  /** A tenth more or less, so that the nodes of a cluster do not all ask at once. */
  const pause = (): number => {
    const base = failures === 0 ? interval : Math.min(backoff * 2 ** Math.min(failures - 1, 20), interval);
    return base * (0.9 + Math.random() * 0.2);
  };
  return {
    state: () => ({
      ...backend.current(),
      secondsSinceGood: lastGood === undefined ? undefined : (clock.monotonic() - lastGood) / 1000,
      fault,
    }),
    first: probeOnce(),
    probeNow: probeOnce,
    close() {
      clearTimeout(timer);
      ending.abort(new Error('the prober was ended'));
    },
  };
}
