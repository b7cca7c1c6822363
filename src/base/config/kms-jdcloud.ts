// The configuration of JD Cloud's own KMS plugin, so that Casemate takes its place with the file as it stands.

import { Fault } from '../fault.ts';
import { parseJson } from '../json.ts';
import type { KeySource } from './key-source.ts';
import { type KmsConfig, kmsDefaults, socketPath } from './kms.ts';
import { refuse } from './section.ts';
import type { ConfigText } from './syntax.ts';

const names = ['AccessKey', 'SecretKey', 'KmsEndpoint', 'KmsKeyId', 'KmsSchema', 'GRPCSocketPath', 'DebugMode'] as const;
/** Ours, beside them. */
const added = ['SessionToken', 'AllowPlainHttp'] as const;
type Name = (typeof names)[number] | (typeof added)[number];

/** Undefined for a text that is another kind of configuration. Throws Fault `usage` for one that is this kind and broken. */
export function readJdcloudConfig({ path, text }: ConfigText): KmsConfig | undefined {
  if (!/^\s*\{/.test(text) || !/"(?:AccessKey|SecretKey|KmsKeyId|KmsEndpoint|GRPCSocketPath)"/i.test(text)) return undefined;
  const values = valuesOf(path, withoutNotes(text));
  const needed = (name: Name): string => {
    const value = values.get(name);
    if (typeof value !== 'string' || value === '') throw refuse(path, `${name} is needed, as a text`);
    return value;
  };
  const optional = (name: Name): string | undefined => (values.has(name) ? needed(name) : undefined);
  const secret = (name: Name): KeySource => {
    const place = placeOfSecret(needed(name).trim());
    if (place === undefined) throw refuse(path, `${name} must be the secret itself, file:///PATH or env://NAME`);
    return place;
  };
  const truth = (name: Name): boolean => {
    const value = values.get(name) ?? false;
    if (typeof value !== 'boolean') throw refuse(path, `${name} must be true or false`);
    return value;
  };
  // Their plugin takes http where nothing is said; a key that travels in clear is not something to be had by leaving a line out.
  const schema = (optional('KmsSchema') ?? 'https').toLowerCase();
  if (schema !== 'http' && schema !== 'https') throw refuse(path, 'KmsSchema must be https, or http with AllowPlainHttp');
  return {
    providers: [
      {
        name: 'jdcloud',
        socket: socketPath(needed('GRPCSocketPath')),
        keys: [
          {
            type: 'jdcloud',
            key: needed('KmsKeyId'),
            endpoint: `${schema}://${needed('KmsEndpoint').replace(/^https?:\/\//i, '')}`,
            accessKey: secret('AccessKey'),
            secretKey: secret('SecretKey'),
            sessionToken: values.has('SessionToken') ? secret('SessionToken') : undefined,
            allowPlainHttp: truth('AllowPlainHttp'),
          },
        ],
        proof: undefined,
        probeEvery: kmsDefaults.probeEvery,
        unhealthyAfter: kmsDefaults.unhealthyAfter,
      },
    ],
    health: kmsDefaults.health,
    audit: kmsDefaults.audit,
    logLevel: truth('DebugMode') ? 'debug' : kmsDefaults.logLevel,
  };
}

/** Names in upper or lower case, as Go's decoder takes them, and with underscores, as sentences about keys write them. */
function valuesOf(path: string, text: string): ReadonlyMap<Name, unknown> {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (thrown) {
    throw thrown instanceof Fault ? refuse(path, thrown.message) : thrown;
  }
  const known = new Map([...names, ...added].map((name) => [name.toLowerCase(), name] as const));
  const values = new Map<Name, unknown>();
  for (const [key, value] of Object.entries(parsed as object)) {
    const name = known.get(key.replaceAll('_', '').toLowerCase());
    if (name === undefined)
      throw refuse(path, `${JSON.stringify(key.slice(0, 60))} is not known; there are ${[...known.values()].join(', ')}`);
    values.set(name, value);
  }
  return values;
}

/** The guide that describes this file explains its lines behind a #, and whoever copies it copies that too. */
function withoutNotes(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|#[^\n]*/g, (found) => (found.startsWith('#') ? '' : found));
}

/** `file:///PATH` and `env://NAME` name a place, as in our own configuration, and anything else is the secret itself. */
function placeOfSecret(typed: string): KeySource | undefined {
  if (typed.startsWith('file://')) return /^file:\/\/\/[^\0]+$/.test(typed) ? { kind: 'file', path: typed.slice(7) } : undefined;
  if (typed.startsWith('env://'))
    return /^env:\/\/[A-Za-z_][A-Za-z0-9_]*$/.test(typed) ? { kind: 'environment', name: typed.slice(6) } : undefined;
  return { kind: 'text', reveal: () => typed };
}
