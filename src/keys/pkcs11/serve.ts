// The side of the process that holds a PKCS#11 module: answers one question after the other, from a token that it has found and logged in to.

import { asFault, Fault } from '../../base/fault.ts';
import { type GcmSealed, openWith, sealWith } from './gcm.ts';
import type { Answer, CallName, Calls, CurrentKey, Question, Reply, Request, TokenChoice } from './messages.ts';
import { loadModule } from './module.ts';
import { keysOf, login, openSession, type TokenKey, type TokenSession } from './token.ts';

type Desk = { readonly [Name in CallName]: (question: Question<Name>) => Promise<Answer<Name>> };

export interface ModuleDesk {
  /** One at a time, in the order in which they came. */
  answer(request: Request): Promise<Reply>;
  /** Logs out and ends the module, behind all that was asked before. */
  end(): Promise<void>;
}

export function openDesk(): ModuleDesk {
  let held: Held | undefined;
  const session = (): Held => {
    if (held === undefined) throw new Fault('unavailable', 'the PKCS#11 module has not been loaded');
    return held;
  };
  const desk: Desk = {
    async begin(choice) {
      const module = await loadModule(choice.lib);
      held = { choice, session: await openSession(module, choice), keys: [] };
      return undefined;
    },
    async login({ pin }) {
      await login(session().session, pin);
      return undefined;
    },
    async current() {
      const found = session();
      found.keys = await keysOf(found.session, found.choice);
      return currentOf(found);
    },
    async seal(sealing) {
      const found = session();
      const key = await keyNamed(found, sealing.fingerprint);
      if (key === undefined) throw new Fault('not-found', 'the token no longer has the key that should seal');
      return sealWith(found.session, key.handle, sealing);
    },
    open: ({ fingerprint, context, nonce, ciphertext }) =>
      openAs(session(), fingerprint, { nonce: Buffer.from(nonce), ciphertext: Buffer.from(ciphertext) }, context),
  };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    async answer({ id, name, question }) {
      try {
        return { id, answer: await inTurn(() => (desk[name] as (given: Calls[CallName][0]) => Promise<unknown>)(question)) };
      } catch (thrown) {
        const { code, message, fields } = asFault(thrown);
        return { id, code, message, lost: fields?.['lost'] === true, pinRefused: fields?.['pinRefused'] === true };
      }
    },
    end: () =>
      inTurn(async () => {
        if (held === undefined) return;
        const { module, handle } = held.session;
        await module.call('logout', handle);
        await module.call('finalize', null);
      }),
  };
}

interface Held {
  readonly choice: TokenChoice;
  readonly session: TokenSession;
  keys: readonly TokenKey[];
}

function currentOf({ keys, choice: { keyLabel, keyId }, session }: Held): CurrentKey {
  const wanted = [
    keyLabel === undefined ? '' : ` labelled ${JSON.stringify(keyLabel)}`,
    keyId === undefined ? '' : ` with the id 0x${keyId}`,
  ];
  const fit = keys.filter(({ id }) => keyId === undefined || id === keyId);
  const [key, another] = fit;
  if (key === undefined)
    throw new Fault(
      'not-found',
      `the token ${JSON.stringify(session.token.label)} has no AES key${wanted.join('')} that this user may see: make it, or name another`,
    );
  if (another !== undefined)
    throw new Fault(
      'usage',
      `the token has ${fit.length} AES keys${wanted.join('')}${keyId === undefined ? ` (ids ${fit.map(({ id }) => `0x${id}`).join(', ')})` : ''}: name the one that seals with key_id`,
    );
  if (!(key.encrypts && key.decrypts))
    throw new Fault(
      'permission-denied',
      `the key${wanted.join('')} may not ${key.encrypts ? 'decrypt' : 'encrypt'} (CKA_${key.encrypts ? 'DECRYPT' : 'ENCRYPT'} is false)`,
    );
  if (key.fingerprint === undefined)
    throw new Fault(
      'permission-denied',
      `the token lets the key${wanted.join('')} do nothing that would give it a name: AES-GCM is needed`,
    );
  return { label: key.label, fingerprint: key.fingerprint };
}

/** Looks at the token anew for one that it does not know. */
async function keyNamed(held: Held, fingerprint: string): Promise<TokenKey | undefined> {
  const known = held.keys.find((key) => key.fingerprint === fingerprint);
  if (known !== undefined) return known;
  held.keys = await keysOf(held.session, held.choice);
  return held.keys.find((key) => key.fingerprint === fingerprint);
}

async function openAs(held: Held, fingerprint: string, sealed: GcmSealed, context: Uint8Array): Promise<Uint8Array> {
  const key = await keyNamed(held, fingerprint);
  if (key !== undefined) {
    const plaintext = await openWith(held.session, key.handle, sealed, context);
    if (plaintext === undefined) throw new Fault('corrupted', 'the sealed data is damaged');
    return plaintext;
  }
  // Retired keys that may only open have no name; what one of them opens was sealed by it.
  for (const retired of held.keys.filter((one) => one.fingerprint === undefined && one.decrypts)) {
    const plaintext = await openWith(held.session, retired.handle, sealed, context).catch(() => undefined);
    if (plaintext !== undefined) return plaintext;
  }
  throw new Fault('invalid-request', 'the data was sealed with a key that the token does not have under this label');
}
