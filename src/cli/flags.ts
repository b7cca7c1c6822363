// Flags as Go's flag package reads them: one dash or two, `-name=value` or `-name value`, none after the first argument.

import { parseDurationSeconds } from '../base/durations.ts';
import { Fault } from '../base/fault.ts';
import { parseBool } from '../client/environment.ts';
import { Ending } from './ending.ts';

export type FlagKind = 'text' | 'bool' | 'integer' | 'duration' | 'texts' | 'pairs';

export interface FlagOptions<T> {
  readonly default?: T;
  /** Further names: `['f']` for `-force`. */
  readonly aliases?: readonly string[];
  /** Left out of help. */
  readonly hidden?: true;
  /** Name of the environment's variable without its prefix, shown in help. Whoever reads the flag reads the variable. */
  readonly variable?: string;
}

export interface Flag<T = unknown> extends FlagOptions<T> {
  readonly kind: FlagKind;
  readonly help: string;
  /** Exists for the compiler only. */
  readonly type?: T;
}

export type Flags = Readonly<Record<string, Flag>>;

/** What a command gets: absent is undefined, unless the flag has a default; bools are false, lists and maps empty. */
export type FlagValues<F extends Flags> = { readonly [N in keyof F]: F[N] extends Flag<infer T> ? T : never };

interface Word<T> {
  (help: string, options: FlagOptions<T> & { readonly default: T }): Flag<T>;
  (help: string, options?: FlagOptions<T>): Flag<T | undefined>;
}

const optional =
  <T>(kind: FlagKind): Word<T> =>
  (help: string, options: FlagOptions<T> = {}) => ({ kind, help, ...options });

export const text = optional<string>('text');
export const integer = optional<number>('integer');
/** Seconds of a number, `30s`, `1h30m`, `2d`; `system` is -1. */
export const duration = optional<number>('duration');
export const bool = (help: string, options: FlagOptions<boolean> = {}): Flag<boolean> => ({
  kind: 'bool',
  help,
  default: false,
  ...options,
});
/** Can be given several times. Values are not split. */
export const texts = (help: string, options: FlagOptions<readonly string[]> = {}): Flag<readonly string[]> => ({
  kind: 'texts',
  help,
  default: [],
  ...options,
});
/** `-name key=value`, several times. */
export const pairs = (
  help: string,
  options: FlagOptions<Readonly<Record<string, string>>> = {},
): Flag<Readonly<Record<string, string>>> => ({
  kind: 'pairs',
  help,
  default: {},
  ...options,
});

export interface Parsed {
  readonly values: Readonly<Record<string, unknown>>;
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/** Throws Ending with Go's sentences. */
export function parseFlags(flags: Flags, words: readonly string[]): Parsed {
  const byName = new Map(
    Object.entries(flags).flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])].map((known) => [known, name] as const)),
  );
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.default;
  const given = new Set<string>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '--') return { values, given, args: words.slice(at + 1) };
    if (word.length < 2 || !word.startsWith('-')) break;
    const { written, value: inline } = split(word);
    const name = byName.get(written);
    const flag = name === undefined ? undefined : flags[name];
    if (name === undefined || flag === undefined) throw new Ending(`flag provided but not defined: -${written}`);
    let value = inline;
    if (value === undefined && flag.kind === 'bool') value = 'true';
    if (value === undefined) value = words[++at];
    if (value === undefined) throw new Ending(`flag needs an argument: -${written}`);
    values[name] = parsedValue(flag, written, value, given.has(name) ? values[name] : undefined);
    given.add(name);
  }
  return { values, given, args: words.slice(at) };
}

function split(word: string): { readonly written: string; readonly value: string | undefined } {
  const bare = word.replace(/^--?/, '');
  if (/^(?:$|[-=])/.test(bare)) throw new Ending(`bad flag syntax: ${word}`);
  const equals = bare.indexOf('=');
  return equals < 0 ? { written: bare, value: undefined } : { written: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

/** `before` is what the same flag was given earlier. */
function parsedValue(flag: Flag, name: string, value: string, before: unknown): unknown {
  const invalid = (why: string, kind = 'value') =>
    new Ending(`invalid ${kind} ${JSON.stringify(value)} for ${kind === 'value' ? 'flag ' : ''}-${name}: ${why}`);
  switch (flag.kind) {
    case 'text':
      return value;
    case 'bool': {
      const parsed = parseBool(value);
      if (parsed === undefined) throw invalid(`strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`, 'boolean value');
      return parsed;
    }
    case 'integer':
      if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(Number(value)))
        throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
      return Number(value);
    case 'duration':
      try {
        return parseDurationSeconds(value === 'system' ? '-1' : value);
      } catch (thrown) {
        throw thrown instanceof Fault ? invalid(thrown.message) : thrown;
      }
    case 'texts':
      return [...((before as readonly string[] | undefined) ?? []), value.trim()];
    case 'pairs': {
      const equals = value.indexOf('=');
      if (equals < 0) throw invalid(`missing = in KV pair: ${JSON.stringify(value)}`);
      return { ...(before as object | undefined), [value.slice(0, equals)]: value.slice(equals + 1) };
    }
  }
}
