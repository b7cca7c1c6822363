// Kinds of values: what may stand behind a key of the configuration, and the words that say so to whoever wrote something else.

import { isIPv4, isIPv6 } from 'node:net';
import { parseDurationMilliseconds } from '../durations.ts';
import { Fault } from '../fault.ts';
import type { HclValue } from '../hcl/parser.ts';

export interface Kind<T> {
  /** Ends the sentence "… must be". */
  readonly allowed: string;
  /** Undefined when the value is not of this kind. Never throws. */
  readonly of: (value: HclValue) => T | undefined;
  /** The value may hold a secret, and is not repeated in messages. */
  readonly hidden?: true;
}

/** Longest time that Node's timers can wait. */
const longestTimer = 2 ** 31 - 1;

/** Numbers are taken as they were typed. Nothing is filled in for `${…}`, so it is refused rather than taken for a name. */
export const text: Kind<string> = {
  allowed: 'text; nothing is filled in, so it must not hold ${',
  of: (value) => {
    const typed = typedText(value);
    return typed === undefined || typed.includes('${') ? undefined : typed;
  },
};

export const path: Kind<string> = {
  allowed: 'the path of a file or folder; nothing is filled in, so it must not hold ${',
  of: (value) => {
    const typed = value.kind === 'string' ? text.of(value) : undefined;
    return typed?.includes('\0') === true ? undefined : typed;
  },
};

const truths = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
]);

export const bool: Kind<boolean> = {
  allowed: 'true or false',
  of: (value) => ('text' in value ? truths.get(value.text) : undefined),
};

export function whole(unit: string, least = 0): Kind<number> {
  return {
    allowed: `a whole number of ${unit}, ${least} or more`,
    of: (value) => {
      const typed = typedText(value);
      if (typed === undefined || (value.kind === 'string' && !/^\d+$/.test(typed))) return undefined;
      const number = Number(typed);
      return Number.isSafeInteger(number) && number >= least ? number : undefined;
    },
  };
}

/** Whole milliseconds, a started one counting in full: only a zero is a zero. */
export const timeout: Kind<number> = {
  allowed: 'a duration such as 30s or 5m, or a number of seconds, of 24 days at most',
  of: (value) => {
    const milliseconds = duration(value);
    return milliseconds === undefined || milliseconds > longestTimer ? undefined : milliseconds;
  },
};

/** Whole seconds, a started one counting in full. */
export const lifetime: Kind<number> = {
  allowed: 'a duration such as 90s, 30m, 768h or 2d, or a number of seconds',
  of: (value) => {
    const milliseconds = duration(value);
    return milliseconds === undefined ? undefined : Math.ceil(milliseconds / 1000);
  },
};

function duration(value: HclValue): number | undefined {
  const typed = typedText(value);
  if (typed === undefined) return undefined;
  try {
    const milliseconds = Math.ceil(parseDurationMilliseconds(typed));
    return milliseconds < 0 ? undefined : milliseconds;
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

/** One of a few words, in upper or lower case. */
export function word<T>(words: ReadonlyMap<string, T>): Kind<T> {
  return {
    allowed: listed([...words.keys()]),
    of: (value) => (value.kind === 'string' ? words.get(value.text.toLowerCase()) : undefined),
  };
}

/** May carry a password by mistake, so it is not repeated. */
export const url: Kind<string> = {
  allowed: 'a URL without user and password, such as https://vault.example.com:8200',
  hidden: true,
  of: (value) => {
    const typed = value.kind === 'string' ? text.of(value) : undefined;
    if (typed === undefined || !/^https?:\/\//i.test(typed)) return undefined;
    const parsed = URL.parse(typed);
    return parsed === null || parsed.username !== '' || parsed.password !== '' ? undefined : typed;
  },
};

export interface Address {
  /** Empty for all interfaces. */
  readonly host: string;
  readonly port: number;
}

export const address: Kind<Address> = {
  allowed: 'host:port, such as 127.0.0.1:8200, [::1]:8200 or :8200',
  of: (value) => {
    const parts = value.kind === 'string' ? /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(value.text) : null;
    if (parts === null) return undefined;
    const [, bracketed, plain = '', digits] = parts;
    const port = Number(digits);
    const valid = bracketed === undefined ? plain === '' || isHost(plain) : isIPv6(bracketed);
    return valid && port <= 65_535 ? { host: bracketed ?? plain, port } : undefined;
  },
};

function isHost(name: string): boolean {
  return isIPv4(name) || (/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(name) && /[A-Za-z]/.test(name));
}

function typedText(value: HclValue): string | undefined {
  return value.kind === 'string' || value.kind === 'number' ? value.text : undefined;
}

/** "a, b or c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
