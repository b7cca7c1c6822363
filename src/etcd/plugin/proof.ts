// A proof of the right key: bytes that it has sealed once, kept in every node's configuration, so that a node with another key shows at its start.

import { Fault } from '../../base/fault.ts';
import type { KeyBackend } from '../../keys/key-backend.ts';
import { unwrapV1, wrapV1 } from './v1-envelope.ts';

const sealedWords = Buffer.from('casemate: this node has the right key');

/** For `proof` of the configuration. Versions that the key gets later open it as well. */
export async function makeProof(backend: KeyBackend, signal: AbortSignal): Promise<string> {
  const { keyId, ciphertext, annotations } = await backend.seal(sealedWords, signal);
  return wrapV1({ keyId, ciphertext, annotations: new Map(Object.entries(annotations)) }).toString('base64');
}

/** Undefined, or the sentence for a key that did not seal it. Rejects with what the backend throws when it cannot say. */
export async function wrongKey(backend: KeyBackend, proof: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const sealed = unwrapV1(Buffer.from(proof, 'base64'));
    if (sealed === undefined) throw new Fault('corrupted', 'the proof is none');
    const words = await backend.open({ ...sealed, annotations: Object.fromEntries(sealed.annotations) }, signal);
    if (!sealedWords.equals(words)) throw new Fault('corrupted', 'the proof proves something else');
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault && isRefusal(thrown))) throw thrown;
    return `this node has another key than the proof in its configuration was made with (its own is ${backend.current().keyId || 'not known yet'})`;
  }
}

function isRefusal({ code }: Fault): boolean {
  return code === 'invalid-request' || code === 'corrupted' || code === 'not-found';
}
