// The guide and the reader know the same keys, and each example of the guide is taken, alike in HCL and in JSON.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from './reader.ts';

const guide = readFileSync(join(import.meta.dirname, '../../../docs/guide/configuration.md'), 'utf8');
const sections = new Map(guide.split(/^## /m).map((part) => [part.split('\n', 1)[0] ?? '', part]));

function examples(language: string, part: string): string[] {
  return [...part.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');
}

/** Keys of the tables, in the order of the guide. */
function tableKeys(part: string): string[] {
  return [...part.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1] ?? '');
}

/** What the example does not say itself is filled up from these. */
function completed(text: string): { path: string; text: string }[] {
  const missing = [
    ['storage', 'storage "inmem" {}'],
    ['listener', 'listener "tcp" { tls_disable = true }'],
  ].filter(([name]) => !new RegExp(`^${name} "|"${name}":`, 'm').test(text));
  return [
    { path: 'example', text },
    { path: 'rest', text: missing.map(([, stanza]) => stanza).join('\n') },
  ];
}

describe('the examples of the guide', () => {
  it.each([...sections.keys()].filter((name) => examples('hcl', sections.get(name) ?? '').length > 0))('are taken: %s', (name) => {
    const part = sections.get(name) ?? '';
    const hcl = examples('hcl', part).map((text) => readConfig(completed(text)));
    const json = examples('json', part).map((text) => readConfig(completed(text)));
    expect(json).toEqual(hcl);
    expect(hcl.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it('stand in every section', () => {
    const names = [...sections.keys()].slice(2);
    expect(names).toEqual(['Top level', 'storage', 'listener', 'seal', 'audit', 'user_lockout', 'telemetry']);
    for (const name of names) expect(examples('json', sections.get(name) ?? ''), name).toHaveLength(1);
  });
});

const ofListenerTelemetry = new Set(['unauthenticated_metrics_access', 'disallow_metrics', 'metrics_only', 'metrics_path']);

function listenerHolding(key: string): string {
  if (key.startsWith('socket_')) return `listener "unix" { address = "/a"\n ${key} = "" }`;
  const line = ofListenerTelemetry.has(key) ? `telemetry { ${key} = "" }` : `${key} = ""`;
  return `listener "tcp" { ${line}\n tls_disable = true }`;
}

const ofStatic = 'current_key = "env://A"\n previous_key = "env://B"';
const ofTransit = 'address = "https://a"\n key_name = "k"\n role_id = "env://R"';
const ofPkcs11 = 'lib = "/a.so"\n token_label = "t"\n key_label = "k"';
const ofCloud = 'region = "r"\n kms_key_id = "k"';

function sealHolding(key: string): string {
  if (['path', 'passphrase'].includes(key)) return `seal "local" { path = "/ring"\n ${key === 'path' ? '' : `${key} = ""`} }`;
  if (/^(lib|slot|token_label|pin|key_label|key_id|mechanism)$/.test(key))
    return `seal "pkcs11" { ${ofPkcs11.includes(key) ? '' : `${key} = ""`}\n ${ofPkcs11} }`;
  if (key === 'domain') return `seal "alicloudkms" { ${ofCloud}\n domain = "" }`;
  if (/^(region|kms_key_id|access_key|secret_key|session_token|endpoint)$/.test(key))
    return `seal "awskms" { ${ofCloud.includes(key) ? '' : `${key} = ""`}\n ${ofCloud} }`;
  if (/^(address|key_name|mount_path|namespace|token|role_id|secret_id|approle_path|disable_renewal|tls_.*|allow_plain_http)$/.test(key))
    return `seal "transit" { ${ofTransit.includes(key) ? '' : `${key} = ""`}\n ${ofTransit} }`;
  return `seal "static" { ${key} = ""\n ${ofStatic} }`;
}

describe('the tables of the guide', () => {
  /** A stanza that is whole and can hold the key, so that the reader comes to say whether it knows it. */
  const holders: Readonly<Record<string, (key: string) => string>> = {
    'Top level': (key) => `${key} = ""`,
    storage: (key) =>
      key === 'path' ? 'storage "file" { path = "/data" }' : `storage "${key}" {${key === 'inmem' ? '' : ' path = "/data"'} }`,
    listener: (key) => listenerHolding(key),
    seal: (key) => sealHolding(key),
    audit: (key) => `audit "file" "a" { ${key === 'options' ? '' : `${key} = ""`}\n options { file_path = "stdout" } }`,
    user_lockout: (key) => `user_lockout "all" { ${key} = "" }`,
    telemetry: (key) => `telemetry { ${key} = "" }`,
  };
  const documented = Object.keys(holders).flatMap((name) => tableKeys(sections.get(name) ?? '').map((key) => [name, key] as const));

  it.each(documented)('name only what the reader knows: %s, %s', (name, key) => {
    const text = (holders[name] as (key: string) => string)(key);
    let said = '';
    try {
      said = readConfig(completed(text)).warnings.join();
    } catch (thrown) {
      // A stanza is known by the form that it must have.
      said = (thrown as Error).message;
      expect(said).toMatch(/must be written as/);
    }
    expect(said).not.toMatch(/unknown|does not exist/);
  });

  it('name all that the reader knows', () => {
    const known = readdirSync(import.meta.dirname)
      // The KMS plugin has a configuration and a page of its own.
      .filter((name) => /^(?!kms|key-stanza)[a-z-]+\.ts$/.test(name))
      .flatMap((name) => [
        ...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/\.(?:read|stanzas|merged|acceptIdle)\('([a-z_]+)'/g),
      ])
      .map((match) => match[1] ?? '');
    expect(known.length).toBeGreaterThan(40);
    for (const key of known) expect(guide, key).toMatch(new RegExp(`\`${key}\`|^## ${key}$`, 'm'));
  });
});
