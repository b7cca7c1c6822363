// The text of the token that a request was made with: seen by the pipeline and by the server's own routes, never by an engine.

import type { EngineRequest } from './engine.ts';

const text = Symbol('caller token');

type Carrying = EngineRequest & { [text]?: string | undefined };

/** Engines get the request all the same: the symbol is not theirs to import. */
export function withCallerToken(request: EngineRequest, token: string | undefined): EngineRequest {
  (request as Carrying)[text] = token;
  return request;
}

export function callerToken(request: EngineRequest): string | undefined {
  return (request as Carrying)[text];
}
