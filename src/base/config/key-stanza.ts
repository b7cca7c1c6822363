// The stanza key "TYPE" of the KMS plugin: who holds the key, and where the secrets stand that he is asked with.

import { bool, type Kind, path, text, word } from './kind.ts';
import { quoted, refuse, type Section } from './section.ts';

/** Where a secret stands; one in the configuration itself hides in a function. */
export type SecretPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'text'; readonly reveal: () => string };

export interface LocalKey {
  readonly type: 'local';
  readonly path: string;
  readonly passphrase: SecretPlace | undefined;
}

export interface TransitKey {
  readonly type: 'transit';
  readonly address: string;
  readonly key: string;
  readonly mount: string | undefined;
  readonly namespace: string | undefined;
  readonly auth:
    | { readonly kind: 'token'; readonly token: SecretPlace }
    | {
        readonly kind: 'approle';
        readonly roleId: SecretPlace;
        readonly secretId: SecretPlace | undefined;
        readonly mount: string | undefined;
      };
  readonly tls: {
    readonly caCert: string | undefined;
    readonly caPath: string | undefined;
    readonly clientCert: string | undefined;
    readonly clientKey: string | undefined;
    readonly serverName: string | undefined;
    readonly skipVerify: boolean | undefined;
  };
  readonly disableRenewal: boolean | undefined;
  readonly allowPlainHttp: boolean | undefined;
}

interface CloudCredentials {
  readonly accessKey: SecretPlace;
  readonly secretKey: SecretPlace;
  readonly sessionToken: SecretPlace | undefined;
  readonly allowPlainHttp: boolean | undefined;
}

export interface RegionalKey extends CloudCredentials {
  readonly type: 'aws' | 'alicloud';
  readonly region: string;
  readonly key: string;
  readonly endpoint: string | undefined;
}

export interface JdcloudKey extends CloudCredentials {
  readonly type: 'jdcloud';
  readonly key: string;
  readonly endpoint: string | undefined;
}

export type HolderKey = LocalKey | TransitKey | RegionalKey | JdcloudKey;

export interface TwoLevelKey {
  readonly type: 'two-levels';
  readonly holder: HolderKey;
  readonly cipher: 'aes-256-gcm' | 'sm4-gcm' | undefined;
  readonly cache: { readonly path: string; readonly ring: LocalKey } | undefined;
}

export type KeyStanza = HolderKey | TwoLevelKey;

/** Throws Fault `usage` for a type that does not exist, or without what it needs. */
export function readKeyStanza(stanza: Section): KeyStanza {
  const holder = holderOf(stanza);
  const [levels, another] = stanza.stanzas('two_levels');
  if (another !== undefined) throw refuse(another.where, 'two_levels stands once in a key');
  const key = levels === undefined ? holder : twoLevels(holder, levels);
  stanza.warnOfRest();
  return key;
}

function holderOf(stanza: Section): HolderKey {
  const type = stanza.labels[0] ?? '';
  switch (type.toLowerCase()) {
    case 'local':
      return localKey(stanza);
    case 'transit':
      return transitKey(stanza);
    case 'aws':
      return regionalKey(stanza, 'aws');
    case 'alicloud':
      return regionalKey(stanza, 'alicloud');
    case 'jdcloud':
      return { type: 'jdcloud', key: needed(stanza, 'kms_key_id', text), ...cloudOf(stanza) };
    default:
      throw refuse(stanza.where, `a key of type ${quoted(type)} does not exist here; use local, transit, aws, alicloud or jdcloud`);
  }
}

function localKey(stanza: Section): LocalKey {
  return { type: 'local', path: needed(stanza, 'path', path), passphrase: stanza.read('passphrase', secretPlace) };
}

