// One token of a PKCS#11 module: finding it, logging in, and its keys by their label, each with a fingerprint that names it for ever.

import { Fault } from '../../base/fault.ts';
import { nonceBytes } from '../../crypto/aead.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import {
  answers,
  attributes,
  classSecretKey,
  keyTypeAes,
  nameOfAnswer,
  ofRefusedPin,
  refusal,
  sessionFlags,
  tokenFlags,
  userNormal,
} from './cryptoki.ts';
import { encryptBlock, sealWith } from './gcm.ts';
import type { TokenChoice } from './messages.ts';
import { arrayOf, type Module, numberCell, type Session, type Struct, structOf } from './module.ts';

export interface TokenInfo {
  readonly slot: bigint;
  readonly label: string;
  readonly serial: string;
  readonly flags: bigint;
}

export interface TokenSession extends Session {
  readonly token: TokenInfo;
}

export interface TokenKey {
  readonly handle: bigint;
  readonly label: string;
  /** Hex. */
  readonly id: string;
  readonly encrypts: boolean;
  readonly decrypts: boolean;
  /** Undefined for a key that may only open: nothing can be asked of it that would tell it from others. */
  readonly fingerprint: string | undefined;
}

/** Throws Fault `unavailable` when the token is not there, `usage` when several are meant. */
export async function openSession(module: Module, { slot, tokenLabel }: TokenChoice): Promise<TokenSession> {
  const all = await tokensOf(module);
  const fit = all.filter(
    (token) => (slot === undefined || token.slot === BigInt(slot)) && (tokenLabel === undefined || token.label === tokenLabel),
  );
  const wanted = [slot === undefined ? '' : ` in slot ${slot}`, tokenLabel === undefined ? '' : ` labelled ${JSON.stringify(tokenLabel)}`];
  const [token, another] = fit;
  if (token === undefined) {
    const there = all.map(({ label, slot: at }) => `${JSON.stringify(label)} in slot ${at}`).join(', ');
    throw new Fault('unavailable', `the PKCS#11 module has no token${wanted.join('')}: it has ${there === '' ? 'none at all' : there}`);
  }
  if (another !== undefined)
    throw new Fault('usage', `the PKCS#11 module has ${fit.length} tokens${wanted.join('')}: name the slot of one of them as well`);
  const cell = numberCell();
  await must(module.call('openSession', token.slot, sessionFlags, null, null, cell), 'open a session');
  return { module, handle: cell.readBigUInt64LE(), token };
}

async function tokensOf(module: Module): Promise<TokenInfo[]> {
  const count = numberCell();
  await must(module.call('getSlotList', 1, null, count), 'list its slots');
  const slots = Buffer.alloc(Number(count.readBigUInt64LE()) * 8);
  await must(module.call('getSlotList', 1, slots, count), 'list its slots');
  const tokens: TokenInfo[] = [];
  for (let at = 0; at < Number(count.readBigUInt64LE()) * 8; at += 8) {
    const slot = slots.readBigUInt64LE(at);
    const info = Buffer.alloc(tokenInfoBytes);
    // A token that was taken out in between is none.
    if ((await module.call('getTokenInfo', slot, info)) !== answers.OK) continue;
    const flags = info.readBigUInt64LE(96);
    const text = (from: number, to: number) => info.toString('utf8', from, to).replace(/[ \0]+$/, '');
    if ((flags & BigInt(tokenFlags.initialized)) !== 0n) tokens.push({ slot, label: text(0, 32), serial: text(80, 96), flags });
  }
  return tokens;
}

/** CK_TOKEN_INFO: four texts of 96 bytes together, eleven words, two versions and a time; padded. */
const tokenInfoBytes = 208;

/**
 * One attempt, or none where a token is locked or would lock itself. Throws Fault `permission-denied` with the field `pinRefused`
 * when the token does not take this PIN.
 */
export async function login({ module, handle, token }: TokenSession, pin: string): Promise<void> {
  const name = JSON.stringify(token.label);
  if ((token.flags & BigInt(tokenFlags.pinLocked)) !== 0n)
    throw new Fault('permission-denied', `the token ${name} has locked its user PIN: unlock it with the security officer's PIN`);
  if ((token.flags & BigInt(tokenFlags.pinFinalTry)) !== 0n)
    throw new Fault(
      'permission-denied',
      `one more wrong PIN would lock the token ${name}, so none is tried: log in by hand with the right PIN first`,
    );
  const text = Buffer.from(pin);
  const answer = await module.call('login', handle, userNormal, text, text.length);
  text.fill(0);
  if (answer === answers.OK || answer === answers.USER_ALREADY_LOGGED_IN) return;
  if (!ofRefusedPin.has(answer)) throw refusal(answer, 'log in');
  throw new Fault(
    'permission-denied',
    `the token ${name} refuses the PIN (${nameOfAnswer(answer)}); the same PIN is not tried again before the next start: correct it`,
    { fields: { pinRefused: true } },
  );
}

