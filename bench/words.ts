// The words behind `npm run bench -- NAME`: flags as Go writes them, whole numbers, names.

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { Fault } from '../src/base/fault.ts';

/** Flags begin with one dash or two. Throws Fault `usage`, as all of these do, in a sentence. */
export function flagsOf<const O extends NonNullable<ParseArgsConfig['options']>>(words: readonly string[], options: O) {
  try {
    return parseArgs({ args: words.map((word) => word.replace(/^-(?=[a-z])/, '--')), options, strict: true }).values;
  } catch (thrown) {
    throw new Fault('usage', (thrown as Error).message, { cause: thrown });
  }
}

export function whole(name: string, given: string, most: number): number {
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < 1 || number > most)
    throw new Fault('usage', `${name} takes whole numbers from 1 to ${most}, not ${JSON.stringify(given)}`);
  return number;
}

export function oneOf<const T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === given);
  if (found === undefined) throw new Fault('usage', `${name} takes ${allowed.join(', ')}, not ${JSON.stringify(given)}`);
  return found;
}
