// One provider of an EncryptionConfiguration: a key that seals, further keys that only open, and the health that Status tells.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import type { AuditTrail } from './audit-trail.ts';
import type { SealedParts } from './limits.ts';
import { faultOfKeyId } from './limits.ts';
import type { PluginMetrics } from './metrics.ts';

export interface Provider {
  readonly name: string;
  /** From memory. `healthz` is `ok`, or a sentence that kube-apiserver logs. */
  status(): { readonly healthz: string; readonly keyId: string };
  seal(plaintext: Buffer, signal: AbortSignal): Promise<SealedParts>;
  /** Writes its audit line before it resolves, whatever came of it. */
  open(sealed: SealedParts, call: Unwrap, signal: AbortSignal): Promise<Uint8Array>;
  /** Of a ciphertext that names no key: with the key that seals. */
  openBare(cipher: Buffer, call: Unwrap, signal: AbortSignal): Promise<Uint8Array>;
}

export interface Unwrap {
  readonly api: 'v2' | 'v1';
  /** kube-apiserver's name for the call; empty in v1. */
  readonly uid: string;
}

/** A key of the provider, and what its probes have found. */
export interface ProviderKey {
  readonly backend: KeyBackend;
  /** undefined, or a sentence for how long it has not answered, and why. */
  fault(): string | undefined;
  /** undefined, or why nothing is sealed with it. */
  mayNotSeal(): string | undefined;
}

export interface ProviderParts {
  readonly name: string;
  /** The first seals. */
  readonly keys: readonly [ProviderKey, ...ProviderKey[]];
  readonly clock: Clock;
  readonly metrics: PluginMetrics;
  readonly audit: AuditTrail;
  /** Whether an unwrap fails when its audit line cannot be written. */
  readonly auditRequired: boolean;
  /** Told of audit lines that could not be written where that is allowed. */
  readonly auditFailed: (fault: Fault) => void;
}

export function createProvider(parts: ProviderParts): Provider {
  const { name, keys, metrics, clock } = parts;
  const [sealing] = keys;
  const time = isoTimes();

  const asked = async <T>(backend: KeyBackend, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (thrown) {
      metrics.backendFailed(name, backend.type, asFault(thrown).code);
      throw thrown;
    }
  };

  const audited = async (sealed: SealedParts, call: Unwrap, work: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const begun = clock.monotonic();
    let outcome = 'ok';
    let plaintext: Uint8Array | undefined;
    let thrown: unknown;
    try {
      plaintext = await work();
    } catch (error) {
      thrown = error;
      outcome = asFault(error).code;
    }
    const duration = Math.round((clock.monotonic() - begun) * 1_000) / 1_000;
    const line = {
      time: time(clock.now()),
      type: 'unwrap',
      provider: name,
      api: call.api,
      uid: call.uid,
      key_id: sealed.keyId,
      outcome,
      duration_ms: duration,
    };
    try {
      await parts.audit.append(`${JSON.stringify(line)}\n`);
    } catch (error) {
      if (parts.auditRequired) throw error;
      parts.auditFailed(asFault(error));
    }
    if (plaintext === undefined) throw thrown;
    return plaintext;
  };

  return {
    name,
    status() {
      const { keyId } = sealing.backend.current();
      return { keyId, healthz: sealing.fault() ?? sealing.mayNotSeal() ?? 'ok' };
    },
    async seal(plaintext, signal) {
      const wrong = sealing.mayNotSeal();
      if (wrong !== undefined) throw new Fault('unavailable', wrong);
      const { keyId, ciphertext, annotations } = await asked(sealing.backend, sealing.backend.seal(plaintext, signal));
      const fault = faultOfKeyId(keyId);
      if (fault !== undefined) throw new Fault('too-large', `the key backend names a key that KMS v2 cannot store: ${fault}`);
      return { keyId, ciphertext, annotations: new Map(Object.entries(annotations)) };
    },
    open: (sealed, call, signal) =>
      audited(sealed, call, () => openWithAny(keys, sealed, (backend, given) => asked(backend, backend.open(given, signal)))),
    openBare(cipher, call, signal) {
      const sealed = { keyId: sealing.backend.current().keyId, ciphertext: cipher, annotations: new Map<string, Uint8Array>() };
      return audited(sealed, call, () => asked(sealing.backend, sealing.backend.open({ ...sealed, annotations: {} }, signal)));
    },
  };
}

/** Many lines are of one millisecond, and its text costs as much as the rest of a line. */
function isoTimes(): (now: number) => string {
  let [latest, text] = [Number.NaN, ''];
  return (now) => {
    if (now !== latest) [latest, text] = [now, new Date(now).toISOString()];
    return text;
  };
}

/** The key that names the id first, then the others: ids of older versions are known to their backend alone. */
async function openWithAny(
  keys: ProviderParts['keys'],
  { keyId, ciphertext, annotations }: SealedParts,
  open: (backend: KeyBackend, sealed: Parameters<KeyBackend['open']>[0]) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const sealed = { keyId, ciphertext, annotations: Object.fromEntries(annotations) };
  const [only] = keys;
  if (keys.length === 1) return open(only.backend, sealed);
  const named = keys.filter(({ backend }) => backend.current().keyId === keyId);
  const others = keys.filter((key) => !named.includes(key));
  let refusal: unknown;
  for (const { backend } of [...named, ...others]) {
    try {
      return await open(backend, sealed);
    } catch (thrown) {
      // The backend that may hold the key counts before one that does not know it.
      if (refusal === undefined || isForeign(refusal)) refusal = thrown;
    }
  }
  throw refusal;
}

function isForeign(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === 'invalid-request';
}

/** A backend that does not look at its signal holds up nobody but itself. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
