// What kube-apiserver takes without a word and an operator comes to regret: weak keys, names used twice, data that nothing opens.

import type { EncryptionConfig, KeyProvider, KmsProvider, Provider, ResourceEntry } from './encryption-config.ts';
import { endpointOf } from './endpoint.ts';
import { type Finding, quoted, type ValidationOptions, warning } from './finding.ts';
import { groupResourceOf, isSame } from './group-resource.ts';
import { keyBytes } from './key-bytes.ts';

/** Warnings alone, in the order of the configuration. */
export function adviceOn(config: EncryptionConfig, options: ValidationOptions): readonly Finding[] {
  return [...config.resources.flatMap((entry, index) => entryAdvice(entry, `resources[${index}]`, options)), ...repetitions(config)];
}

function entryAdvice({ resources, providers }: ResourceEntry, path: string, options: ValidationOptions): readonly Finding[] {
  return [
    ...resources.flatMap((name, index) => resourceAdvice(name, `${path}.resources[${index}]`, options)),
    ...orderAdvice(providers, `${path}.providers`),
    ...providers.flatMap((provider, index) => providerAdvice(provider, `${path}.providers[${index}]`)),
  ];
}

/** From which minor version on names with an asterisk count. */
const asterisksSince = 27;

function resourceAdvice(name: string, path: string, { kubernetesMinor }: ValidationOptions): readonly Finding[] {
  const { group, plural } = groupResourceOf(name);
  const findings: Finding[] = [];
  const isName = plural === '*' ? /^[a-z0-9.*-]*$/.test(group) : /^[a-z0-9-]+$/.test(plural) && /^[a-z0-9.-]*$/.test(group);
  if (!isName) findings.push(warning(path, `is ${quoted(name)}, which no resource is called: kube-apiserver would seal nothing for it`));
  if (/^v\d+((alpha|beta)\d+)?$/.test(group))
    findings.push(warning(path, `is ${quoted(name)}: what follows the dot is a group, not a version, and nothing would be sealed`));
  if (group === '' && /^(secret|configmap|serviceaccount|pod|service|event|endpoint)$/.test(plural))
    findings.push(warning(path, `is ${quoted(name)}, which no resource is called: write "${plural}s"`));
  if (plural === '*' && kubernetesMinor !== undefined && kubernetesMinor < asterisksSince)
    findings.push(warning(path, `has an asterisk, which counts from Kubernetes 1.${asterisksSince} on: name each resource`));
  return findings;
}

function orderAdvice(providers: readonly Provider[], path: string): readonly Finding[] {
  const sealing = providers.filter(({ type }) => type !== 'identity');
  if (sealing.length === 0) return [];
  if (providers[0]?.type === 'identity') return [warning(`${path}[0]`, 'is identity: what is written from now on lies in etcd in clear')];
  if (sealing.length < providers.length) return [];
  return [warning(path, 'has no identity: what was stored before encryption was turned on can be read only after it was rewritten')];
}

function providerAdvice(provider: Provider, path: string): readonly Finding[] {
  if (provider.type === 'identity') return [];
  return provider.type === 'kms'
    ? kmsAdvice(provider, `${path}.kms`)
    : keyAdvice(provider, `${path}.${provider.type}`, path.endsWith('.providers[0]'));
}

function keyAdvice({ type, keys }: KeyProvider, path: string, seals: boolean): readonly Finding[] {
  const findings: Finding[] = [];
  if (seals && type === 'aescbc')
    findings.push(warning(path, 'does not notice when a stored value was changed (padding oracle): seal with secretbox, aesgcm or a kms'));
  if (seals && type === 'aesgcm')
    findings.push(warning(path, 'has random nonces: rotate its key before 200,000 writes, or seal with secretbox or a kms'));
  for (const [index, { name, secret }] of keys.entries()) {
    const at = `${path}.keys[${index}]`;
    if (name.includes(':')) findings.push(warning(`${at}.name`, `is ${quoted(name)}: a colon ends the name in what is stored; use none`));
    const bytes = keyBytes(secret);
    if (bytes === undefined) continue;
    if (bytes.length === 16 || bytes.length === 24)
      findings.push(warning(`${at}.secret`, `has ${bytes.length} bytes: a key of 32 costs nothing more`));
    if (isGuessable(bytes)) findings.push(warning(`${at}.secret`, 'looks typed or written in digits, not drawn: use 32 random bytes'));
  }
  return findings;
}

