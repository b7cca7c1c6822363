// The routes that show, change and reset one field of a role alone.

import type { approle } from '../../../api/approle.ts';
import type { singleFieldRoutes } from '../../../api/approle-role.ts';
import { Fault } from '../../../base/fault.ts';
import type { InputOf } from '../../../schema/contract.ts';
import type { Answer, Handlers } from '../../core/engine.ts';
import { changeLimits, cleanPolicies, type LimitsInput, type StoredLimits } from '../../core/login-limits.ts';
import { checked, type Role, type StoredRole } from './role.ts';
import type { Roles } from './roles.ts';

type Routes = typeof singleFieldRoutes;

/** One field: how it is shown, what a request makes of it, and what a new role has. */
interface Single<R extends keyof Routes> {
  readonly show: (role: Role) => Answer;
  /** undefined where the field was not sent. */
  readonly change: (role: StoredRole, input: InputOf<(typeof approle)['routes'][R], 'write'>) => StoredRole | undefined;
  readonly reset: (role: StoredRole) => StoredRole;
  /** The name that is said to be missing. */
  readonly name: string;
}

type SingleHandlers = Pick<Handlers<typeof approle>, keyof Routes>;

const oldList = 'The "bound_cidr_list" field is deprecated and will be removed. Please use "secret_id_bound_cidrs" instead.';

