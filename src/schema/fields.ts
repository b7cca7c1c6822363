// The field words: what a contract can say about one parameter, and the TypeScript type that each stands for.

/** Names of the kinds; the tables of accepted inputs for each stand in coerce.ts. */
export type FieldKind =
  | 'text' // string; numbers and booleans become their text
  | 'name' // text, folded to lower case
  | 'integer'
  | 'bool'
  | 'duration' // integer seconds; Go duration strings accepted
  | 'time' // RFC 3339 text
  | 'texts' // list of strings; one string is a list of one, never split
  | 'commas' // list of strings; "a,b" and JSON-array strings are split
  | 'integers'
  | 'map' // JSON object
  | 'pairs' // object of strings, or ["k=v"]
  | 'any';

export interface FieldOptions {
  readonly default?: unknown;
  readonly allowed?: readonly unknown[];
  /** The value is a secret: never in examples, masked in forms. */
  readonly secret?: true;
  readonly deprecated?: true;
}

export interface Field<T = unknown> extends FieldOptions {
  readonly kind: FieldKind;
  readonly description: string;
  /** Exists for the compiler only. */
  readonly type?: T;
}

export type Fields = Readonly<Record<string, Field>>;

const word =
  <T>(kind: FieldKind) =>
  (description: string, options: FieldOptions = {}): Field<T> => ({ kind, description, ...options });

export const text = word<string>('text');
export const name = word<string>('name');
export const integer = word<number>('integer');
export const bool = word<boolean>('bool');
export const duration = word<number>('duration');
export const time = word<string>('time');
export const texts = word<string[]>('texts');
export const commas = word<string[]>('commas');
export const integers = word<number[]>('integers');
export const map = word<Record<string, unknown>>('map');
export const pairs = word<Record<string, string>>('pairs');
export const any = word<unknown>('any');

/** What a handler gets: absent is undefined, unless the field has a default. */
export type Values<F extends Fields> = { readonly [K in keyof F]?: F[K] extends Field<infer T> ? T | undefined : never };
