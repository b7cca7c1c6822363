// The auth method approle: roles for machines, which log in with the id of a role and a secret id that was made for it.

import { contract } from '../schema/contract.ts';
import { any, bool, commas, duration, integer, pairs, text, time } from '../schema/fields.ts';
import { byRole, oldRoleFields, roleFields, singleFieldRoutes } from './approle-role.ts';
import { pageFields, tokenFields } from './login-fields.ts';

const { policies, period } = oldRoleFields;
const keys = commas('Names, in order');

const secretIdFields = {
  metadata: any('Kept with the secret id and with the tokens of its logins: a JSON object, or k=v,k=v'),
  cidr_list: commas('Blocks of addresses that logins with it may come from; they must lie in those of the role'),
  token_bound_cidrs: commas('Blocks of addresses that its tokens may be used from; they must lie in those of the role'),
  num_uses: integer('How many logins it is good for; no more than the role says'),
  ttl: duration('How long it is good for; no longer than the role says'),
} as const;

const madeSecretId = {
  secret_id: text('The secret id, which is shown this once', { secret: true }),
  secret_id_accessor: text('Names the secret id without being one'),
  secret_id_num_uses: integer('Logins that it is good for; 0 for any number'),
  secret_id_ttl: integer('Seconds'),
} as const;

const shownSecretId = {
  cidr_list: commas('Where logins may come from'),
  creation_time: time('When it was made'),
  expiration_time: time('When it ends; the year 1 for never'),
  last_updated_time: time('When it was made, or used last where uses are counted'),
  metadata: pairs('As given'),
  secret_id_accessor: text('Names the secret id'),
  secret_id_num_uses: integer('Logins that are left; 0 for any number'),
  secret_id_ttl: integer('Seconds, as given'),
  token_bound_cidrs: commas('Where its tokens may be used from'),
} as const;

const secret_id = text('The secret id', { secret: true });
const secret_id_accessor = text('Accessor of the secret id');

export const approle = contract({
  name: 'approle',
  description: 'Roles for machines: a role id, and secret ids that are handed out for it.',
  routes: {
    roles: {
      path: 'role',
      summary: 'The roles.',
      help: 'The names of all roles, in lower case.',
      fields: {},
      operations: { list: { summary: 'List the roles.', input: pageFields, output: { keys } } },
    },
    role: {
      path: 'role/{role_name}',
      summary: 'Write, read or delete a role.',
      help: 'A role must ask for something: a secret id, or addresses that logins come from or tokens are used from. Deleting it makes its secret ids useless.',
      fields: byRole,
      exists: true,
      operations: {
        read: { summary: 'Read the role.', output: { ...roleFields, ...tokenFields, policies, period } },
        write: {
          summary: 'Write the role; what is not sent stays as it is.',
          input: { ...roleFields, ...tokenFields, ...oldRoleFields, role_id: text('Instead of one that the server makes') },
        },
        delete: { summary: 'Delete the role.' },
      },
    },
    ...singleFieldRoutes,
    localSecretIds: {
      path: 'role/{role_name}/local-secret-ids',
      summary: 'Whether secret ids are local.',
      help: 'As it was given when the role was made.',
      fields: byRole,
      operations: { read: { summary: 'Read it.', output: { local_secret_ids: bool('As given') } } },
    },
    roleId: {
      path: 'role/{role_name}/role-id',
      summary: 'The id of a role.',
      help: 'What logins name the role by. It is no secret, but need not be known to everybody.',
      fields: byRole,
      operations: {
        read: { summary: 'Read it.', output: { role_id: text('Id of the role') } },
        write: { summary: 'Choose it.', input: { role_id: text('An id that no other role has') } },
      },
    },
    secretIds: {
      path: 'role/{role_name}/secret-id',
      summary: 'Make a secret id, or list the accessors of all.',
      help: 'The secret id is shown once and kept as a keyed digest. Asked for with a wrapping time it can be handed on so that a theft shows.',
      fields: byRole,
      operations: {
        list: { summary: 'List the accessors.', input: pageFields, output: { keys } },
        write: { summary: 'Make a secret id.', input: secretIdFields, output: madeSecretId },
      },
    },
    customSecretId: {
      path: 'role/{role_name}/custom-secret-id',
      summary: 'Take a secret id that the caller chose.',
      help: 'For systems that hand out secrets themselves; prefer those that the server makes.',
      fields: byRole,
      operations: { write: { summary: 'Take it.', input: { secret_id, ...secretIdFields }, output: madeSecretId } },
    },
    secretIdLookup: {
      path: 'role/{role_name}/secret-id/lookup',
      summary: 'What is known of a secret id.',
      help: 'Nothing is said of one that is not known or no longer good.',
      fields: byRole,
      operations: { write: { summary: 'Look it up.', input: { secret_id }, output: shownSecretId } },
    },
    secretIdDestroy: {
      path: 'role/{role_name}/secret-id/destroy',
      summary: 'Make a secret id useless.',
      help: 'Tokens of earlier logins live on.',
      fields: byRole,
      operations: {
        write: { summary: 'Destroy it.', input: { secret_id } },
        delete: { summary: 'Destroy it.', input: { secret_id } },
      },
    },
    accessorLookup: {
      path: 'role/{role_name}/secret-id-accessor/lookup',
      summary: 'What is known of a secret id, by its accessor.',
      help: 'For those who look after secret ids and must not know them.',
      fields: byRole,
      operations: { write: { summary: 'Look it up.', input: { secret_id_accessor }, output: shownSecretId } },
    },
    accessorDestroy: {
      path: 'role/{role_name}/secret-id-accessor/destroy',
      summary: 'Make a secret id useless, by its accessor.',
      help: 'Tokens of earlier logins live on.',
      fields: byRole,
      operations: {
        write: { summary: 'Destroy it.', input: { secret_id_accessor } },
        delete: { summary: 'Destroy it.', input: { secret_id_accessor } },
      },
    },
    tidy: {
      path: 'tidy/secret-id',
      summary: 'Delete secret ids whose time is over.',
      help: 'They are useless already, and the server clears them away by itself. This does it now, in the background.',
      fields: {},
      operations: { write: { summary: 'Start it.' } },
    },
    login: {
      path: 'login',
      summary: 'Log in with a role id and a secret id.',
      help: 'After several wrong secret ids the role is locked out for a while, as the mount is tuned.',
      fields: {},
      unauthenticated: true,
      operations: { write: { summary: 'Log in.', input: { role_id: text('Id of the role'), secret_id } } },
    },
  },
});
