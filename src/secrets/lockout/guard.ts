// Puts the lockout around the login route of an auth method, which itself only says whose login it was.

import type { AnyHandlers, EngineKind } from '../core/engine.ts';
import type { Lockout } from './lockout.ts';

export interface LoginRoute {
  readonly route: string;
  /** Whose login it is, from the parameters; empty where they do not say. */
  readonly alias: (input: Readonly<Record<string, unknown>>) => string;
}

export function guarded(kind: EngineKind, { route, alias }: LoginRoute, lockout: Lockout): EngineKind {
  return {
    ...kind,
    async open(host) {
      const opened = await kind.open(host);
      const login = opened.handlers[route]?.write;
      if (login === undefined) return opened;
      const watched: AnyHandlers[string] = {
        ...opened.handlers[route],
        write(input, request) {
          const name = alias(input);
          // What names nobody is refused by the method, with words of its own.
          return name === '' ? login(input, request) : lockout.watch(host.mount(), name, async () => login(input, request));
        },
      };
      return { ...opened, handlers: { ...opened.handlers, [route]: watched } };
    },
  };
}
