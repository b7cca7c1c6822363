// Handlers of sys/policies/acl, sys/policy and sys/capabilities.

import { sysPolicies } from '../../api/sys-policies.ts';
import { Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import { type Answer, type EngineRequest, engine, type OpenEngine } from '../core/engine.ts';
import type { Acl } from '../policies/acl.ts';
import type { PolicyStore, StoredPolicy } from '../policies/store.ts';

export interface PolicyParts {
  readonly policies: PolicyStore;
  readonly aclOf: (request: EngineRequest) => Promise<Acl | undefined>;
  /** undefined for a token that is not valid. */
  readonly aclOfToken: (token: string) => Promise<Acl | undefined>;
  readonly aclOfAccessor: (accessor: string) => Promise<Acl | undefined>;
}

export function openPolicies({ policies, aclOf, aclOfToken, aclOfAccessor }: PolicyParts): OpenEngine {
  const names = async (): Promise<Answer> => {
    const keys = await policies.list();
    return { data: { keys, policies: keys } };
  };
  const show = async (name: string, textField: 'policy' | 'rules'): Promise<Answer | undefined> => {
    const policy = await policies.get(name);
    return policy === undefined ? undefined : { data: describe(policy, textField) };
  };
  const write = async (request: EngineRequest, input: WriteInput): Promise<Answer | undefined> => {
    const name = input.name ?? '';
    const text = input.policy === undefined || input.policy === '' ? (input.rules ?? '') : input.policy;
    if (text === '') throw new Fault('invalid-request', "'policy' parameter not supplied or empty");
    await policies.put(name, plainText(text), { cas: input.cas, casRequired: input.cas_required, leave: leaveOf(input) });
    const typed = request.path.slice(request.path.lastIndexOf('/') + 1);
    return typed === name ? undefined : { warnings: [`policy name was converted to ${name}`] };
  };
  const remove = async (name: string): Promise<undefined> => {
    await policies.delete(name);
    return undefined;
  };
  const capabilities = (acl: Acl | undefined, input: PathsInput): Answer => {
    if (acl === undefined) throw new Fault('invalid-request', 'invalid token');
    const paths = input.paths === undefined || input.paths.length === 0 ? (input.path ?? []) : input.paths;
    if (paths.length === 0) throw new Fault('invalid-request', 'paths must be supplied');
    const byPath = Object.fromEntries(paths.map((path) => [path, acl.capabilities(path.replace(/^\//, ''))]));
    return { data: { ...byPath, ...(paths.length === 1 ? { capabilities: byPath[paths[0] as string] } : {}) } };
  };

  return engine<typeof sysPolicies>({
    contract: sysPolicies,
    handlers: {
      acls: { list: async () => ({ data: { keys: await policies.list() } }) },
      acl: {
        read: ({ name = '' }) => show(name, 'policy'),
        write: (input, request) => write(request, input),
        delete: ({ name = '' }) => remove(name),
      },
      policies: { read: names, list: names },
      policy: {
        read: ({ name = '' }) => show(name, 'rules'),
        write: (input, request) => write(request, input),
        delete: ({ name = '' }) => remove(name),
      },
      capabilities: {
        write: async (input) => {
          if (input.token === undefined || input.token === '') throw new Fault('invalid-request', 'missing token');
          return capabilities(await aclOfToken(input.token), input);
        },
      },
      capabilitiesSelf: { write: async (input, request) => capabilities(await aclOf(request), input) },
      capabilitiesAccessor: {
        write: async (input) => {
          if (input.accessor === undefined || input.accessor === '') throw new Fault('invalid-request', 'missing accessor');
          return capabilities(await aclOfAccessor(input.accessor), input);
        },
      },
    },
  });
}

interface WriteInput {
  readonly name?: string | undefined;
  readonly policy?: string | undefined;
  readonly rules?: string | undefined;
  readonly cas?: number | undefined;
  readonly cas_required?: boolean | undefined;
  readonly allow_slashes_in_identity_templates?: boolean | undefined;
  readonly allow_wildcards_in_identity_templates?: boolean | undefined;
}

function leaveOf(input: WriteInput): StoredPolicy['leave'] {
  const slashes = input.allow_slashes_in_identity_templates === true;
  const wildcards = input.allow_wildcards_in_identity_templates === true;
  return slashes || wildcards ? { slashes, wildcards } : undefined;
}

interface PathsInput {
  readonly paths?: readonly string[] | undefined;
  readonly path?: readonly string[] | undefined;
}

function describe(policy: StoredPolicy, textField: 'policy' | 'rules'): Record<string, unknown> {
  return {
    allow_slashes_in_identity_templates: policy.leave?.slashes === true,
    allow_wildcards_in_identity_templates: policy.leave?.wildcards === true,
    cas_required: policy.casRequired,
    ...(policy.modified === 0 ? {} : { modified: rfc3339(policy.modified) }),
    name: policy.name,
    [textField]: policy.text,
    version: policy.version,
  };
}

/** Policies may be sent as base64; HCL never looks like it, since it holds blanks or quotes. */
function plainText(text: string): string {
  const bare = text.replace(/[\r\n]/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(bare)) return text;
  return Buffer.from(bare, 'base64').toString();
}
