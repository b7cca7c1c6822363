// What the programs share: flags without arguments, help, and faults told in one sentence.

import { Fault } from '../base/fault.ts';
import { Ending } from './ending.ts';
import { type Flags, type FlagValues, parseFlags } from './flags.ts';

/** The name that the command was started under. */
export function nameOfCommand(): string {
  return process.env['CASEMATE_INVOKED_AS'] ?? 'casemate';
}

/** Go's flags and nothing behind them. Throws Ending. */
export function flagsAlone<const F extends Flags>(flags: F, words: readonly string[]): FlagValues<F> {
  const { values, args } = parseFlags(flags, words);
  if (args.length > 0) throw new Ending(`this program takes flags and no arguments: ${args.join(' ')}`);
  return values as FlagValues<F>;
}

/** Resolves to the exit code. Faults are told in one sentence; anything else is a fault of the program and shows its stack. */
export async function asProgram(help: (name: string) => string, words: readonly string[], run: () => Promise<void>): Promise<number> {
  if (words.some((word) => ['-h', '-help', '--help'].includes(word))) {
    process.stdout.write(`${help(nameOfCommand())}\n`);
    return 0;
  }
  try {
    await run();
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Fault || thrown instanceof Ending)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return 1;
  }
}

/** As `asProgram`, for one that has verbs: without any word it shows its help and fails. */
export async function asProgramWithVerbs(
  help: (name: string) => string,
  words: readonly string[],
  run: () => Promise<void>,
): Promise<number> {
  if (words.length > 0) return asProgram(help, words, run);
  process.stdout.write(`${help(nameOfCommand())}\n`);
  return 1;
}