/** 16 random bytes are printable text once in 10^7, and hold fewer than eight different ones once in 10^9. */
function isGuessable(bytes: Buffer): boolean {
  return bytes.length >= 16 && (bytes.every((byte) => byte >= 0x20 && byte < 0x7f) || new Set(bytes).size < 8);
}

function kmsAdvice({ apiVersion, name, endpoint }: KmsProvider, path: string): readonly Finding[] {
  const findings: Finding[] = [];
  const address = endpointOf(endpoint);
  if (apiVersion === 'v1') {
    findings.push(
      warning(path, 'is kms v1, which Kubernetes has given up: it calls the plugin for every write, and takes only mends; use v2'),
    );
    if (name.includes(':')) findings.push(warning(`${path}.name`, `is ${quoted(name)}: a colon ends the name in what is stored; use none`));
  }
  if (address === undefined) return findings;
  if (address.socket.startsWith('@'))
    findings.push(warning(`${path}.endpoint`, 'is an abstract socket, which every process of the machine can open: use a path'));
  else if (address.socket === '' || address.socket === '/')
    findings.push(warning(`${path}.endpoint`, 'names no socket: write it as unix:///run/kms/kms.sock, with three slashes'));
  if (address.host !== '')
    findings.push(
      warning(
        `${path}.endpoint`,
        `has ${quoted(address.host)} where a host would stand, which is ignored: begin the path with three slashes`,
      ),
    );
  return findings;
}

interface NamedKey {
  readonly type: KeyProvider['type'];
  readonly name: string;
  readonly secret: string;
  readonly path: string;
}

function repetitions(config: EncryptionConfig): readonly Finding[] {
  const keys = config.resources.flatMap(({ providers }, entry) =>
    providers.flatMap((provider, at): readonly NamedKey[] => {
      if (provider.type === 'identity' || provider.type === 'kms') return [];
      const { type } = provider;
      return provider.keys.map((key, index) => ({ ...key, type, path: `resources[${entry}].providers[${at}].${type}.keys[${index}]` }));
    }),
  );
  return [
    ...keys.flatMap((key, index) => keyRepetition(key, keys.slice(0, index))),
    ...resourceRepetitions(config),
    ...socketRepetitions(config),
  ];
}

function keyRepetition({ type, name, secret, path }: NamedKey, earlier: readonly NamedKey[]): readonly Finding[] {
  const bytes = keyBytes(secret);
  // Compared here are two keys of one file by whoever owns it: nobody learns anything from the time it takes.
  const isEqual = (other: NamedKey): boolean => bytes !== undefined && keyBytes(other.secret)?.equals(bytes) === true;
  const twin = earlier.find((other) => other.name === name && other.type === type && !isEqual(other));
  if (twin !== undefined && name !== '')
    return [
      warning(
        `${path}.name`,
        `is ${quoted(name)}, the name of another key (${twin.path}): values under one may not open, or open as garbage; names are for one key for ever`,
      ),
    ];
  const same = earlier.find((other) => isEqual(other) && (other.name !== name || other.type !== type));
  return same === undefined
    ? []
    : [warning(`${path}.secret`, `is that of ${same.path} as well: to go from one to the other changes nothing`)];
}

function resourceRepetitions({ resources }: EncryptionConfig): readonly Finding[] {
  const named = resources.flatMap((entry, at) =>
    entry.resources.map((name, index) => ({ at, name, resource: groupResourceOf(name), path: `resources[${at}].resources[${index}]` })),
  );
  return named.flatMap(({ at, name, resource, path }) => {
    const earlier = named.find((other) => other.at < at && isSame(other.resource, resource));
    if (earlier === undefined || resource.plural === '*') return [];
    return [
      warning(path, `is ${quoted(name)}, as in entry ${earlier.at}: the providers here only open what those there do not; keep one entry`),
    ];
  });
}

function socketRepetitions({ resources }: EncryptionConfig): readonly Finding[] {
  const plugins = resources.flatMap(({ providers }, entry) =>
    providers.flatMap((provider, at) =>
      provider.type === 'kms' ? [{ ...provider, path: `resources[${entry}].providers[${at}].kms.endpoint` }] : [],
    ),
  );
  return plugins.flatMap(({ endpoint, name, path }, index) => {
    const earlier = plugins.slice(0, index).find((other) => other.endpoint === endpoint && other.name !== name && endpoint !== '');
    return earlier === undefined
      ? []
      : [warning(path, `is the socket of the kms ${quoted(earlier.name)} as well: one plugin needs one name`)];
  });
}
