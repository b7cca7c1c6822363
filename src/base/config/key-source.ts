// Where a key or another secret of a configuration stands: in a file, in the environment, or in the configuration itself.

import type { Kind } from './kind.ts';

/** A key that stands in the configuration itself hides in a function, so that no log and no JSON of the configuration shows it. */
export type KeySource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'text'; readonly reveal: () => string };

/** `isText` says whether a text that names no place may be the secret itself. */
function source(allowed: string, isText: (typed: string) => boolean): Kind<KeySource> {
  return {
    allowed,
    hidden: true,
    of: (value) => {
      if (value.kind !== 'string') return undefined;
      const typed = value.text.trim();
      if (typed.startsWith('file://')) return /^file:\/\/\/[^\0]+$/.test(typed) ? { kind: 'file', path: typed.slice(7) } : undefined;
      if (typed.startsWith('env://'))
        return /^env:\/\/[A-Za-z_][A-Za-z0-9_]*$/.test(typed) ? { kind: 'environment', name: typed.slice(6) } : undefined;
      return isText(typed) ? { kind: 'text', reveal: () => typed } : undefined;
    },
  };
}

/** 32 bytes are 64 hex digits, or 43 characters of base64 and perhaps a filler. */
export const key = source('file:///PATH, env://NAME, or a key of 32 bytes as hex or base64', (typed) =>
  /^(?:[0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/.test(typed),
);

/** Nothing is filled in for `${…}`, so it is refused rather than taken for a password. */
export const secret = source('file:///PATH, env://NAME, or the secret itself, without blanks', (typed) => /^[^\s$]+$/.test(typed));
