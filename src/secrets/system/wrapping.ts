// Handlers of sys/wrapping.

import { sysWrapping } from '../../api/sys-wrapping.ts';
import { Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import { type Answer, type EngineRequest, engine, type OpenEngine } from '../core/engine.ts';
import { notValid, type Wrapping } from '../identity/wrapping.ts';
import type { Acl } from '../policies/acl.ts';

export interface WrappingParts {
  readonly wrapping: Wrapping;
  /** undefined for a request without a valid token. */
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
  readonly callerToken: (request: EngineRequest) => string | undefined;
}

export function openWrapping({ wrapping, aclOf, callerToken }: WrappingParts): OpenEngine {
  const named = (token: string | undefined, request: EngineRequest): string => {
    const wanted = token === undefined || token === '' ? (callerToken(request) ?? '') : token;
    if (wanted === '') throw new Fault('permission-denied', 'error validating wrapping token: token is empty');
    return wanted;
  };
  const look = async ({ token }: { readonly token?: string | undefined }, request: EngineRequest): Promise<Answer> => {
    const wrapped = await wrapping.look(named(token, request));
    if (wrapped === undefined) throw notValid();
    const { creationPath, created, ttl } = wrapped;
    return { data: { creation_path: creationPath, creation_time: rfc3339(created), creation_ttl: ttl } };
  };
  /** Whoever names another token than its own needs leave to do so. */
  const mayUnwrap = async (request: EngineRequest): Promise<boolean> => {
    const acl = await aclOf(request);
    return (
      acl?.allows({ operation: 'update', path: 'sys/wrapping/unwrap', data: request.data, wrapTtl: request.wrapTtl, sudo: false })
        .allowed === true
    );
  };

  return engine<typeof sysWrapping>({
    contract: sysWrapping,
    handlers: {
      wrap: {
        write: (_input, request) => {
          if (request.wrapTtl === undefined || request.wrapTtl === 0)
            throw new Fault('invalid-request', 'endpoint requires response wrapping to be used');
          return { data: request.data };
        },
      },
      lookup: { read: look, write: look },
      rewrap: { write: async ({ token }, request) => ({ wrapped: await wrapping.rewrap(named(token, request)) }) },
      unwrap: {
        write: async ({ token }, request) => {
          const wanted = named(token, request);
          if (wanted !== callerToken(request) && !(await mayUnwrap(request))) throw new Fault('permission-denied', 'permission denied');
          const { body } = await wrapping.unwrap(wanted);
          if (body === '') return undefined;
          return { raw: { status: 200, contentType: 'application/json', body: `${body}\n` } };
        },
      },
    },
  });
}
