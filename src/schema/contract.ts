// The shape of a contract: the routes of one mount type as pure data, from which validation, handlers, client, help and OpenAPI come.

import type { Fields, Values } from './fields.ts';

/**
 * The operations that a route declares. `write` is POST and PUT: create or update, as the route's existence check says;
 * `scan` lists all levels at once.
 */
export type Verb = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete';

export interface OperationSpec {
  readonly summary: string;
  /** Fields of the answer's `data`; absent when nothing is returned (204). */
  readonly output?: Fields;
  /** Fields that this operation takes beside the route's own. */
  readonly input?: Fields;
}

export interface RouteSpec {
  /**
   * Segments below the mount: `literal`, `{name}` (one segment), `{name...}` (the rest, possibly empty; literals may
   * follow it). A trailing slash of the request is ignored, unless it belongs to a `{name...}`.
   */
  readonly path: string;
  readonly summary: string;
  readonly help: string;
  readonly fields: Fields;
  readonly operations: Readonly<Partial<Record<Verb, OperationSpec>>>;
  /** The route has an existence check, so `write` is `create` where nothing is there. Without one it is always `update`. */
  readonly exists?: true;
  /** Takes parameters of any name, beside the declared ones. */
  readonly arbitrary?: true;
  /** No token is asked for. */
  readonly unauthenticated?: true;
  /** No token is asked for on listeners that the operator opened for this. */
  readonly opened?: 'metrics';
  /** Root-protected: `sudo` on top of the operation's capability. */
  readonly sudo?: true;
  /** Answered as bare JSON, without the envelope. */
  readonly bare?: true;
  /** The keys of `data` also stand at the top level of the envelope. */
  readonly injected?: true;
  /** Answered while the server is sealed or not initialised. */
  readonly whileSealed?: true;
}

export interface Contract {
  /** Mount type, as in `sys/mounts`. */
  readonly name: string;
  readonly description: string;
  readonly routes: Readonly<Record<string, RouteSpec>>;
}

/** Keeps the literal types of a contract while checking its shape. */
export function contract<const C extends Contract>(spec: C): C {
  return spec;
}

type Of<T> = T extends Fields ? T : Record<never, never>;

/** Parameters of one operation: the route's and the operation's own. */
export type InputOf<R extends RouteSpec, V extends Verb> = Values<R['fields']> &
  (R['operations'][V] extends { readonly input: infer I } ? Values<Of<I>> : unknown);

export type OutputOf<R extends RouteSpec, V extends Verb> = R['operations'][V] extends { readonly output: infer O }
  ? Values<Of<O>>
  : undefined;

/** What must be written for a contract: for each route a function per declared operation, and `exists` where it is declared. */
export type HandlersFor<C extends Contract, Request, Answer> = {
  readonly [R in keyof C['routes']]: {
    readonly [V in keyof C['routes'][R]['operations'] & Verb]: (
      input: InputOf<C['routes'][R], V>,
      request: Request,
    ) => Promise<Answer | undefined> | Answer | undefined;
  } & (C['routes'][R] extends { readonly exists: true }
    ? { readonly exists: (input: Values<C['routes'][R]['fields']>, request: Request) => Promise<boolean> }
    : unknown);
};
