// The interface of whoever holds a key that the server may use but not see: kube-apiserver plugin, auto-unseal and etcd manager share it.

export interface BackendState {
  /**
   * Names key and version; the same on all nodes, and never used again for another key. At most 1,024 bytes, and public.
   * Empty until the holder of the key has been reached for the first time.
   */
  readonly keyId: string;
  /** What the last probe found. */
  readonly healthy: boolean;
}

export interface SealedBytes {
  readonly keyId: string;
  /** At most 1,024 bytes for a plaintext of 64. */
  readonly ciphertext: Uint8Array;
  /** What the backend needs to open it again, by fully qualified domain names; 32 KiB at most. The shape of Kubernetes' KMS v2. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/**
 * Where a holder is asked over a network, every call throws Fault `unavailable` or `timeout` when it cannot be reached or turns
 * the caller away until later, and `permission-denied` when it does not know the caller, or refuses him the key.
 */
export interface KeyBackend {
  /** As `seal-status` names it. */
  readonly type: string;
  /** Answers from memory. */
  current(): BackendState;
  /** Under the key that `current` names; under a newer one, which `current` names from then on, when the holder no longer takes that one. */
  seal(plaintext: Uint8Array, signal: AbortSignal): Promise<SealedBytes>;
  /**
   * Throws Fault `invalid-request` for bytes of a key that the backend does not hold, `corrupted` for damaged ones; where the
   * bytes do not tell their key, either.
   */
  open(sealed: SealedBytes, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Asks the holder for its newest key, and proves with it that sealing and opening work: `current` tells from then on what came of
   * it. The name of the key stays when it fails.
   */
  probe(signal: AbortSignal): Promise<void>;
  /** Ends connections and forgets keys; calls afterwards fail. */
  close(): void;
}
