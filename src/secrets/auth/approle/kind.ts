// The auth method `approle`: its roles and secret ids, and the handlers of all routes around them.

import { approle as contract } from '../../../api/approle.ts';
import { Fault } from '../../../base/fault.ts';
import { type EngineKind, engine, type Host } from '../../core/engine.ts';
import { loginLimits } from '../../core/login-limits.ts';
import { loginHandlers } from './login.ts';
import { roleHandlers } from './role-handlers.ts';
import { createRoles } from './roles.ts';
import { secretIdHandlers } from './secret-id-handlers.ts';
import { createSecretIds } from './secret-ids.ts';
import { singleFieldHandlers } from './single-fields.ts';
import { createTidy } from './tidy.ts';

export const approle: EngineKind = {
  type: 'approle',
  table: 'auth',
  description: contract.description,
  open: (host) => openApprole(host),
};

const tidyStarted = "Tidy operation successfully started. Any information from the operation will be printed to Casemate's server logs.";

function openApprole(host: Host) {
  const roles = createRoles(host);
  const secretIds = createSecretIds(host);
  const tidy = createTidy(host, secretIds);
  return engine<typeof contract>({
    contract,
    handlers: {
      ...roleHandlers(host, roles, (uid) => tidy.purge(uid)),
      ...singleFieldHandlers(roles),
      ...secretIdHandlers(host, roles, secretIds),
      ...loginHandlers(roles, secretIds),
      tidy: {
        write() {
          tidy.now();
          return { status: 202, warnings: [tidyStarted] };
        },
      },
    },
    async renewLogin({ role_name: name }) {
      const role = await roles.find(String(name));
      if (role === undefined) throw new Fault('invalid-request', `role ${JSON.stringify(name)} does not exist during renewal`);
      return loginLimits(role.limits, '');
    },
    async loginRole(path, { role_id: roleId }) {
      if (path !== 'login' || typeof roleId !== 'string') return undefined;
      return (await roles.byRoleId(roleId.trim()))?.name;
    },
    close: () => tidy.end(),
  });
}
