// Handlers of sys/policies/password.

import { sysPasswordPolicies } from '../../api/sys-password-policies.ts';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Storage } from '../../storage/storage.ts';
import { engine, type OpenEngine } from '../core/engine.ts';
import { decodeEntry, encodeEntry } from '../leases/stored.ts';
import { generatePassword, parsePasswordPolicy } from '../policies/password.ts';

interface Stored {
  readonly format: 1;
  readonly text: string;
}

const prefix = 'sys/password-policy/';

export function openPasswordPolicies({ storage, random }: { readonly storage: Storage; readonly random: RandomBytes }): OpenEngine {
  const textOf = async (name: string): Promise<string | undefined> => {
    const stored = await storage.get(prefix + name);
    return stored === undefined ? undefined : decodeEntry<Stored>(stored, 'a password policy').text;
  };
  return engine<typeof sysPasswordPolicies>({
    contract: sysPasswordPolicies,
    handlers: {
      passwordPolicies: { list: async () => ({ data: { keys: await storage.list(prefix) } }) },
      passwordPolicy: {
        read: async ({ name = '' }) => {
          const text = await textOf(name);
          return text === undefined ? undefined : { data: { policy: text } };
        },
        write: async ({ name = '', policy = '' }) => {
          if (policy === '') throw new Fault('invalid-request', 'missing policy');
          const text = plain(policy);
          // A policy that no password follows is found out here and not by the engine that needs one.
          generatePassword(parsePasswordPolicy(text), random);
          await storage.put(prefix + name, encodeEntry<Stored>({ format: 1, text }));
          return undefined;
        },
        delete: async ({ name = '' }) => {
          await storage.delete(prefix + name);
          return undefined;
        },
      },
      password: {
        read: async ({ name = '' }) => {
          const text = await textOf(name);
          if (text === undefined) throw new Fault('not-found', 'policy does not exist');
          return { data: { password: generatePassword(parsePasswordPolicy(text), random) } };
        },
      },
    },
  });
}

/** Base64 where it is nothing else: a policy holds blanks or braces. */
function plain(policy: string): string {
  return /^[A-Za-z0-9+/\s]+={0,2}$/.test(policy) && !/\s\S/.test(policy.trim()) ? Buffer.from(policy, 'base64').toString() : policy;
}
