// Policies as they are stored, and the ACLs that sets of them compile to.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import { type Acl, compileAcl, rootAcl } from './acl.ts';
import { defaultPolicyText, responseWrappingPolicyText } from './built-in.ts';
import { nextExpiry, withoutExpired } from './expiration.ts';
import { type Policy, parsePolicy, type TemplateLeave } from './policy.ts';
import { resolveTemplates, type Templating } from './templates.ts';

export interface StoredPolicy {
  readonly format: 1;
  readonly name: string;
  readonly text: string;
  readonly version: number;
  readonly casRequired: boolean;
  /** Milliseconds since the epoch. */
  readonly modified: number;
  readonly leave?: TemplateLeave;
}

export interface PolicyEdit {
  readonly cas?: number | undefined;
  readonly casRequired?: boolean | undefined;
  /** What is not said is not given, whatever the policy had before. */
  readonly leave?: TemplateLeave | undefined;
}

export interface PolicyStore {
  get(name: string): Promise<StoredPolicy | undefined>;
  /** Throws Fault `invalid-request` for what does not parse, and for `root`. */
  put(name: string, text: string, edit?: PolicyEdit): Promise<void>;
  delete(name: string): Promise<void>;
  /** Sorted, with `root`. */
  list(): Promise<string[]>;
  /** What these policies add up to, with the template values of whoever has them; those that do not exist add nothing. */
  aclFor(names: readonly string[], templating?: Templating): Promise<Acl>;
  /** Writes the policies of a new store. */
  initialize(): Promise<void>;
}

export interface PolicyStoreParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly clock: Clock;
}

interface Known extends StoredPolicy {
  readonly parsed: Policy;
}

interface Compiled {
  readonly of: readonly (Known | undefined)[];
  readonly acl: Acl;
  /** Milliseconds since the epoch; when the first of its rules expires. */
  readonly until: number;
  readonly templating: Templating;
}

const prefix = 'sys/policy/';
const keptAcls = 4_000;
/** Tokens without an entity: nothing of identity resolves. */
const nobody: Templating = { id: '', lookup: () => undefined };

export function createPolicies({ storage, cached, clock }: PolicyStoreParts): PolicyStore {
  const compiled = new Map<string, Compiled>();

  const known = (name: string) => cached(`${prefix}${name}`, decode);
  const write = (name: string, text: string, edit: PolicyEdit = {}) => {
    parsePolicy(name, text);
    return storage.transact(async (transaction) => {
      const stored = await transaction.get(`${prefix}${name}`);
      const before = stored === undefined ? undefined : decode(stored);
      checkCas(before, edit.cas);
      const policy: StoredPolicy = {
        format: 1,
        name,
        text,
        version: (before?.version ?? 0) + 1,
        casRequired: edit.casRequired ?? before?.casRequired ?? false,
        modified: clock.now(),
        ...(edit.leave === undefined ? {} : { leave: edit.leave }),
      };
      transaction.put(`${prefix}${name}`, Buffer.from(JSON.stringify(policy)));
    });
  };

  return {
    async get(name) {
      if (name === 'root') return { format: 1, name, text: '', version: 0, casRequired: false, modified: 0 };
      return known(name);
    },
    async put(name, text, options) {
      if (name === 'root') throw new Fault('invalid-request', 'cannot update "root" policy');
      if (name === 'response-wrapping') throw new Fault('invalid-request', 'cannot update "response-wrapping" policy');
      await write(name, text, options);
    },
    async delete(name) {
      if (name === 'root' || name === 'response-wrapping')
        throw new Fault('invalid-request', `cannot delete ${JSON.stringify(name)} policy`);
      if (name === 'default') throw new Fault('invalid-request', 'cannot delete default policy');
      await storage.delete(`${prefix}${name}`);
    },
    async list() {
      const names = (await storage.list(prefix)).filter((name) => name !== 'response-wrapping');
      return [...names, 'root'].sort();
    },
    async aclFor(names, templating = nobody) {
      if (names.includes('root')) return rootAcl;
      const { keys, key } = keysOf(names, templating);
      const of: (Known | undefined)[] = [];
      for (const one of keys) {
        const found = cached(one, decode);
        of.push(found instanceof Promise ? await found : found);
      }
      const now = clock.now();
      const before = compiled.get(key);
      if (before !== undefined && isCurrent(before, of, templating, now)) return before.acl;
      const all = of.flatMap((policy) => (policy === undefined ? [] : [policy.parsed]));
      const policies = all.map((policy) => withoutExpired(policy, now));
      const resolved = (some: readonly Policy[]) => some.map((policy) => resolveTemplates(policy, templating));
      const acl = compileAcl(resolved(policies), policies.some((policy, at) => policy !== all[at]) ? resolved(all) : undefined);
      if (compiled.size >= keptAcls) compiled.delete(compiled.keys().next().value as string);
      compiled.set(key, { of, acl, until: nextExpiry(policies), templating });
      return acl;
    },
    async initialize() {
      await write('default', defaultPolicyText);
      await write('response-wrapping', responseWrappingPolicyText);
    },
  };
}

function isCurrent(known: Compiled, of: Compiled['of'], templating: Templating, now: number): boolean {
  return now < known.until && known.templating === templating && known.of.every((policy, at) => policy === of[at]);
}

interface NameKeys {
  readonly keys: readonly string[];
  /** All names as one text, and whose template values count. */
  readonly key: string;
  readonly subject: string;
}

/** A token's list of names is the same object with every request, so its keys are made once. */
const namesToKeys = new WeakMap<readonly string[], NameKeys>();

function keysOf(names: readonly string[], { id: subject }: Templating): NameKeys {
  const known = namesToKeys.get(names);
  if (known?.subject === subject) return known;
  const made = { keys: names.map((name) => `${prefix}${name}`), key: [subject, ...names].join('\0'), subject };
  namesToKeys.set(names, made);
  return made;
}

function decode(bytes: Uint8Array): Known {
  const stored = JSON.parse(Buffer.from(bytes).toString()) as StoredPolicy;
  if (stored.format !== 1) throw new Fault('corrupted', 'a policy was written by a newer version; start that version again');
  const parsed = parsePolicy(stored.name, stored.text);
  return { ...stored, parsed: stored.leave === undefined ? parsed : { ...parsed, leave: stored.leave } };
}

function checkCas(before: StoredPolicy | undefined, cas: number | undefined): void {
  if (cas === undefined) {
    if (before?.casRequired === true) throw new Fault('invalid-request', 'check-and-set parameter required for this call');
    return;
  }
  const expected = before === undefined ? -1 : before.version;
  if (cas !== expected && !(before === undefined && cas === 0))
    throw new Fault('invalid-request', 'check-and-set parameter did not match the current version');
}
