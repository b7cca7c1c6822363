// One provider of an EncryptionConfiguration: a key that seals, further keys that only open, and the health that Status tells.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { KeyBackend, SealedBytes } from '../../keys/key-backend.ts';
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
  const quotedName = JSON.stringify(name);

  const opened = async (backend: KeyBackend, sealed: SealedBytes, signal: AbortSignal): Promise<Uint8Array> => {
    try {
      return await backend.open(sealed, signal);
    } catch (thrown) {
      metrics.backendFailed(name, backend.type, asFault(thrown).code);
      throw thrown;
    }
  };

  /** Put together by hand: an object for it would cost an unwrap as much as its cipher. */
  const auditLine = (keyId: string, { api, uid }: Unwrap, outcome: string, begun: number): string => {
    const duration = Math.round((clock.monotonic() - begun) * 1_000) / 1_000;
    const asked = `"api":"${api}","uid":${JSON.stringify(uid)},"key_id":${JSON.stringify(keyId)}`;
    return `{"time":"${time(clock.now())}","type":"unwrap","provider":${quotedName},${asked},"outcome":"${outcome}","duration_ms":${duration}}\n`;
  };

  const audited = async (keyId: string, call: Unwrap, work: Promise<Uint8Array>): Promise<Uint8Array> => {
    const begun = clock.monotonic();
    let outcome = 'ok';
    let plaintext: Uint8Array | undefined;
    let thrown: unknown;
    try {
      plaintext = await work;
    } catch (error) {
      thrown = error;
      outcome = asFault(error).code;
    }
    try {
      await parts.audit.append(auditLine(keyId, call, outcome, begun));
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
      let sealed: SealedBytes;
      try {
        sealed = await sealing.backend.seal(plaintext, signal);
      } catch (thrown) {
        metrics.backendFailed(name, sealing.backend.type, asFault(thrown).code);
        throw thrown;
      }
      const { keyId, ciphertext, annotations } = sealed;
      const fault = faultOfKeyId(keyId);
      if (fault !== undefined) throw new Fault('too-large', `the key backend names a key that KMS v2 cannot store: ${fault}`);
      return { keyId, ciphertext, annotations: new Map(Object.entries(annotations)) };
    },
    open(sealed, call, signal) {
      const given = {
        keyId: sealed.keyId,
        ciphertext: sealed.ciphertext,
        annotations: sealed.annotations.size === 0 ? noAnnotations : Object.fromEntries(sealed.annotations),
      };
      const work = keys.length === 1 ? opened(sealing.backend, given, signal) : openWithAny(keys, given, signal, opened);
      return audited(given.keyId, call, work);
    },
    openBare(cipher, call, signal) {
      const { keyId } = sealing.backend.current();
      return audited(keyId, call, opened(sealing.backend, { keyId, ciphertext: cipher, annotations: noAnnotations }, signal));
    },
  };
}

const noAnnotations: SealedBytes['annotations'] = {};

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
  sealed: SealedBytes,
  signal: AbortSignal,
  open: (backend: KeyBackend, sealed: SealedBytes, signal: AbortSignal) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const named = keys.filter(({ backend }) => backend.current().keyId === sealed.keyId);
  const others = keys.filter((key) => !named.includes(key));
  let refusal: unknown;
  for (const { backend } of [...named, ...others]) {
    try {
      return await open(backend, sealed, signal);
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
