// Limits on metadata and policies of entities, groups and aliases.

import { Fault } from '../../base/fault.ts';
import type { Metadata } from './records.ts';

const mostPairs = 64;
const longestKey = 128;
const longestValue = 512;
const keyPattern = /^[a-zA-Z0-9=/+_-]+$/;

/** null for none. `what` begins the refusal: `invalid entity metadata`. Throws Fault `invalid-request`, never with a value in it. */
export function checkedMetadata(metadata: Metadata, what: string): Metadata | null {
  const pairs = Object.entries(metadata);
  if (pairs.length > mostPairs) throw refused(`${what}: metadata cannot contain more than ${mostPairs} key/value pairs`);
  for (const [key, value] of pairs) {
    const why = whyNot(key, value);
    if (why !== undefined) throw refused(`${what}: failed to load metadata pair ${JSON.stringify(key.slice(0, longestKey))}: ${why}`);
  }
  return pairs.length === 0 ? null : metadata;
}

function whyNot(key: string, value: string): string | undefined {
  if (key === '') return 'key cannot be blank';
  if (!keyPattern.test(key)) return 'key contains invalid characters';
  if (key.length > longestKey) return `key is too long (limit: ${longestKey} characters)`;
  if (key.startsWith('vault-')) return 'key prefix "vault-" is reserved for internal use';
  return Buffer.byteLength(value) > longestValue ? `value is too long (limit: ${longestValue} characters)` : undefined;
}

/** null for none. Operators set it on aliases, with the limits of the KV engine's. Throws Fault `invalid-request`. */
export function checkedCustomMetadata(metadata: Metadata): Metadata | null {
  const pairs = Object.entries(metadata);
  const failed = (why: string) => refused(`custom_metadata validation failed: ${why}`);
  if (pairs.length > mostPairs) throw failed(`payload must contain at most ${mostPairs} keys, provided ${pairs.length}`);
  for (const [key, value] of pairs) {
    if (key === '' || Buffer.byteLength(key) > longestKey)
      throw failed(`length of key is ${Buffer.byteLength(key)} but max is ${longestKey}`);
    if (value === '' || Buffer.byteLength(value) > longestValue)
      throw failed(`length of value for key ${JSON.stringify(key)} is ${Buffer.byteLength(value)} but max is ${longestValue}`);
  }
  return pairs.length === 0 ? null : metadata;
}

/** Lower case, each once, in the order they were sent. Throws Fault `invalid-request` for `root`, which no group of people has. */
export function checkedPolicies(names: readonly string[]): readonly string[] {
  const policies = [...new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))];
  if (policies.includes('root')) throw refused('policies cannot contain root');
  return policies;
}

function refused(message: string): Fault {
  return new Fault('invalid-request', message);
}
