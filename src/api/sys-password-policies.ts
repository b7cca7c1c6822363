// sys/policies/password: how passwords are made for those who get them from an engine.

import { contract } from '../schema/contract.ts';
import { name, text, texts } from '../schema/fields.ts';

const policyName = name('Lower case');

export const sysPasswordPolicies = contract({
  name: 'system',
  description: 'Password policies.',
  routes: {
    passwordPolicies: {
      path: 'policies/password',
      summary: 'Names of the password policies.',
      help: 'Engines that make passwords name one of them.',
      fields: {},
      operations: { list: { summary: 'List the names.', output: { keys: texts('Names') } } },
    },
    passwordPolicy: {
      path: 'policies/password/{name}',
      summary: 'One password policy.',
      help: 'HCL or JSON: `length`, and blocks `rule "charset"` with `charset` and `min-chars`.',
      fields: { name: policyName },
      operations: {
        read: { summary: 'Read the policy.', output: { policy: text('As it was written') } },
        write: { summary: 'Make or replace the policy.', input: { policy: text('The policy, or its base64') } },
        delete: { summary: 'Delete the policy.' },
      },
    },
    password: {
      path: 'policies/password/{name}/generate',
      summary: 'A password that follows a policy.',
      help: 'It is kept nowhere.',
      fields: { name: policyName },
      operations: { read: { summary: 'Make one.', output: { password: text('The password', { secret: true }) } } },
    },
  },
});