/** All AES keys that the choice may mean: of its label, or of its id where no label is given. */
export async function keysOf(session: TokenSession, { keyLabel, keyId }: TokenChoice): Promise<TokenKey[]> {
  const { module, handle } = session;
  const wanted = arrayOf([
    attribute(attributes.class, wordOf(classSecretKey)),
    attribute(attributes.keyType, wordOf(keyTypeAes)),
    keyLabel === undefined ? attribute(attributes.id, Buffer.from(keyId ?? '', 'hex')) : attribute(attributes.label, Buffer.from(keyLabel)),
  ]);
  await must(module.call('findObjectsInit', handle, wanted, 3), 'look for keys');
  const found: bigint[] = [];
  try {
    const objects = Buffer.alloc(16 * 8);
    const count = numberCell();
    do {
      await must(module.call('findObjects', handle, objects, 16, count), 'look for keys');
      for (let index = 0; index < Number(count.readBigUInt64LE()); index += 1) found.push(objects.readBigUInt64LE(index * 8));
    } while (count.readBigUInt64LE() > 0n);
  } finally {
    await module.call('findObjectsFinal', handle);
  }
  const keys: TokenKey[] = [];
  for (const key of found) keys.push(await described(session, key));
  return keys;
}

async function described(session: TokenSession, key: bigint): Promise<TokenKey> {
  const label = ((await attributeOf(session, key, attributes.label)) ?? Buffer.alloc(0)).toString('utf8');
  const id = ((await attributeOf(session, key, attributes.id)) ?? Buffer.alloc(0)).toString('hex');
  // A token that does not tell leaves it to the call to be refused.
  const encrypts = (await attributeOf(session, key, attributes.encrypt))?.[0] !== 0;
  const decrypts = (await attributeOf(session, key, attributes.decrypt))?.[0] !== 0;
  const fingerprint = encrypts ? await fingerprintOf(session, key, label, id) : undefined;
  return { handle: key, label, id, encrypts, decrypts, fingerprint };
}

/**
 * 16 bytes as hex that follow from the key alone wherever the token lets us ask it for that, so that one key has one name in all
 * tokens that it was brought into. Never to change: data is found by it.
 */
async function fingerprintOf(session: TokenSession, key: bigint, label: string, id: string): Promise<string | undefined> {
  const context = Buffer.from('casemate pkcs11 key fingerprint');
  const nonce = Buffer.alloc(nonceBytes);
  const attempt = () => sealWith(session, key, { nonce, plaintext: Buffer.alloc(16), context }).catch(() => undefined);
  const one = await attempt();
  const two = one === undefined ? undefined : await attempt();
  // A token that makes its own nonces answers differently each time.
  if (one !== undefined && two !== undefined && nonce.equals(one.nonce) && one.ciphertext.equals(two.ciphertext))
    return named('gcm', one.ciphertext);
  const block = await encryptBlock(session, key, Buffer.from('casemate key id.'));
  if (block !== undefined) return named('ecb', block);
  const check = await attributeOf(session, key, attributes.checkValue);
  // Three bytes alone could be those of another key.
  return check === undefined || check.length === 0
    ? undefined
    : named('check', Buffer.concat([check, Buffer.from(JSON.stringify([session.token.serial, label, id]))]));
}

function named(how: string, proof: Buffer): string {
  return sha256Hex(Buffer.concat([Buffer.from(`casemate pkcs11 key fingerprint: ${how}\0`), proof])).slice(0, 32);
}

/** Undefined where the token does not tell. */
async function attributeOf({ module, handle }: Session, key: bigint, type: number): Promise<Buffer | undefined> {
  const asked = structOf(type, null, 0);
  if ((await module.call('getAttributeValue', handle, key, asked, 1)) !== answers.OK) return undefined;
  const length = asked.bytes.readBigUInt64LE(16);
  if (length > longestValue) return undefined;
  const value = Buffer.alloc(Number(length));
  if (length === 0n) return value;
  const told = attribute(type, value);
  return (await module.call('getAttributeValue', handle, key, told, 1)) === answers.OK ? value : undefined;
}

/** A length that is not told is all ones. */
const longestValue = 4096n;

function attribute(type: number, value: Buffer): Struct {
  return structOf(type, value, value.length);
}

function wordOf(value: number): Buffer {
  return numberCell(BigInt(value));
}

export async function must(answered: Promise<number>, doing: string): Promise<void> {
  const answer = await answered;
  if (answer !== answers.OK) throw refusal(answer, doing);
}