export function singleFieldHandlers(roles: Roles): SingleHandlers {
  const single = <R extends keyof Routes>({ show, change, reset, name }: Single<R>) => ({
    async read({ role_name = '' }: Named): Promise<Answer | undefined> {
      const role = await roles.find(role_name);
      return role === undefined ? undefined : show(role);
    },
    async write(input: InputOf<(typeof approle)['routes'][R], 'write'>): Promise<undefined> {
      // Every one of these routes has the role's name, which the compiler cannot see through the union.
      const { role_name = '' } = input as Named;
      await roles.change(role_name, (before) => {
        if (before === undefined) throw new Fault('unsupported-path', 'unsupported path');
        const after = change(before, input);
        if (after === undefined) throw new Fault('invalid-request', `missing ${name}`);
        return checked(after);
      });
      return undefined;
    },
    async delete({ role_name = '' }: Named): Promise<undefined> {
      if ((await roles.find(role_name)) === undefined) return undefined;
      await roles.change(role_name, (before) => {
        if (before === undefined) throw new Fault('unsupported-path', 'unsupported path');
        return checked(reset(before));
      });
      return undefined;
    },
  });

  return {
    policies: single<'policies'>({
      name: 'token_policies',
      show: ({ limits }) => ({
        data: { ...(limits.oldNames.includes('policies') ? { policies: limits.policies } : {}), token_policies: limits.policies },
      }),
      change: (role, { token_policies, policies }) =>
        token_policies === undefined && policies === undefined
          ? undefined
          : withLimits(role, { policies, token_policies: token_policies === undefined ? undefined : cleanPolicies(token_policies) }),
      reset: (role) => resetLimits(role, { policies: [] }, 'policies'),
    }),
    period: single<'period'>({
      name: 'token_period',
      show: ({ limits }) => ({
        data: { ...(limits.oldNames.includes('period') ? { period: limits.period } : {}), token_period: limits.period },
      }),
      change: (role, { token_period, period }) =>
        token_period === undefined && period === undefined ? undefined : withLimits(role, { token_period, period }),
      reset: (role) => resetLimits(role, { period: 0 }, 'period'),
    }),
    tokenTtl: single<'tokenTtl'>({
      name: 'token_ttl',
      show: ({ limits }) => ({ data: { token_ttl: limits.ttl } }),
      change(role, { token_ttl }) {
        const { maxTtl } = role.limits;
        if (token_ttl !== undefined && maxTtl > 0 && token_ttl > maxTtl)
          throw refused('token_ttl should not be greater than token_max_ttl');
        return token_ttl === undefined ? undefined : withLimits(role, { token_ttl });
      },
      reset: (role) => resetLimits(role, { ttl: 0 }, 'ttl'),
    }),
    tokenMaxTtl: single<'tokenMaxTtl'>({
      name: 'token_max_ttl',
      show: ({ limits }) => ({ data: { token_max_ttl: limits.maxTtl } }),
      change(role, { token_max_ttl }) {
        if (token_max_ttl !== undefined && token_max_ttl > 0 && role.limits.ttl > token_max_ttl)
          throw refused('token_max_ttl should be greater than or equal to token_ttl');
        return token_max_ttl === undefined ? undefined : withLimits(role, { token_max_ttl });
      },
      reset: (role) => resetLimits(role, { maxTtl: 0 }, 'max_ttl'),
    }),
    tokenNumUses: single<'tokenNumUses'>({
      name: 'token_num_uses',
      show: ({ limits }) => ({ data: { token_num_uses: limits.numUses } }),
      change: (role, { token_num_uses }) => (token_num_uses === undefined ? undefined : withLimits(role, { token_num_uses })),
      reset: (role) => resetLimits(role, { numUses: 0 }),
    }),
    tokenBoundCidrs: single<'tokenBoundCidrs'>({
      name: 'token_bound_cidrs',
      show: ({ limits }) => ({ data: { token_bound_cidrs: limits.boundCidrs } }),
      change: (role, { token_bound_cidrs }) => (token_bound_cidrs === undefined ? undefined : withLimits(role, { token_bound_cidrs })),
      reset: (role) => resetLimits(role, { boundCidrs: [] }, 'bound_cidrs'),
    }),
    bindSecretId: single<'bindSecretId'>({
      name: 'bind_secret_id',
      show: ({ bindSecretId }) => ({ data: { bind_secret_id: bindSecretId } }),
      change: (role, { bind_secret_id: bindSecretId }) => (bindSecretId === undefined ? undefined : { ...role, bindSecretId }),
      reset: (role) => ({ ...role, bindSecretId: true }),
    }),
    secretIdBoundCidrs: single<'secretIdBoundCidrs'>({
      name: 'bound_cidr_list',
      show: ({ boundCidrs }) => ({ data: { secret_id_bound_cidrs: boundCidrs } }),
      change: (role, { secret_id_bound_cidrs: boundCidrs = [] }) => (boundCidrs.length === 0 ? undefined : { ...role, boundCidrs }),
      reset: (role) => ({ ...role, boundCidrs: null }),
    }),
    boundCidrList: single<'boundCidrList'>({
      name: 'bound_cidr_list',
      show: ({ boundCidrs }) => ({ data: { bound_cidr_list: boundCidrs }, warnings: [oldList] }),
      change: (role, { bound_cidr_list: boundCidrs = [] }) => (boundCidrs.length === 0 ? undefined : { ...role, boundCidrs }),
      reset: (role) => ({ ...role, boundCidrs: null }),
    }),
    secretIdNumUses: single<'secretIdNumUses'>({
      name: 'secret_id_num_uses',
      show: ({ secretIdUses }) => ({ data: { secret_id_num_uses: secretIdUses } }),
      change: (role, { secret_id_num_uses: secretIdUses }) => (secretIdUses === undefined ? undefined : { ...role, secretIdUses }),
      reset: (role) => ({ ...role, secretIdUses: 0 }),
    }),
    secretIdTtl: single<'secretIdTtl'>({
      name: 'secret_id_ttl',
      show: ({ secretIdTtl }) => ({ data: { secret_id_ttl: secretIdTtl } }),
      change: (role, { secret_id_ttl: secretIdTtl }) => (secretIdTtl === undefined ? undefined : { ...role, secretIdTtl }),
      reset: (role) => ({ ...role, secretIdTtl: 0 }),
    }),
  };
}

interface Named {
  readonly role_name?: string | undefined;
}

function withLimits(role: StoredRole, input: LimitsInput): StoredRole {
  return { ...role, limits: changeLimits(role.limits, input) };
}

function resetLimits(role: StoredRole, fields: Partial<StoredLimits>, old?: StoredLimits['oldNames'][number]): StoredRole {
  return { ...role, limits: { ...role.limits, ...fields, oldNames: role.limits.oldNames.filter((name) => name !== old) } };
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
