// What a transit engine tells of a key: its versions and when they were made, and the id that names one of them.

import { Fault } from '../../base/fault.ts';

export interface TransitKey {
  readonly latest: number;
  /** Older versions do not open; 1 where the server was not asked. */
  readonly leastToOpen: number;
  /** Unix seconds by version; empty where the server was not asked. */
  readonly made: ReadonlyMap<number, number>;
}

/** From the answer of `transit/keys/NAME`. Throws Fault `usage` for a key that cannot serve. */
export function transitKeyOf(data: Readonly<Record<string, unknown>>, name: string): TransitKey {
  if (data['supports_encryption'] === false) throw new Fault('usage', `the transit key ${name} is of a type that does not encrypt`);
  if (data['derived'] === true)
    throw new Fault(
      'usage',
      `the transit key ${name} was made with derived=true, and would need a context with each call: name another key`,
    );
  const latest = Number(data['latest_version']);
  if (!Number.isSafeInteger(latest) || latest < 1)
    throw new Fault('unavailable', `the server did not tell the newest version of the transit key ${name}`);
  const least = Number(data['min_decryption_version']);
  const keys = typeof data['keys'] === 'object' && data['keys'] !== null ? Object.entries(data['keys']) : [];
  const made = keys.flatMap(([version, told]) => {
    const seconds = secondsOf(told);
    return seconds === undefined ? [] : [[Number(version), seconds] as const];
  });
  return { latest, leastToOpen: Number.isSafeInteger(least) ? Math.max(least, 1) : 1, made: new Map(made) };
}

/** Symmetric keys tell a number, asymmetric ones an object with a text. */
function secondsOf(told: unknown): number | undefined {
  const time = typeof told === 'object' && told !== null && 'creation_time' in told ? told.creation_time : told;
  const seconds = typeof time === 'string' ? Math.floor(Date.parse(time) / 1000) : Number(time);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined;
}

/**
 * `transit:<namespace/mount/name>:v<version>`, and the time at which the version was made where the server tells it: a key that is
 * deleted and made again under the same name begins at version 1 once more.
 */
export function transitKeyId(path: string, version: number, { made }: TransitKey): string {
  const time = made.get(version);
  return `transit:${path}:v${version}${time === undefined ? '' : `:${time}`}`;
}

/** Whether an id may name this version: what was sealed before the server told times stays readable. */
export function namesVersion(keyId: string, path: string, version: number, key: TransitKey): boolean {
  const bare = `transit:${path}:v${version}`;
  if (keyId === bare) return true;
  if (!keyId.startsWith(`${bare}:`)) return false;
  const time = key.made.get(version);
  return time === undefined || keyId === `${bare}:${time}`;
}

/** The version in `vault:v3:…`; undefined for bytes that are no such text. */
export function versionIn(ciphertext: Uint8Array): number | undefined {
  const digits = /^vault:v([1-9]\d{0,8}):[A-Za-z0-9+/]+={0,2}$/.exec(Buffer.from(ciphertext).toString('latin1'))?.[1];
  return digits === undefined ? undefined : Number(digits);
}
