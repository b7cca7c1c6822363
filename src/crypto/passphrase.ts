// From a passphrase to a key: Argon2id (RFC 9106), slow and hungry for memory so that guessing is.

import { argon2, createSecretKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Fault } from '../base/fault.ts';

export interface PassphraseCost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
}

/** RFC 9106, section 4: the second recommended option, for where 2 GiB are too much. */
export const passphraseCost: PassphraseCost = { memory: 65_536, passes: 3, lanes: 4 };

/** A file that was tampered with must not cost the process its memory, nor make guessing cheap. */
const bounds = {
  memory: [8_192, 2_097_152],
  passes: [1, 64],
  lanes: [1, 64],
} as const satisfies Record<keyof PassphraseCost, readonly [number, number]>;

export const saltBytes = 16;

const derive = promisify(argon2);

/** `secret` and `associated` are the standard's; a passphrase alone uses neither. */
export function argon2id(
  message: Uint8Array,
  salt: Uint8Array,
  { memory, passes, lanes }: PassphraseCost,
  length: number,
  more: { readonly secret?: Uint8Array; readonly associated?: Uint8Array } = {},
): Promise<Buffer> {
  const { secret, associated } = more;
  return derive('argon2id', {
    message,
    nonce: salt,
    parallelism: lanes,
    tagLength: length,
    memory,
    passes,
    ...(secret === undefined ? {} : { secret }),
    ...(associated === undefined ? {} : { associatedData: associated }),
  });
}

/** Off the event loop, which it would hold for half a second. Throws Fault `corrupted` for costs or a salt that nobody would have chosen. */
export async function keyFromPassphrase(passphrase: string, salt: Uint8Array, cost: PassphraseCost, length: number): Promise<KeyObject> {
  check(salt, cost);
  // NFC, so that two keyboards that write an accented letter differently make one key.
  const message = Buffer.from(passphrase.normalize('NFC'));
  const derived = await argon2id(message, salt, cost, length);
  const key = createSecretKey(derived);
  derived.fill(0);
  message.fill(0);
  return key;
}

function check(salt: Uint8Array, cost: PassphraseCost): void {
  if (salt.length !== saltBytes) throw new Fault('corrupted', `the salt of a passphrase must have ${saltBytes} bytes`);
  for (const name of Object.keys(bounds) as (keyof PassphraseCost)[]) {
    const [least, most] = bounds[name];
    if (!Number.isSafeInteger(cost[name]) || cost[name] < least || cost[name] > most)
      throw new Fault('corrupted', `the ${name} of Argon2id must be between ${least} and ${most}`);
  }
}