function transitKey(stanza: Section): TransitKey {
  return {
    type: 'transit',
    address: needed(stanza, 'address', text),
    key: needed(stanza, 'key_name', text),
    mount: stanza.read('mount_path', text),
    namespace: stanza.read('namespace', text),
    auth: transitAuth(stanza),
    tls: {
      caCert: stanza.read('tls_ca_cert', path),
      caPath: stanza.read('tls_ca_path', path),
      clientCert: stanza.read('tls_client_cert', path),
      clientKey: stanza.read('tls_client_key', path),
      serverName: stanza.read('tls_server_name', text),
      skipVerify: stanza.read('tls_skip_verify', bool),
    },
    disableRenewal: stanza.read('disable_renewal', bool),
    allowPlainHttp: stanza.read('allow_plain_http', bool),
  };
}

function transitAuth(stanza: Section): TransitKey['auth'] {
  const token = stanza.read('token', secretPlace);
  const roleId = stanza.read('role_id', secretPlace);
  if ((token === undefined) === (roleId === undefined))
    throw refuse(stanza.where, `${stanza.title} needs either token, or role_id with secret_id`);
  if (token !== undefined) return { kind: 'token', token };
  return {
    kind: 'approle',
    roleId: roleId as SecretPlace,
    secretId: stanza.read('secret_id', secretPlace),
    mount: stanza.read('approle_path', text),
  };
}

function regionalKey(stanza: Section, type: RegionalKey['type']): RegionalKey {
  return { type, region: needed(stanza, 'region', text), key: needed(stanza, 'kms_key_id', text), ...cloudOf(stanza) };
}

function cloudOf(stanza: Section): CloudCredentials & { readonly endpoint: string | undefined } {
  return {
    endpoint: stanza.read('endpoint', text),
    accessKey: needed(stanza, 'access_key', secretPlace),
    secretKey: needed(stanza, 'secret_key', secretPlace),
    sessionToken: stanza.read('session_token', secretPlace),
    allowPlainHttp: stanza.read('allow_plain_http', bool),
  };
}

const ciphers = word(new Map([...(['aes-256-gcm', 'sm4-gcm'] as const)].map((cipher) => [cipher, cipher] as const)));

function twoLevels(holder: HolderKey, stanza: Section): TwoLevelKey {
  const cacheFile = stanza.read('cache_file', path);
  const cacheKey = stanza.read('cache_key', path);
  const cachePassphrase = stanza.read('cache_passphrase', secretPlace);
  if ((cacheFile === undefined) !== (cacheKey === undefined))
    throw refuse(
      stanza.where,
      `${stanza.title} needs cache_file and cache_key together: the file of keys in use, and the ring that seals it`,
    );
  const cipher = stanza.read('cipher', ciphers);
  stanza.warnOfRest();
  const cache =
    cacheFile === undefined || cacheKey === undefined
      ? undefined
      : { path: cacheFile, ring: { type: 'local', path: cacheKey, passphrase: cachePassphrase } as const };
  return { type: 'two-levels', holder, cipher, cache };
}

export function needed<T>(stanza: Section, name: string, kind: Kind<T>): T {
  const value = stanza.read(name, kind);
  if (value === undefined) throw refuse(stanza.where, `${stanza.title} needs ${name}, ${kind.allowed}`);
  return value;
}

/** `file:///PATH` and `env://NAME` name a place, and anything else is the secret itself. */
export function placeOfSecret(typed: string): SecretPlace | undefined {
  if (typed.startsWith('file://')) return /^file:\/\/\/[^\0]+$/.test(typed) ? { kind: 'file', path: typed.slice(7) } : undefined;
  if (typed.startsWith('env://'))
    return /^env:\/\/[A-Za-z_][A-Za-z0-9_]*$/.test(typed) ? { kind: 'environment', name: typed.slice(6) } : undefined;
  return { kind: 'text', reveal: () => typed };
}

const secretPlace: Kind<SecretPlace> = {
  allowed: 'file:///PATH, env://NAME, or the secret itself',
  hidden: true,
  of: (value) => (value.kind === 'string' ? placeOfSecret(value.text.trim()) : undefined),
};
