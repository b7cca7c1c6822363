// Opens what kube-apiserver sealed with a key of its configuration, so that "this key opens it" is proved and not guessed.

import { cbcBlockBytes, openAesCbc, openAesGcm } from '../../crypto/aes-of-any-size.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import { openSecretbox, secretboxNonceBytes } from '../../crypto/secretbox.ts';
import type { KeyProvider } from '../config/encryption-config.ts';

export type KeyType = KeyProvider['type'];

const gcmNonceBytes = 12;

/**
 * Nonce or initialisation vector, then what was sealed (k8s.io/apiserver, pkg/storage/value/encrypt). `sealed` begins behind the
 * prefix that names the key. Under AES-GCM the whole key in etcd is part of it: moved to another place, it opens no more.
 */
const openers: Readonly<Record<KeyType, (key: KeyObject, sealed: Buffer, etcdKey: Buffer) => Buffer | undefined>> = {
  aescbc: (key, sealed) => openAesCbc(key, sealed.subarray(0, cbcBlockBytes), sealed.subarray(cbcBlockBytes)),
  aesgcm: (key, sealed, etcdKey) => openAesGcm(key, sealed.subarray(0, gcmNonceBytes), sealed.subarray(gcmNonceBytes), etcdKey),
  secretbox: (key, sealed) => openSecretbox(key, sealed.subarray(0, secretboxNonceBytes), sealed.subarray(secretboxNonceBytes)),
};

/** Whether this very key sealed it. What was opened is wiped at once. */
export function opensWith(type: KeyType, key: KeyObject, sealed: Buffer, etcdKey: Buffer): boolean {
  const plaintext = openers[type](key, sealed, etcdKey);
  if (plaintext === undefined) return false;
  const isObject = looksLikeObject(plaintext);
  plaintext.fill(0);
  return isObject;
}

/**
 * How kube-apiserver begins what it stores: Protocol Buffers (apimachinery, runtime/serializer/protobuf), CBOR (RFC 8949, 3.4.6) or
 * JSON. One wrong key in 256 leaves a padding of AES-CBC that fits; that the object begins right as well is none in 40,000.
 */
function looksLikeObject(bytes: Buffer): boolean {
  return begins.some((begin) => bytes.subarray(0, begin.length).equals(begin));
}

const begins = [Buffer.from('k8s\0'), Buffer.from([0xd9, 0xd9, 0xf7]), Buffer.from('{"')];
