// Handlers of secret ids: made, looked up, listed and destroyed by those who hand them out.

import type { approle } from '../../../api/approle.ts';
import { Fault } from '../../../base/fault.ts';
import { randomUuid } from '../../../base/random.ts';
import { rfc3339 } from '../../../base/times.ts';
import type { InputOf } from '../../../schema/contract.ts';
import type { Answer, Handlers, Host } from '../../core/engine.ts';
import { checkCidrs, cidrsWithin } from '../../identity/cidrs.ts';
import { parseMetadata } from './metadata.ts';
import type { OpenRole } from './role.ts';
import type { Roles } from './roles.ts';
import type { SecretId, SecretIds, SecretIdTerms } from './secret-ids.ts';

type SecretIdHandlers = Pick<
  Handlers<typeof approle>,
  'secretIds' | 'customSecretId' | 'secretIdLookup' | 'secretIdDestroy' | 'accessorLookup' | 'accessorDestroy'
>;
type TermsInput = InputOf<(typeof approle)['routes']['secretIds'], 'write'>;

export function secretIdHandlers(host: Host, roles: Roles, secretIds: SecretIds): SecretIdHandlers {
  const make = async (secretId: string, { role_name = '', ...input }: TermsInput): Promise<Answer> => {
    if (secretId === '') throw refused('missing secret_id');
    const role = await roles.find(role_name);
    if (role === undefined) throw new Fault('unsupported-path', `role ${JSON.stringify(role_name)} does not exist`, { framed: false });
    if (!role.bindSecretId) throw refused('bind_secret_id is not set on the role');
    const terms = termsOf(input, role);
    const made = await secretIds.make(role, secretId, terms);
    return {
      data: {
        secret_id: secretId,
        secret_id_accessor: made.accessor,
        secret_id_num_uses: made.uses,
        secret_id_ttl: Math.min(made.ttl, host.ttl().max),
      },
      wrappedAccessor: made.accessor,
    };
  };
  const known = async (name: string): Promise<OpenRole> => {
    const role = await roles.find(name);
    if (role === undefined) throw new Fault('engine-failed', `role ${JSON.stringify(name)} does not exist`);
    return role;
  };
  const destroy = async ({ role_name = '', secret_id = '' }: { role_name?: string | undefined; secret_id?: string | undefined }) => {
    if (secret_id === '') throw refused('missing secret_id');
    await secretIds.destroy(await known(role_name), secret_id);
    return undefined;
  };
  const destroyByAccessor = async (input: { role_name?: string | undefined; secret_id_accessor?: string | undefined }) => {
    const { role_name = '', secret_id_accessor: accessor = '' } = input;
    if (accessor === '') throw refused('missing secret_id_accessor');
    if (!(await secretIds.destroyByAccessor(await known(role_name), accessor))) throw new Fault('engine-failed', noAccessor(accessor));
    return undefined;
  };

  return {
    secretIds: {
      async list({ role_name = '', after, limit = 0 }) {
        const role = await roles.find(role_name);
        if (role === undefined) throw refused(`role ${JSON.stringify(role_name)} does not exist`);
        const page = { ...(after === undefined ? {} : { after }), ...(limit > 0 ? { limit } : {}) };
        return { data: { keys: await secretIds.accessors(role, page) } };
      },
      write: (input) => make(randomUuid(host.random), input),
    },
    customSecretId: { write: ({ secret_id = '', ...input }) => make(secret_id, input) },
    secretIdLookup: {
      async write({ role_name = '', secret_id = '' }) {
        if (secret_id === '') throw refused('missing secret_id');
        const found = await secretIds.find(await known(role_name), secret_id);
        return found === undefined ? undefined : { data: describe(found) };
      },
    },
    secretIdDestroy: { write: destroy, delete: destroy },
    accessorLookup: {
      async write({ role_name = '', secret_id_accessor: accessor = '' }) {
        if (accessor === '') throw refused('missing secret_id_accessor');
        const found = await secretIds.findByAccessor(await known(role_name), accessor);
        return found === undefined ? { status: 404, data: { error: noAccessor(accessor) } } : { data: describe(found) };
      },
    },
    accessorDestroy: { write: destroyByAccessor, delete: destroyByAccessor },
  };
}

function noAccessor(accessor: string): string {
  return `failed to find accessor entry for secret_id_accessor: ${JSON.stringify(accessor)}`;
}

/** Throws Fault `invalid-request` for terms that the role does not allow. */
function termsOf(input: Omit<TermsInput, 'role_name'>, role: OpenRole): SecretIdTerms {
  const { cidr_list: cidrs = [], token_bound_cidrs: tokenCidrs = [] } = input;
  checkWithin(cidrs, role.boundCidrs ?? []);
  checkWithin(tokenCidrs, role.limits.boundCidrs);
  return {
    cidrs,
    tokenCidrs,
    metadata: parseMetadata(input.metadata),
    uses: usesOf(input.num_uses, role.secretIdUses),
    ttl: ttlOf(input.ttl, role.secretIdTtl),
  };
}

function checkWithin(inner: readonly string[], outer: readonly string[]): void {
  checkCidrs(inner);
  if (!cidrsWithin(inner, outer))
    throw new Fault(
      'engine-failed',
      `failed to verify subset relationship between CIDR blocks on the role ${goList(outer)} and CIDR blocks on the secret ID ${goList(inner)}`,
    );
}

function usesOf(wanted: number | undefined, most: number): number {
  if (wanted === undefined) return most;
  if (wanted < 0) throw refused('num_uses cannot be negative');
  if (most > 0 && (wanted === 0 || wanted > most)) throw refused("num_uses cannot be higher than the role's secret_id_num_uses");
  return wanted;
}

function ttlOf(wanted: number | undefined, most: number): number {
  if (wanted === undefined) return most;
  if (most > 0 && (wanted === 0 || wanted > most)) throw refused("ttl cannot be longer than the role's secret_id_ttl");
  return wanted;
}

/** Go's zero time, for what never ends. */
const never = '0001-01-01T00:00:00Z';

function describe(found: SecretId): Record<string, unknown> {
  return {
    cidr_list: found.cidrs,
    creation_time: rfc3339(found.created),
    expiration_time: found.expires === null ? never : rfc3339(found.expires),
    last_updated_time: rfc3339(found.updated),
    metadata: found.metadata,
    secret_id_accessor: found.accessor,
    secret_id_num_uses: found.uses,
    secret_id_ttl: found.ttl,
    token_bound_cidrs: found.tokenCidrs,
  };
}

/** As Go prints a list of quoted strings. */
function goList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
