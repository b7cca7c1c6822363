// sys/policies/acl, the older sys/policy, and what capabilities a token has.

import { contract } from '../schema/contract.ts';
import { bool, integer, name, text, texts, time } from '../schema/fields.ts';

const policyOutput = {
  name: text('Lower case'),
  version: integer('Counts the writes'),
  cas_required: bool('Whether a write must name the version that it replaces'),
  modified: time('When it was written last'),
  allow_slashes_in_identity_templates: bool('Whether template values may hold /'),
  allow_wildcards_in_identity_templates: bool('Whether template values may hold * and +'),
} as const;

const templateLeave = {
  allow_slashes_in_identity_templates: bool('Lets values of templates hold /'),
  allow_wildcards_in_identity_templates: bool('Lets values of templates hold * and +'),
} as const;

const capabilityPaths = {
  paths: texts('Paths to ask about'),
  path: texts('The older name of paths', { deprecated: true }),
} as const;
const capabilityOutput = {
  capabilities: texts('Of the path, when one was asked about'),
  '<path>': texts('Capabilities, sorted; deny or root alone'),
} as const;

export const sysPolicies = contract({
  name: 'system',
  description: 'ACL policies.',
  routes: {
    acls: {
      path: 'policies/acl',
      summary: 'Names of the ACL policies.',
      help: 'The root policy is in the list although it has no text.',
      fields: {},
      operations: { list: { summary: 'List the names.', output: { keys: texts('Names') } } },
    },
    acl: {
      path: 'policies/acl/{name}',
      summary: 'One ACL policy.',
      help: 'A policy is HCL or JSON: paths and what may be done there. What no policy allows is denied.',
      fields: { name: name('Name of the policy; folded to lower case') },
      operations: {
        read: { summary: 'Read the policy.', output: { ...policyOutput, policy: text('As it was written') } },
        write: {
          summary: 'Write the policy.',
          input: {
            policy: text('HCL or JSON, plain or base64'),
            cas: integer('The version that this write replaces; -1 for a policy that must not exist'),
            cas_required: bool('Ask later writes for cas'),
            ...templateLeave,
          },
        },
        delete: { summary: 'Delete the policy.' },
      },
    },
    policies: {
      path: 'policy',
      summary: 'Names of the ACL policies (older path).',
      help: 'The same as policies/acl.',
      fields: {},
      injected: true,
      operations: {
        read: { summary: 'List the names.', output: { keys: texts('Names'), policies: texts('Names') } },
        list: { summary: 'List the names.', output: { keys: texts('Names'), policies: texts('Names') } },
      },
    },
    policy: {
      path: 'policy/{name}',
      summary: 'One ACL policy (older path).',
      help: 'The same as policies/acl/<name>, with the text in `rules`.',
      fields: { name: name('Name of the policy; folded to lower case') },
      injected: true,
      operations: {
        read: { summary: 'Read the policy.', output: { ...policyOutput, rules: text('As it was written') } },
        write: {
          summary: 'Write the policy.',
          input: {
            policy: text('HCL or JSON, plain or base64'),
            rules: text('The older name of policy', { deprecated: true }),
            cas: integer('The version that this write replaces'),
            ...templateLeave,
          },
        },
        delete: { summary: 'Delete the policy.' },
      },
    },
    capabilities: {
      path: 'capabilities',
      summary: 'What a token may do at some paths.',
      help: 'Answers per path with the capabilities that the policies of the token add up to.',
      fields: { ...capabilityPaths, token: text('The token to ask about', { secret: true }) },
      injected: true,
      operations: { write: { summary: 'Read the capabilities.', output: capabilityOutput } },
    },
    capabilitiesSelf: {
      path: 'capabilities-self',
      summary: 'What the caller may do at some paths.',
      help: 'Answers per path with the capabilities that the policies of the caller add up to.',
      fields: { ...capabilityPaths, token: text('Ignored', { deprecated: true }) },
      injected: true,
      operations: { write: { summary: 'Read the capabilities.', output: capabilityOutput } },
    },
    capabilitiesAccessor: {
      path: 'capabilities-accessor',
      summary: 'What the token of an accessor may do at some paths.',
      help: 'Answers per path with the capabilities that the policies of the token add up to.',
      fields: { ...capabilityPaths, accessor: text('Accessor of the token to ask about') },
      injected: true,
      operations: { write: { summary: 'Read the capabilities.', output: capabilityOutput } },
    },
  },
});
