// The configuration of the KMS plugin: providers with their sockets and keys, a listener for health, the audit file.

import { isIP } from 'node:net';
import type { LogLevel } from '../log.ts';
import { type KeyStanza, keyTypes, needed, readKeyStanza } from './key-stanza.ts';
import { type Address, address, bool, type Kind, path, timeout, word } from './kind.ts';
import { openSection, quoted, refuse, type Section } from './section.ts';
import { type ConfigText, parseConfigText } from './syntax.ts';

export interface KmsConfig {
  /** At least one; names and sockets are each used once. */
  readonly providers: readonly KmsProvider[];
  /** Health and metrics, on a loopback address; undefined: nowhere. */
  readonly health: Address | undefined;
  readonly audit: { readonly path: string; readonly required: boolean };
  readonly logLevel: LogLevel;
}

export interface KmsProvider {
  readonly name: string;
  /** Path. */
  readonly socket: string;
  /** The first seals, the others open what they have sealed before. */
  readonly keys: readonly [KeyStanza, ...KeyStanza[]];
  /** As `casemate kms check` prints it: what the first key must open, so that a node with another key is found. */
  readonly proof: string | undefined;
  /** Milliseconds between two probes of a key that answers. */
  readonly probeEvery: number;
  /** Milliseconds without a good probe after which Status says so. */
  readonly unhealthyAfter: number;
}

export const kmsDefaults = {
  health: { host: '127.0.0.1', port: 8250 },
  audit: { path: 'stdout', required: true },
  probeEvery: 30_000,
  unhealthyAfter: 60_000,
  logLevel: 'info',
} as const;

/** Throws Fault `usage`: `kms.hcl:12: what is wrong and what is allowed`; a key that is not known is wrong too. */
export function readKmsConfig(given: ConfigText): KmsConfig {
  const unknown: string[] = [];
  const top = openSection(
    parseConfigText(given).map((item) => ({ item, file: given.path })),
    { title: '', labels: [], where: given.path, warn: (warning) => unknown.push(warning) },
  );
  const config = {
    providers: readProviders(top),
    health: readHealth(top),
    audit: readAudit(top),
    logLevel: top.read('log_level', levels) ?? kmsDefaults.logLevel,
  };
  top.warnOfRest();
  // A misspelt proof would leave out the very check that it asks for.
  if (unknown[0] !== undefined) throw refuse(given.path, unknown[0]);
  return config;
}

const levels = word(new Map((['trace', 'debug', 'info', 'warn', 'error'] as const).map((level) => [level, level] as const)));

function readProviders(top: Section): KmsProvider[] {
  const names = new Map<string, string>();
  const sockets = new Map<string, string>();
  const providers = top.stanzas('provider', 'NAME').map((stanza) => {
    const provider = readProvider(stanza);
    once(names, provider.name, stanza, 'the name');
    once(sockets, provider.socket, stanza, 'the socket');
    return provider;
  });
  if (providers.length === 0) throw refuse(top.where, 'no provider is configured; add provider "NAME" { socket = "/…"  key "TYPE" { … } }');
  return providers;
}

function once(seen: Map<string, string>, value: string, stanza: Section, what: string): void {
  const first = seen.get(value);
  if (first !== undefined) throw refuse(stanza.where, `the provider at ${first} has ${what} ${quoted(value)} already; give each its own`);
  seen.set(value, stanza.where);
}

function readProvider(stanza: Section): KmsProvider {
  const name = stanza.labels[0] ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw refuse(stanza.where, 'the name of a provider has letters, digits, dots, dashes and underscores, 64 at most');
  const [key, ...others] = stanza.stanzas('key', 'TYPE').map(readKeyStanza);
  if (key === undefined) throw refuse(stanza.where, `${stanza.title} needs key "TYPE" { … }, of type ${keyTypes}`);
  const provider = {
    name,
    socket: socketPath(needed(stanza, 'socket', path)),
    keys: [key, ...others] as const,
    proof: stanza.read('proof', proof),
    probeEvery: stanza.read('probe_every', timeout) ?? kmsDefaults.probeEvery,
    unhealthyAfter: stanza.read('unhealthy_after', timeout) ?? kmsDefaults.unhealthyAfter,
  };
  if (provider.probeEvery < 100) throw refuse(stanza.whereIs('probe_every'), 'probe_every must be 100ms or more');
  stanza.warnOfRest();
  return provider;
}

const proof: Kind<string> = {
  allowed: 'what casemate kms check prints as proof',
  of: (value) => (value.kind === 'string' && /^[A-Za-z0-9+/]{16,}={0,2}$/.test(value.text) ? value.text : undefined),
};

/** An EncryptionConfiguration writes it as a URL, and who copies it from there is right as well. */
export function socketPath(given: string): string {
  return given.startsWith('unix://') ? given.slice('unix://'.length) : given;
}

function readHealth(top: Section): Address | undefined {
  const stanza = top.merged('health');
  const given = stanza.read('address', address) ?? kmsDefaults.health;
  const disabled = stanza.read('disabled', bool) ?? false;
  stanza.warnOfRest();
  if (disabled) return undefined;
  if (!isLoopback(given.host))
    throw refuse(
      stanza.whereIs('address'),
      'the address of health must be a loopback one, such as 127.0.0.1:8250: nobody is asked for a token there',
    );
  return given;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function readAudit(top: Section): KmsConfig['audit'] {
  const stanza = top.merged('audit');
  const audit = {
    path: stanza.read('path', path) ?? kmsDefaults.audit.path,
    required: stanza.read('required', bool) ?? kmsDefaults.audit.required,
  };
  if (audit.path !== 'stdout' && !audit.path.startsWith('/'))
    throw refuse(stanza.whereIs('path'), 'the path of audit must be stdout or an absolute path');
  stanza.warnOfRest();
  return audit;
}
