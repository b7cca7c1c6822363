// Handlers of hmac/ and verify/: keyed digests with the key of a version that serves nothing else.

import type { transit } from '../../../api/transit.ts';
import { Fault } from '../../../base/fault.ts';
import { equalSecrets } from '../../../crypto/equal.ts';
import { type Hmac, hmacOf } from '../../../crypto/hmac.ts';
import { wipe } from '../../../crypto/wipe.ts';
import type { Answer, Handlers } from '../../core/engine.ts';
import { decodeBase64 } from './base64.ts';
import { type Item, parseItems, workThrough } from './batch.ts';
import { parseFrame } from './ciphertext.ts';
import type { Key } from './key-record.ts';
import type { KeyVersion } from './key-types/key-type.ts';
import type { Keyring } from './keyring.ts';

interface HmacInput {
  readonly name?: string | undefined;
  readonly urlalgorithm?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly input?: string | undefined;
  readonly key_version?: number | undefined;
  readonly batch_input?: unknown;
}

interface VerifyInput extends HmacInput {
  readonly hmac?: string | undefined;
  readonly signature?: string | undefined;
  readonly hash_algorithm?: string | undefined;
}

type Made = { readonly hmac: string } | { readonly error: string };
type Verified = { readonly valid: boolean } | { readonly error: string };

const defaultAlgorithm = 'sha2-256';

export function hmacHandlers(
  keyring: Keyring,
): Pick<Handlers<typeof transit>, 'hmac' | 'hmacWith' | 'sign' | 'signWith' | 'verify' | 'verifyWith'> {
  const hmac = async ({ name = '', ...input }: HmacInput): Promise<Answer> => {
    const key = await keyring.findToSeal(name);
    if (key === undefined) throw refusal('encryption key not found');
    const version = makingVersion(key, input.key_version ?? 0);
    const algorithm = input.urlalgorithm ?? (input.algorithm || defaultAlgorithm);
    const digest = hmacOf(algorithm);
    if (digest === undefined) throw refusal(`unsupported algorithm ${algorithm}`);
    const make = (text: string | null | undefined): { readonly hmac: string } => {
      if (text == null) throw refusal('missing input for HMAC');
      return { hmac: version.prefix + digestOf(digest, version, text).toString('base64') };
    };
    if (input.batch_input == null) return { data: make(input.input) };
    const failed = (error: string): Made => ({ error });
    const { results } = await workThrough<Made>(parseItems(input.batch_input), (item) => make(item.input), failed);
    return { data: { batch_results: results } };
  };

  const verify = async ({ name = '', ...input }: VerifyInput): Promise<Answer> => {
    const items = input.batch_input == null ? undefined : parseItems(input.batch_input);
    const proof = items === undefined ? soleProof(input) : commonProof(items);
    const key = await keyring.find(name);
    if (proof === 'signature') throw unverifiable(key);
    if (key === undefined) throw refusal('encryption key not found');
    const algorithm = input.urlalgorithm ?? (input.hash_algorithm || input.algorithm || defaultAlgorithm);
    const digest = hmacOf(algorithm);
    if (digest === undefined) throw refusal(`invalid hash algorithm ${JSON.stringify(algorithm)}`);
    const check = ({ input: text, hmac: claimed }: Item): { readonly valid: boolean } => {
      if (text == null) throw refusal('missing input');
      return { valid: isDigest(key, digest, text, claimed ?? '') };
    };
    if (items === undefined) return { data: check({ input: input.input ?? '', hmac: input.hmac ?? '' }) };
    const failed = (error: string): Verified => ({ error });
    const { results } = await workThrough<Verified>(items, check, failed);
    return { data: { batch_results: results } };
  };

  const sign = async ({ name = '' }: HmacInput): Promise<never> => {
    const key = await keyring.find(name);
    throw refusal(key === undefined ? 'signing key not found' : `key type ${key.type.name} does not support signing`);
  };

  return {
    hmac: { write: hmac },
    hmacWith: { write: hmac },
    sign: { write: sign },
    signWith: { write: sign },
    verify: { write: verify },
    verifyWith: { write: verify },
  };
}

function refusal(message: string): Fault {
  return new Fault('invalid-request', message);
}

function unverifiable(key: Key | undefined): Fault {
  return refusal(key === undefined ? 'signature verification key not found' : `key type ${key.type.name} does not support verification`);
}

/** Throws Fault `invalid-request` for a version that may make no new digests. */
function makingVersion({ settings, newest, versions }: Key, wanted: number): KeyVersion {
  if (wanted === 0 || wanted === newest.number) return newest;
  if (settings.minEncryption > 0 && wanted < settings.minEncryption)
    throw refusal('cannot generate HMAC: version is too old (disallowed by policy)');
  if (wanted < 0) throw refusal('key version does not exist (cannot be negative)');
  if (wanted > newest.number) throw refusal(`key version does not exist; latest key version is ${newest.number}`);
  const version = versions.get(wanted);
  if (version === undefined) throw refusal('no such key version');
  return version;
}

function digestOf(digest: Hmac, { hmacKey }: KeyVersion, text: string): Buffer {
  const bytes = decodeBase64(text, 'unable to decode input as base64: ');
  const made = digest(hmacKey, bytes);
  wipe(bytes);
  return made;
}

/** Throws Fault `invalid-request` where there is nothing to compare with. */
function isDigest({ newest, versions }: Key, digest: Hmac, text: string, claimed: string): boolean {
  const { version: number, at } = parseFrame(claimed, 'HMAC');
  const bytes = decodeBase64(claimed.slice(at), 'unable to decode verification HMAC as base64: ');
  if (number > newest.number) throw refusal('invalid HMAC: version is too new');
  const version = versions.get(number);
  if (version === undefined) throw refusal('cannot verify HMAC: version is too old (disallowed by policy)');
  return equalSecrets(digestOf(digest, version, text), bytes);
}

type Proof = 'hmac' | 'signature';

function soleProof({ hmac, signature }: VerifyInput): Proof {
  if (hmac !== undefined && signature !== undefined) throw refusal("provide one of 'signature' or 'hmac'");
  if (hmac === undefined && signature === undefined) throw refusal("neither a 'signature' nor an 'hmac' were given to verify");
  return hmac === undefined ? 'signature' : 'hmac';
}

function commonProof(items: readonly Item[]): Proof {
  const signatures = items.filter(({ signature }) => signature != null).length;
  const digests = items.filter(({ signature, hmac }) => signature == null && hmac != null).length;
  if (signatures > 0 && digests > 0) throw refusal("elements of batch_input must all provide 'signature' or all provide 'hmac'");
  if (signatures + digests === 0) throw refusal("no batch_input elements have 'signature' or 'hmac'");
  const proof = signatures > 0 ? 'signature' : 'hmac';
  if (signatures + digests < items.length) throw refusal(`some elements of batch_input are missing '${proof}'`);
  return proof;
}
