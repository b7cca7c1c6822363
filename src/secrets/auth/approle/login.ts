// The login of a machine: a role id and a secret id, and what tokens they lead to.

import type { approle } from '../../../api/approle.ts';
import { Fault } from '../../../base/fault.ts';
import type { Answer, EngineRequest, Handlers } from '../../core/engine.ts';
import { loginLimits } from '../../core/login-limits.ts';
import { addressAllowed, cidrsWithin } from '../../identity/cidrs.ts';
import type { OpenRole } from './role.ts';
import type { Roles } from './roles.ts';
import type { SecretId, SecretIds } from './secret-ids.ts';

export function loginHandlers(roles: Roles, secretIds: SecretIds): Pick<Handlers<typeof approle>, 'login'> {
  return {
    login: {
      async write(input, { remoteAddress }: EngineRequest): Promise<Answer> {
        const roleId = (input.role_id ?? '').trim();
        const secretId = (input.secret_id ?? '').trim();
        if (roleId === '') throw new Fault('engine-failed', 'missing role_id', { framed: false });
        const role = await roles.byRoleId(roleId);
        if (role === undefined) {
          // Whoever tries role ids learns nothing from the time that it takes.
          await secretIds.pretend(secretId);
          throw wrong('none');
        }
        const check = (found: SecretId | undefined): void => checkAddress(role, found, remoteAddress);
        if (!role.bindSecretId) {
          check(undefined);
          return terms(role, undefined, remoteAddress);
        }
        if (secretId === '') throw new Fault('invalid-request', 'missing secret_id');
        const found = await secretIds.use(role, secretId, check);
        // No guess: whoever has it was let in with it before, and locks nobody out.
        if (found === 'spent') throw new Fault('invalid-request', refusal);
        if (found === undefined) throw wrong('known');
        return terms(role, found, remoteAddress);
      },
    },
  };
}

const refusal = 'invalid role or secret ID';

/** Whether there is such a role is for whoever counts failures, not for the client. */
function wrong(account: 'known' | 'none'): Fault {
  return new Fault('invalid-credentials', refusal, { fields: { account } });
}

/** The role may have been narrowed since the secret id was made. */
function checkAddress(role: OpenRole, found: SecretId | undefined, address: string): void {
  const ofRole = role.boundCidrs ?? [];
  if (found !== undefined && !cidrsWithin(found.cidrs, ofRole))
    throw new Fault('invalid-request', 'the CIDR blocks of the secret ID lie outside those of the role');
  if (!addressAllowed(found?.cidrs, address)) throw unauthorized(address, 'secret ID');
  if (!addressAllowed(ofRole, address)) throw unauthorized(address, 'role');
}

function unauthorized(address: string, what: string): Fault {
  return new Fault('invalid-request', `source address ${JSON.stringify(address)} unauthorized through CIDR restrictions on the ${what}`);
}

function terms(role: OpenRole, found: SecretId | undefined, remoteAddress: string): Answer {
  const metadata = { ...found?.metadata, role_name: role.name };
  const limits = loginLimits(role.limits, remoteAddress);
  const own = found?.tokenCidrs ?? [];
  return {
    login: {
      alias: { name: role.roleId, metadata },
      displayName: '',
      metadata,
      token: own.length === 0 ? limits : { ...limits, boundCidrs: own },
      internal: { role_name: role.name },
    },
  };
}
