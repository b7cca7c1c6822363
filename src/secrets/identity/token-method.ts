// The handlers of auth/token.

import { tokenContract } from '../../api/token.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { type Answer, type Caller, type EngineRequest, engine, type Handlers, type OpenEngine } from '../core/engine.ts';
import type { LoginAlias } from '../identity-store/login-entity.ts';
import { type CreationInput, termsOf } from './token-creation.ts';
import { createTokenRoles, describeRole, type TokenRoles } from './token-roles.ts';
import { authBlock, describeToken } from './token-view.ts';
import type { FoundToken, RevokeOptions, TokenEntry, Tokens } from './tokens.ts';

export interface TokenMethodParts {
  readonly tokens: Tokens;
  readonly roles: TokenRoles;
  readonly identity: TokenIdentity;
  /** Of the method itself. */
  readonly mount: () => { readonly accessor: string };
  readonly policyExists: (name: string) => Promise<boolean>;
  /** Root, or `sudo` on the path. */
  readonly hasSudo: (request: EngineRequest, path: string) => Promise<boolean>;
  /** The token that the request was made with. */
  readonly callerToken: (request: EngineRequest) => string | undefined;
  /** Finishes what interrupted revocations left; in the background. */
  readonly tidy: () => void;
  readonly clock: Clock;
}

/** What tokens ask of the identity store. */
export interface TokenIdentity {
  policiesOf(entityId: string): Promise<readonly string[]>;
  /** Finds the entity of an alias, or makes it. */
  entityFor(alias: LoginAlias): Promise<{ readonly id: string; readonly disabled: boolean }>;
}

export { createTokenRoles };

export function openTokenMethod(parts: TokenMethodParts): OpenEngine {
  return engine<typeof tokenContract>({
    contract: tokenContract,
    handlers: {
      ...creationHandlers(parts),
      ...lookupHandlers(parts),
      ...renewalHandlers(parts),
      ...revocationHandlers(parts),
      ...roleHandlers(parts),
    },
  });
}

type TokenHandlers = Handlers<typeof tokenContract>;

function creationHandlers(parts: TokenMethodParts): Pick<TokenHandlers, 'create' | 'createOrphan' | 'createWithRole'> {
  const { tokens, roles } = parts;
  const make = async (
    input: CreationInput,
    request: EngineRequest,
    options: { readonly orphan: boolean; readonly role?: string },
  ): Promise<Answer> => {
    const caller = callerOf(request);
    const entry = await tokens.look(caller.key);
    if (entry === undefined) throw new Fault('invalid-request', 'batch tokens cannot create more tokens');
    const path = request.mountPoint + request.path;
    const terms = options.role === undefined ? undefined : await roles.read(options.role);
    if (options.role !== undefined && terms === undefined) throw new Fault('invalid-request', `unknown role ${options.role}`);
    const asked = termsOf(input, {
      path,
      parent: { key: caller.key, entry },
      orphan: options.orphan,
      sudo: caller.isRoot || (await parts.hasSudo(request, path)),
      role: terms === undefined ? undefined : { name: options.role as string, terms },
    });
    const alias = input.entity_alias ?? '';
    const made = await tokens.create(alias === '' ? asked : { ...asked, entityId: await entityOfAlias(parts, alias) });
    const warnings = [...(await unknownPolicies(parts, made.entry.policies)), ...made.warnings];
    return {
      auth: authBlock(made.token, made.entry, await parts.identity.policiesOf(made.entry.entityId)),
      ...(warnings.length === 0 ? {} : { warnings }),
    };
  };
  return {
    create: { write: (input, request) => make(input, request, { orphan: false }) },
    createOrphan: { write: (input, request) => make(input, request, { orphan: true }) },
    createWithRole: { write: ({ role_name, ...input }, request) => make(input, request, { orphan: false, role: role_name ?? '' }) },
  };
}

function lookupHandlers(parts: TokenMethodParts): Pick<TokenHandlers, 'lookup' | 'lookupSelf' | 'lookupAccessor' | 'accessors'> {
  const { tokens, identity } = parts;
  const describe = async (id: string, entry: TokenEntry): Promise<Answer> => ({
    data: describeToken(id, entry, parts.clock.now(), await identity.policiesOf(entry.entityId)),
  });
  const show = async (token: string): Promise<Answer> => {
    const found = await tokens.find(token);
    const entry = found === undefined || found.entry.type === 'batch' ? found?.entry : await tokens.look(found.key);
    if (entry === undefined) throw new Fault('permission-denied', 'bad token');
    return describe(token, entry);
  };
  const self = async (_: unknown, request: EngineRequest): Promise<Answer> => {
    const token = parts.callerToken(request) ?? '';
    // The pipeline has found it already; a batch token is in no store.
    const entry = request.caller === undefined ? undefined : await tokens.look(request.caller.key);
    return entry === undefined ? show(token) : describe(token, entry);
  };
  const named = ({ token }: { readonly token?: string | undefined }, request: EngineRequest): Promise<Answer> =>
    show(token === undefined || token === '' ? (parts.callerToken(request) ?? '') : token);
  return {
    lookup: { read: named, write: named },
    lookupSelf: { read: self, write: self },
    lookupAccessor: {
      async write({ accessor }) {
        const { entry } = await byAccessor(tokens, accessor);
        return describe('', entry);
      },
    },
    accessors: { list: async () => ({ data: { keys: await tokens.accessors() } }) },
  };
}

