// What a configuration says of a key backend: one shape for each type, with secrets named by their place and read when they are used.

import type { SecretSource } from './secret-source.ts';

export type BackendDescription = HolderDescription | TwoLevelDescription;

/** Who holds the key. */
export type HolderDescription =
  | LocalDescription
  | TransitDescription
  | AwsDescription
  | AlicloudDescription
  | JdcloudDescription
  | Pkcs11Description;

/** A ring of keys in a file of this machine. */
export interface LocalDescription {
  readonly type: 'local';
  /** 0600. */
  readonly path: string;
  /** Where the ring was made with one. */
  readonly passphrase?: SecretSource | undefined;
}

/** A key of the transit engine of a Casemate, Vault or OpenBao server. */
export interface TransitDescription {
  readonly type: 'transit';
  /** `https://host:port` or `unix:///path`. */
  readonly address: string;
  readonly key: string;
  /** `transit` by default. */
  readonly mount?: string | undefined;
  readonly namespace?: string | undefined;
  readonly auth: TransitAuth;
  readonly tls?: TlsFiles | undefined;
  /** Tokens are not renewed: somebody else does that. */
  readonly disableRenewal?: boolean | undefined;
  readonly allowPlainHttp?: boolean | undefined;
}

export type TransitAuth =
  | { readonly kind: 'token'; readonly token: SecretSource }
  | {
      readonly kind: 'approle';
      readonly roleId: SecretSource;
      /** Left out for a role that asks for none. */
      readonly secretId?: SecretSource | undefined;
      /** `approle` by default. */
      readonly mount?: string | undefined;
    };

/** Paths of PEM files. */
export interface TlsFiles {
  readonly caCert?: string | undefined;
  readonly caPath?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
  readonly serverName?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

/** What the services of all clouds ask for. */
interface CloudAccount {
  readonly accessKey: SecretSource;
  readonly secretKey: SecretSource;
  readonly sessionToken?: SecretSource | undefined;
  readonly allowPlainHttp?: boolean | undefined;
}

/** AWS KMS. */
export interface AwsDescription extends CloudAccount {
  readonly type: 'aws';
  readonly region: string;
  /** Id, ARN or alias. */
  readonly key: string;
  /** In place of the region's own. */
  readonly endpoint?: string | undefined;
}

/** Alibaba Cloud KMS. */
export interface AlicloudDescription extends CloudAccount {
  readonly type: 'alicloud';
  readonly region: string;
  /** Id or alias. */
  readonly key: string;
  readonly endpoint?: string | undefined;
}

/** JD Cloud KMS. */
export interface JdcloudDescription extends CloudAccount {
  readonly type: 'jdcloud';
  readonly key: string;
  /** Without a path: `https://kms.jdcloud-api.com` by default. */
  readonly endpoint?: string | undefined;
}

/** An AES key in a token that has a PKCS#11 module. */
export interface Pkcs11Description {
  readonly type: 'pkcs11';
  /** Path of the module. */
  readonly lib: string;
  /** One of these two at least names the token. */
  readonly slot?: number | undefined;
  readonly tokenLabel?: string | undefined;
  readonly pin: SecretSource;
  /** One of these two at least names the key that seals. Keys of the same label open. */
  readonly keyLabel?: string | undefined;
  /** CKA_ID as hex. */
  readonly keyId?: string | undefined;
}

export type Cipher = 'aes-256-gcm' | 'sm4-gcm';

/** Keys made here, each wrapped by the holder's key and carried in the annotations of what it sealed. */
export interface TwoLevelDescription {
  readonly type: 'two-levels';
  readonly holder: HolderDescription;
  /** Of the keys made here; aes-256-gcm by default. */
  readonly cipher?: Cipher | undefined;
  /** Keys that were in use, kept on disk so that a start opens while the holder is away. Off by default. */
  readonly cache?: { readonly path: string; readonly ring: LocalDescription } | undefined;
}
