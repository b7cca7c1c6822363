// The auth method userpass: names and passwords for people.

import { contract } from '../schema/contract.ts';
import { commas, name, text } from '../schema/fields.ts';
import { oldTokenFields, pageFields, tokenFields } from './login-fields.ts';

const { policies, ttl, max_ttl, bound_cidrs } = oldTokenFields;
const username = name('Name of the user; upper case counts as lower case');

const passwordFields = {
  password: text('The password, of 72 bytes at most', { secret: true }),
  password_hash: text('A bcrypt hash of cost 5 to 12, instead of the password', { secret: true }),
} as const;

export const userpass = contract({
  name: 'userpass',
  description: 'Names and passwords for people.',
  routes: {
    users: {
      path: 'users',
      summary: 'The users.',
      help: 'The names of all users, in lower case.',
      fields: {},
      operations: { list: { summary: 'List the users.', input: pageFields, output: { keys: commas('Names') } } },
    },
    user: {
      path: 'users/{username}',
      summary: 'Write, read or delete a user.',
      help: 'A new user needs a password or the hash of one. The password is never shown. Deleting a user does not end the tokens of earlier logins; they cannot be renewed any more.',
      fields: { username },
      exists: true,
      operations: {
        read: {
          summary: 'Read what tokens the user gets.',
          output: { ...tokenFields, policies, ttl, max_ttl, bound_cidrs },
        },
        write: {
          summary: 'Write the user; what is not sent stays as it is.',
          input: { ...passwordFields, ...tokenFields, policies, ttl, max_ttl, bound_cidrs },
        },
        delete: { summary: 'Delete the user.' },
      },
    },
    password: {
      path: 'users/{username}/password',
      summary: 'Change the password of a user.',
      help: 'Takes a new password, or the bcrypt hash of one.',
      fields: { username },
      operations: { write: { summary: 'Change the password.', input: passwordFields } },
    },
    policies: {
      path: 'users/{username}/policies',
      summary: 'Change the policies of a user.',
      help: 'Later logins get the new policies. Tokens of earlier logins keep theirs, and cannot be renewed any more.',
      fields: { username },
      operations: { write: { summary: 'Change the policies.', input: { token_policies: tokenFields.token_policies, policies } } },
    },
    login: {
      path: 'login/{username}',
      summary: 'Log in with name and password.',
      help: 'After several wrong passwords the user is locked out for a while, as the mount is tuned.',
      fields: { username },
      unauthenticated: true,
      operations: { write: { summary: 'Log in.', input: { password: text('The password', { secret: true }) } } },
    },
  },
});
