// Handlers of sys/locked-users.

import { sysLockedUsers } from '../../api/sys-locked-users.ts';
import { engine, type OpenEngine } from '../core/engine.ts';
import { type Lockout, type LoginMount, lockoutTypes } from '../lockout/lockout.ts';
import type { MountTable } from '../mounts/record.ts';

export interface LockedUsersParts {
  readonly lockout: Lockout;
  readonly table: () => MountTable | Promise<MountTable>;
}

export function openLockedUsers({ lockout, table }: LockedUsersParts): OpenEngine {
  return engine<typeof sysLockedUsers>({
    contract: sysLockedUsers,
    handlers: {
      lockedUsers: {
        async read({ mount_accessor: wanted = '' }) {
          const mounts = loginMounts(await table());
          const locked = await lockout.locked(wanted === '' ? mounts : mounts.filter(({ accessor }) => accessor === wanted));
          const accessors = wanted === '' ? [...locked.keys()] : [wanted];
          const rows = accessors
            .map((accessor) => ({ mount_accessor: accessor, names: locked.get(accessor) ?? [] }))
            .sort((one, other) => other.names.length - one.names.length)
            .map(({ mount_accessor, names }) => ({ mount_accessor, counts: names.length, alias_identifiers: names }));
          const total = rows.reduce((sum, { counts }) => sum + counts, 0);
          return { data: { by_namespace: [{ namespace_id: 'root', namespace_path: '', counts: total, mount_accessors: rows }], total } };
        },
      },
      unlock: {
        async write({ mount_accessor = '', alias_identifier = '' }) {
          await lockout.unlock(mount_accessor, alias_identifier);
          return undefined;
        },
      },
    },
  });
}

/** Those whose users can be locked out. */
export function loginMounts({ mounts }: MountTable): readonly LoginMount[] {
  return mounts.filter(({ table, type }) => table === 'auth' && lockoutTypes.includes(type));
}
