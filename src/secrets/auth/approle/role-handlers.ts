// Handlers of role/: listing, reading, writing and deleting roles, and their ids.

import type { approle } from '../../../api/approle.ts';
import { formatGoDuration } from '../../../base/durations.ts';
import { Fault } from '../../../base/fault.ts';
import { randomUuid } from '../../../base/random.ts';
import type { Handlers, Host } from '../../core/engine.ts';
import { changeRole, describeRole, freshRole, type RoleInput, type StoredRole } from './role.ts';
import type { Roles } from './roles.ts';

type RoleHandlers = Pick<Handlers<typeof approle>, 'roles' | 'role' | 'roleId' | 'localSecretIds'>;

export function roleHandlers(host: Host, roles: Roles, purge: (uid: string) => void): RoleHandlers {
  const { random } = host;
  return {
    roles: {
      list: async ({ after, limit = 0 }) => ({
        data: { keys: await roles.names({ ...(after === undefined ? {} : { after }), ...(limit > 0 ? { limit } : {}) }) },
      }),
    },
    role: {
      exists: async ({ role_name = '' }) => (await roles.find(role_name)) !== undefined,
      async read({ role_name = '' }) {
        const role = await roles.find(role_name);
        return role === undefined ? undefined : { data: describeRole(role) };
      },
      async write({ role_name: name = '', ...sent }) {
        checkName(name);
        const { input, warnings } = adjusted(sent);
        await roles.change(name, (before) => {
          if (before !== undefined && input.local_secret_ids !== undefined)
            throw new Fault('invalid-request', 'local_secret_ids can only be modified during role creation');
          const ids = () => ({ uid: randomUuid(random), roleId: randomUuid(random), key: random(32) });
          const after = changeRole(before ?? freshRole(name, ids()), input);
          checkPeriod(after, host.ttl().max);
          return after;
        });
        const longer = (input.token_max_ttl ?? 0) > host.ttl().max;
        const all = longer ? [...warnings, longerThanMount] : warnings;
        return all.length === 0 ? undefined : { warnings: all };
      },
      async delete({ role_name = '' }) {
        const uid = await roles.remove(role_name);
        if (uid !== undefined) purge(uid);
        return undefined;
      },
    },
    roleId: {
      async read({ role_name = '' }) {
        const role = await roles.find(role_name);
        return role === undefined ? undefined : { data: { role_id: role.roleId } };
      },
      async write({ role_name = '', role_id: roleId = '' }) {
        await roles.change(role_name, (before) => {
          if (before === undefined) throw new Fault('unsupported-path', 'unsupported path');
          if (roleId === '') throw new Fault('invalid-request', 'missing role_id');
          return { ...before, roleId };
        });
        return undefined;
      },
    },
    localSecretIds: {
      async read({ role_name = '' }) {
        const role = await roles.find(role_name);
        return role === undefined ? undefined : { data: { local_secret_ids: role.localSecretIds } };
      },
    },
  };
}

const longerThanMount =
  "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be truncated";

/** What older servers took for a type of token. */
function adjusted(input: RoleInput): { readonly input: RoleInput; readonly warnings: readonly string[] } {
  const type = /^default-(service|batch)$/.exec(input.token_type ?? '')?.[1];
  if (type === undefined) return { input, warnings: [] };
  return { input: { ...input, token_type: type }, warnings: [`default-${type} has no useful meaning; adjusting to ${type}`] };
}

function checkPeriod({ limits }: StoredRole, most: number): void {
  if (limits.oldNames.includes('period') && limits.period > most)
    throw new Fault(
      'invalid-request',
      `period of "${formatGoDuration(limits.period)}" is greater than the backend's maximum lease TTL of "${formatGoDuration(most)}"`,
    );
}

/** The names that Vault's paths take. */
function checkName(name: string): void {
  if (!/^\w(?:[\w.-]*\w)?$/.test(name)) throw new Fault('unsupported-path', 'unsupported path');
}