function renewalHandlers(parts: TokenMethodParts): Pick<TokenHandlers, 'renew' | 'renewSelf' | 'renewAccessor'> {
  const { tokens, identity } = parts;
  const renew = async (found: FoundToken | undefined, token: string, increment = 0): Promise<Answer> => {
    if (found === undefined) throw new Fault('invalid-request', 'token not found');
    if (found.entry.type === 'batch') throw new Fault('invalid-request', 'batch tokens cannot be renewed');
    const { entry, warnings } = await tokens.renew(found.key, increment);
    return { auth: authBlock(token, entry, await identity.policiesOf(entry.entityId)), ...(warnings.length === 0 ? {} : { warnings }) };
  };
  return {
    renew: {
      async write(input, request) {
        const token = required(input.token === '' ? undefined : (input.token ?? parts.callerToken(request)), 'missing token ID');
        return renew(await tokens.find(token), token, input.increment);
      },
    },
    renewSelf: {
      async write(input, request) {
        const token = required(parts.callerToken(request), 'missing token ID');
        return renew(await tokens.find(token), token, input.increment);
      },
    },
    renewAccessor: { write: async (input) => renew(await byAccessor(tokens, input.accessor), '', input.increment) },
  };
}

function revocationHandlers(
  parts: TokenMethodParts,
): Pick<TokenHandlers, 'revoke' | 'revokeSelf' | 'revokeAccessor' | 'revokeOrphan' | 'tidy'> {
  const { tokens } = parts;
  /** A token that is expired, but not yet cleared away, is cleared away. False: there was none. */
  const revoke = async (token: string, options: RevokeOptions = {}): Promise<boolean> => {
    const found = await tokens.find(token);
    if (found?.entry.type === 'batch') throw new Fault('invalid-request', 'batch tokens cannot be revoked');
    return tokens.revoke(tokens.keyOf(token), options);
  };
  return {
    revoke: { write: async ({ token }) => void (await revoke(required(token, 'missing token ID'))) },
    revokeSelf: { write: async (_, request) => void (await revoke(required(parts.callerToken(request), 'missing token ID'))) },
    revokeAccessor: {
      async write({ accessor }) {
        const found = await tokens.byAccessor(required(accessor, 'missing accessor'));
        if (found === undefined) return { warnings: ['No token found with this accessor'] };
        await tokens.revoke(found.key);
        return undefined;
      },
    },
    revokeOrphan: {
      async write({ token }) {
        const known = await revoke(required(token, 'missing token ID'), { orphanChildren: true });
        if (!known) throw new Fault('invalid-request', 'token to revoke not found');
        return undefined;
      },
    },
    tidy: {
      write() {
        parts.tidy();
        return { status: 202, warnings: [tidyStarted] };
      },
    },
  };
}

export const tidyStarted =
  "Tidy operation successfully started. Any information from the operation will be printed to Casemate's server logs.";

function roleHandlers({ roles }: TokenMethodParts): Pick<TokenHandlers, 'roles' | 'role'> {
  return {
    roles: { list: async () => ({ data: { keys: await roles.names() } }) },
    role: {
      exists: async ({ role_name }) => (await roles.read(role_name ?? '')) !== undefined,
      async read({ role_name = '' }) {
        const role = await roles.read(role_name);
        return role === undefined ? undefined : { data: describeRole(role_name, role) };
      },
      async write({ role_name = '', ...input }) {
        await roles.write(role_name, input);
        return undefined;
      },
      async delete({ role_name = '' }) {
        await roles.remove(role_name);
        return undefined;
      },
    },
  };
}

/** The alias is one of the token method itself. */
async function entityOfAlias({ identity, mount }: TokenMethodParts, name: string): Promise<string> {
  const entity = await identity.entityFor({ mountAccessor: mount().accessor, name, local: false, metadata: null, groups: [] });
  if (entity.disabled) throw new Fault('permission-denied', 'entity from given entity alias is disabled');
  return entity.id;
}

async function byAccessor(tokens: Tokens, accessor: string | undefined): Promise<FoundToken> {
  const found = await tokens.byAccessor(required(accessor, 'missing accessor'));
  if (found === undefined) throw new Fault('invalid-request', 'invalid accessor', { framed: true });
  return found;
}

async function unknownPolicies({ policyExists }: TokenMethodParts, policies: readonly string[]): Promise<string[]> {
  const known = await Promise.all(policies.map(async (name) => name === 'root' || policyExists(name)));
  return policies.filter((_, index) => known[index] === false).map((name) => `Policy ${JSON.stringify(name)} does not exist`);
}

function required(value: string | undefined, message: string): string {
  if (value === undefined || value === '') throw new Fault('invalid-request', message);
  return value;
}

function callerOf({ caller }: EngineRequest): Caller {
  if (caller === undefined) throw new Fault('permission-denied', 'permission denied');
  return caller;
}
