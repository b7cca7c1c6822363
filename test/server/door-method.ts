// An auth method that lets everybody in on the terms that they bring, to be mounted in place of transit: what a login leads to is the server's.

import { Fault } from '../../src/base/fault.ts';
import { contract } from '../../src/schema/contract.ts';
import { map, text } from '../../src/schema/fields.ts';
import { type EngineKind, engine, type LoginLimits, type LoginTerms } from '../../src/secrets/core/engine.ts';

const doorContract = contract({
  name: 'door',
  description: 'Lets everybody in.',
  routes: {
    login: {
      path: 'login/{name}',
      summary: 'Log in.',
      help: 'On any terms.',
      fields: { name: text('Who logs in; `nobody` has no alias') },
      unauthenticated: true,
      operations: {
        write: { summary: 'Log in.', input: { terms: map('Over the usual ones'), limits: map('Over those that bind nothing') } },
      },
    },
  },
});

const free: LoginLimits = {
  policies: [],
  noDefaultPolicy: false,
  ttl: 0,
  maxTtl: 0,
  explicitMaxTtl: 0,
  period: 0,
  numUses: 0,
  boundCidrs: [],
  type: 'default',
};

/** What a test tells all methods of this kind: a renewal is held to the limits of the name, and refused without any. */
export const door = { limits: new Map<string, Partial<LoginLimits>>() };

export const doorKind: EngineKind = {
  type: 'door',
  table: 'auth',
  description: 'lets everybody in',
  open: () =>
    engine<typeof doorContract>({
      contract: doorContract,
      handlers: {
        login: {
          write({ name = '', terms = {}, limits = {} }) {
            door.limits.set(name, limits as Partial<LoginLimits>);
            const usual: LoginTerms = {
              ...(name === 'nobody' ? {} : { alias: { name } }),
              displayName: name,
              metadata: { username: name },
              token: { ...free, ...(limits as Partial<LoginLimits>) },
              internal: { name },
            };
            return { login: { ...usual, ...(terms as Partial<LoginTerms>) } };
          },
        },
      },
      async renewLogin({ name }) {
        const limits = door.limits.get(String(name));
        if (limits === undefined) throw new Fault('invalid-request', `role ${JSON.stringify(name)} does not exist during renewal`);
        return { ...free, ...limits };
      },
    }),
};
