// An EncryptionConfiguration of kube-apiserver as data: what is sealed with what, and what else opens it.

/** `apiserver.config.k8s.io/v1`, kind EncryptionConfiguration. */
export interface EncryptionConfig {
  readonly resources: readonly ResourceEntry[];
}

/** The first entry that names a resource counts for it. */
export interface ResourceEntry {
  /** `secrets`, `widgets.example.com`, `*.apps`, `*.` (the core group), `*.*`. */
  readonly resources: readonly string[];
  /** The first seals, all of them open. */
  readonly providers: readonly Provider[];
}

export type Provider = IdentityProvider | KeyProvider | KmsProvider;

export interface IdentityProvider {
  readonly type: 'identity';
}

export interface KeyProvider {
  readonly type: 'aescbc' | 'aesgcm' | 'secretbox';
  /** The first seals. `secret` is base64: of 16, 24 or 32 bytes, of 32 for secretbox. */
  readonly keys: readonly { readonly name: string; readonly secret: string }[];
}

export interface KmsProvider {
  readonly type: 'kms';
  readonly apiVersion: 'v1' | 'v2';
  readonly name: string;
  /** `unix:///…`. */
  readonly endpoint: string;
  /** As Go writes durations; `3s` by default. */
  readonly timeout?: string | undefined;
  /** v1 alone; 1000 by default. */
  readonly cachesize?: number | undefined;
}

/** As users write them on a command line and as tables show them. */
export type ProviderType = 'identity' | 'aescbc' | 'aesgcm' | 'secretbox' | 'kms-v1' | 'kms-v2';
