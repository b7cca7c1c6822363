// sys/locked-users: who is locked out after failed logins.

import { contract } from '../schema/contract.ts';
import { any, integer, text } from '../schema/fields.ts';

export const sysLockedUsers = contract({
  name: 'system',
  description: 'Users that are locked out after failed logins.',
  routes: {
    lockedUsers: {
      path: 'locked-users',
      summary: 'Who is locked out.',
      help: 'Users by auth mount, the mounts with most of them first. Names are those that the method knows: user names, role ids.',
      fields: {},
      operations: {
        read: {
          summary: 'List them.',
          input: { mount_accessor: text('One mount alone') },
          output: { by_namespace: any('namespace_id, namespace_path, counts, mount_accessors'), total: integer('Users') },
        },
      },
    },
    unlock: {
      path: 'locked-users/{mount_accessor}/unlock/{alias_identifier...}',
      summary: 'Let a user log in again.',
      help: 'The count of failed logins starts anew. A user who is not locked out may be unlocked too.',
      fields: { mount_accessor: text('Accessor of the auth mount'), alias_identifier: text('A user name, a role id') },
      operations: { write: { summary: 'Unlock the user.' } },
    },
  },
});
