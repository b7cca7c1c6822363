// AES-GCM inside a token: with a nonce of ours where it takes one, with its own where it writes that back.

import { Fault } from '../../base/fault.ts';
import { nonceBytes, tagBytes } from '../../crypto/aead.ts';
import { answers, mechanisms, ofDamagedData, refusal } from './cryptoki.ts';
import { holding, numberCell, type Session, type Struct, structOf } from './module.ts';

export interface GcmSealed {
  readonly nonce: Buffer;
  /** With the tag at its end. */
  readonly ciphertext: Buffer;
}

export interface GcmPlain {
  readonly nonce: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly context: Uint8Array;
}

/** Throws Fault `permission-denied` for a key that may not, `unavailable` for any other refusal. */
export async function sealWith({ module, handle }: Session, key: bigint, { nonce, plaintext, context }: GcmPlain): Promise<GcmSealed> {
  // Its own copy: a token that makes its own nonces writes them there.
  const used = Buffer.from(nonce);
  const given = Buffer.from(plaintext);
  const ciphertext = Buffer.alloc(given.length + tagBytes);
  const length = numberCell(BigInt(ciphertext.length));
  const mechanism = gcm(used, Buffer.from(context));
  const answer = await holding(mechanism, async () => {
    const begun = await module.call('encryptInit', handle, mechanism, key);
    return begun === answers.OK ? module.call('encrypt', handle, given, given.length, ciphertext, length) : begun;
  });
  given.fill(0);
  if (answer !== answers.OK) throw refusal(answer, 'seal with AES-GCM');
  if (length.readBigUInt64LE() !== BigInt(ciphertext.length))
    throw new Fault('unavailable', 'the PKCS#11 module answered AES-GCM with another length than the standard says');
  return { nonce: used, ciphertext };
}

/** Undefined when the data is damaged, or was sealed by another key. */
export async function openWith(session: Session, key: bigint, sealed: GcmSealed, context: Uint8Array): Promise<Buffer | undefined> {
  const found = await decrypted(session, key, sealed, context);
  if (typeof found !== 'number') return found;
  if (ofDamagedData.has(found)) return undefined;
  // Modules differ in what they say of a wrong tag; a key that still works shows that it was the data.
  if (await works(session, key)) return undefined;
  throw refusal(found, 'open with AES-GCM');
}

/** The plaintext, or what the module answered in its place. */
async function decrypted(
  { module, handle }: Session,
  key: bigint,
  { nonce, ciphertext }: GcmSealed,
  context: Uint8Array,
): Promise<Buffer | number> {
  // As long as the ciphertext: some modules want room for the tag.
  const plaintext = Buffer.alloc(ciphertext.length);
  const length = numberCell(BigInt(plaintext.length));
  const mechanism = gcm(nonce, Buffer.from(context));
  const answer = await holding(mechanism, async () => {
    const begun = await module.call('decryptInit', handle, mechanism, key);
    return begun === answers.OK ? module.call('decrypt', handle, ciphertext, ciphertext.length, plaintext, length) : begun;
  });
  return answer === answers.OK ? plaintext.subarray(0, Number(length.readBigUInt64LE())) : answer;
}

/** Only ever beside the same bytes, so that its coming again tells nothing. */
const trialNonce = Buffer.concat([Buffer.alloc(nonceBytes - 1), Buffer.from([1])]);

async function works(session: Session, key: bigint): Promise<boolean> {
  const context = Buffer.from('casemate pkcs11 trial');
  try {
    const sealed = await sealWith(session, key, { nonce: trialNonce, plaintext: Buffer.alloc(16), context });
    return typeof (await decrypted(session, key, sealed, context)) !== 'number';
  } catch {
    return false;
  }
}

/** One block, for the name of a key; undefined where the token does not do it. */
export async function encryptBlock({ module, handle }: Session, key: bigint, block: Buffer): Promise<Buffer | undefined> {
  if ((await module.call('encryptInit', handle, structOf(mechanisms.aesEcb, null, 0), key)) !== answers.OK) return undefined;
  const encrypted = Buffer.alloc(block.length);
  const answer = await module.call('encrypt', handle, block, block.length, encrypted, numberCell(BigInt(encrypted.length)));
  return answer === answers.OK ? encrypted : undefined;
}

/** CK_MECHANISM with CK_GCM_PARAMS of version 2.40: nonce, its bytes and bits, associated data, bits of the tag. */
function gcm(nonce: Buffer, context: Buffer): Struct {
  const parameters = structOf(nonce, nonce.length, nonce.length * 8, context, context.length, tagBytes * 8);
  return structOf(mechanisms.aesGcm, parameters, parameters.bytes.length);
}
