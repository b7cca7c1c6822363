// The interface of whoever holds a key that the server may use but not see: kube-apiserver plugin, auto-unseal and etcd manager share it.

export interface BackendState {
  /** Names key and version; the same on all nodes, and never used again for another key. */
  readonly keyId: string;
  readonly healthy: boolean;
}

export interface SealedBytes {
  readonly keyId: string;
  readonly ciphertext: Uint8Array;
  /** What the backend needs to open it again. The shape of Kubernetes' KMS v2. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

export interface KeyBackend {
  /** As `seal-status` names it. */
  readonly type: string;
  /** Answers from memory. */
  current(): BackendState;
  /** Throws Fault `unavailable` when the backend cannot be reached. */
  seal(plaintext: Uint8Array, signal: AbortSignal): Promise<SealedBytes>;
  /** Throws Fault `invalid-request` for bytes of a key that the backend does not hold, `corrupted` for damaged ones. */
  open(sealed: SealedBytes, signal: AbortSignal): Promise<Uint8Array>;
}
