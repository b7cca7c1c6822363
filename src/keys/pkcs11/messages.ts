// What is said between a key backend and the process that holds its PKCS#11 module, over a channel that nobody else reads.

import type { FaultCode } from '../../base/fault.ts';

/** The token and the keys in it. */
export interface TokenChoice {
  /** Path of the module. */
  readonly lib: string;
  readonly slot?: number | undefined;
  readonly tokenLabel?: string | undefined;
  readonly keyLabel?: string | undefined;
  /** Of the key that seals; hex, in lower case. */
  readonly keyId?: string | undefined;
}

/** The key that seals. */
export interface CurrentKey {
  readonly label: string;
  /** 16 bytes as hex. */
  readonly fingerprint: string;
}

export interface Sealing {
  readonly fingerprint: string;
  readonly nonce: Uint8Array;
  readonly plaintext: Uint8Array;
  /** Associated data. */
  readonly context: Uint8Array;
}

export interface Sealed {
  /** The given one, unless the token made its own. */
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface Opening extends Sealed {
  readonly fingerprint: string;
  readonly context: Uint8Array;
}

/** Name, question and answer of every call. */
export interface Calls {
  /** First of all, and once. */
  begin: [TokenChoice, undefined];
  login: [{ readonly pin: string }, undefined];
  /** Looks at the token anew. */
  current: [undefined, CurrentKey];
  seal: [Sealing, Sealed];
  open: [Opening, Uint8Array];
}

export type CallName = keyof Calls;
export type Question<Name extends CallName> = Calls[Name][0];
export type Answer<Name extends CallName> = Calls[Name][1];

export interface Request {
  readonly id: number;
  readonly name: CallName;
  readonly question: Calls[CallName][0];
}

export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | {
      readonly id: number;
      readonly code: FaultCode;
      readonly message: string;
      /** The session is of no use any more; another one may be. */
      readonly lost: boolean;
      /** The token does not take this PIN. */
      readonly pinRefused: boolean;
    };
