// Tells, without a kube-apiserver, whether one would start with an EncryptionConfiguration; and what it would not say itself.

import { adviceOn } from './advice.ts';
import type { EncryptionConfig, KeyProvider, KmsProvider, Provider } from './encryption-config.ts';
import { endpointOf } from './endpoint.ts';
import { type Finding, quoted, refusal, type ValidationOptions, warning } from './finding.ts';
import { goDuration } from './go-duration.ts';
import { everything, type GroupResource, groupResourceOf, isEverything, isSame, nameOf } from './group-resource.ts';
import { keyBytes } from './key-bytes.ts';

/**
 * Errors are exactly what kube-apiserver refuses; warnings go beyond. In the order of the configuration, errors first.
 * Source: k8s.io/apiserver, pkg/apis/apiserver/validation and pkg/server/options/encryptionconfig.
 */
export function findingsOf(config: EncryptionConfig, options: ValidationOptions): readonly Finding[] {
  if (config.resources.length === 0)
    return [refusal('resources', 'is empty: at least one entry has to say which resources are sealed with what')];
  const names = new Set<string>();
  const refusals = config.resources.flatMap(({ resources, providers }, index) => {
    const path = `resources[${index}]`;
    return [
      ...resourceRefusals(resources, `${path}.resources`),
      ...(providers.length === 0 ? [refusal(`${path}.providers`, 'is empty: name at least one provider')] : []),
      ...providers.flatMap((provider, at) => providerRefusals(provider, `${path}.providers[${at}]`, { names, options })),
    ];
  });
  return [...refusals, ...maskRefusals(config), ...adviceOn(config, options)];
}

function resourceRefusals(resources: readonly string[], path: string): readonly Finding[] {
  if (resources.length === 0) return [refusal(path, 'is empty: name at least one resource')];
  const parsed = resources.map(groupResourceOf);
  const findings: Finding[] = [];
  if (parsed.some((each, index) => parsed.findIndex((other) => isSame(each, other)) < index))
    findings.push(refusal(path, 'names a resource twice: remove one of the two'));
  if (parsed.some((each, index) => parsed.some((other, at) => at !== index && overlaps(each, other))))
    findings.push(refusal(path, 'has a name that another one with an asterisk covers: remove the narrower one, or give it an entry above'));
  return [...findings, ...resources.flatMap((name, index) => nameRefusals(name, `${path}[${index}]`))];
}

function overlaps(one: GroupResource, other: GroupResource): boolean {
  if (isSame(one, other)) return false;
  if (isEverything(one)) return true;
  return one.group === other.group && (one.plural === '*' || other.plural === '*');
}

/** They live in etcd and have no REST API. */
const internal = ['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'];

function nameRefusals(name: string, path: string): readonly Finding[] {
  const { group, plural } = groupResourceOf(name);
  if (name.toLowerCase() !== name)
    return [refusal(path, `is ${quoted(name)}, and names of resources have no capital letters: write it as kubectl api-resources does`)];
  if (name === '*') return [refusal(path, 'is "*": write "*." for the core group, or "*.*" for all resources')];
  if (internal.includes(name)) return [refusal(path, `is ${quoted(name)}, which no REST API serves and nobody can encrypt: remove it`)];
  if (group === 'events.k8s.io') return [refusal(path, `is ${quoted(name)}, and events are stored in the core group: write "events"`)];
  if (group === 'extensions')
    return [refusal(path, `is ${quoted(name)}, and the group extensions is gone: name the group that has the resource now`)];
  if (group === '*' && plural !== '*')
    return [refusal(path, `is ${quoted(name)}, and one resource of all groups cannot be named: name each group`)];
  return [];
}

interface Surroundings {
  /** Of the kms so far, whatever their version. */
  readonly names: Set<string>;
  readonly options: ValidationOptions;
}

function providerRefusals(provider: Provider, path: string, surroundings: Surroundings): readonly Finding[] {
  if (provider.type === 'identity') return [];
  if (provider.type !== 'kms') return keyRefusals(provider, `${path}.${provider.type}.keys`);
  const findings = kmsRefusals(provider, `${path}.kms`, surroundings);
  surroundings.names.add(provider.name);
  return findings;
}

const aesSizes = [16, 24, 32];
const secretboxSizes = [32];

function keyRefusals({ type, keys }: KeyProvider, path: string): readonly Finding[] {
  if (keys.length === 0) return [refusal(path, 'is empty: a provider needs at least one key')];
  const sizes = type === 'secretbox' ? secretboxSizes : aesSizes;
  return keys.flatMap(({ name, secret }, index) => [
    ...(name === '' ? [refusal(`${path}[${index}].name`, 'is missing: give the key a name that no other key ever had')] : []),
    ...secretRefusals(secret, `${path}[${index}].secret`, sizes),
  ]);
}

function secretRefusals(secret: string, path: string, sizes: readonly number[]): readonly Finding[] {
  const wanted = `${sizes.join(', ').replace(/, (\d+)$/, ' or $1')} random bytes in base64`;
  if (secret === '') return [refusal(path, `is missing: give ${wanted}`)];
  const bytes = keyBytes(secret);
  if (bytes === undefined) return [refusal(path, `is no base64: give ${wanted}`)];
  return sizes.includes(bytes.length) ? [] : [refusal(path, `has ${bytes.length} bytes: give ${wanted}`)];
}

function kmsRefusals(kms: KmsProvider, path: string, { names, options }: Surroundings): readonly Finding[] {
  return [...kmsNameRefusals(kms, `${path}.name`, names, options), ...kmsValueRefusals(kms, path), ...versionRefusals(kms, path, options)];
}

function kmsNameRefusals(
  { name, apiVersion }: KmsProvider,
  path: string,
  names: ReadonlySet<string>,
  options: ValidationOptions,
): readonly Finding[] {
  const findings: Finding[] = [];
  if (name === '') findings.push(refusal(path, 'is missing: give the plugin a name that no other one ever had'));
  if (apiVersion === 'v2' && name.includes(':')) findings.push(refusal(path, `is ${quoted(name)}: a kms v2 may have no colon in its name`));
  if ((apiVersion === 'v2' || options.automaticReload) && names.has(name))
    findings.push(
      refusal(
        path,
        `is ${quoted(name)}, the name of another kms: put both resource lists into one entry, or give one of the two another name`,
      ),
    );
  return findings;
}

function kmsValueRefusals({ apiVersion, endpoint, timeout, cachesize }: KmsProvider, path: string): readonly Finding[] {
  const findings: Finding[] = [];
  const time = timeout === undefined ? undefined : goDuration(timeout);
  if (timeout !== undefined && time === undefined) findings.push(refusal(`${path}.timeout`, 'is no duration: write it as 3s or 500ms'));
  if (time !== undefined && time <= 0) findings.push(refusal(`${path}.timeout`, 'has to be more than nothing: 3s is usual'));
  if (endpoint === '')
    findings.push(refusal(`${path}.endpoint`, 'is missing: name the socket of the plugin, as in unix:///run/kms/kms.sock'));
  else if (endpointOf(endpoint) === undefined)
    findings.push(refusal(`${path}.endpoint`, 'is not the address of a unix socket: write it as unix:///run/kms/kms.sock'));
  if (apiVersion === 'v2' && cachesize !== undefined) findings.push(refusal(`${path}.cachesize`, 'is for kms v1 alone: remove it'));
  if (apiVersion === 'v1' && cachesize === 0)
    findings.push(refusal(`${path}.cachesize`, 'is 0: leave it out for the usual 1000, or give a negative number for no cache'));
  return findings;
}

/** The minor version from which the gate KMSv1 is off, and that from which kms v2 is on, when nobody sets them. */
const kmsV1OffSince = 29;
const kmsV2OnSince = 27;

function versionRefusals(
  { apiVersion }: KmsProvider,
  path: string,
  { kubernetesMinor, kmsV1Enabled }: ValidationOptions,
): readonly Finding[] {
  const at = `${path}.apiVersion`;
  if (apiVersion === 'v2')
    return kubernetesMinor !== undefined && kubernetesMinor < kmsV2OnSince
      ? [refusal(at, `is v2, which kube-apiserver 1.${kubernetesMinor} does not offer: use v1, or Kubernetes 1.${kmsV2OnSince} or newer`)]
      : [];
  const mend = 'set --feature-gates=KMSv1=true on every kube-apiserver, or use v2';
  if (kmsV1Enabled ?? (kubernetesMinor !== undefined && kubernetesMinor < kmsV1OffSince)) return [];
  if (kmsV1Enabled === false || kubernetesMinor !== undefined)
    return [refusal(at, `is v1, which kube-apiserver does not offer without its feature gate: ${mend}`)];
  return [warning(at, `is v1, which kube-apiserver 1.${kmsV1OffSince} and newer does not offer without its feature gate: ${mend}`)];
}

/** An entry below one with an asterisk would never count, so kube-apiserver refuses it. */
function maskRefusals({ resources }: EncryptionConfig): readonly Finding[] {
  const seen: { readonly resource: GroupResource; readonly entry: number }[] = [];
  const findings: Finding[] = [];
  for (const [entry, { resources: names }] of resources.entries()) {
    for (const [index, name] of names.entries()) {
      const resource = groupResourceOf(name);
      const masks = [{ group: resource.group, plural: '*' }, everything];
      const mask = seen.find((earlier) => earlier.entry < entry && masks.some((each) => isSame(earlier.resource, each)));
      if (mask !== undefined)
        findings.push(
          refusal(
            `resources[${entry}].resources[${index}]`,
            `is ${quoted(name)}, and "${nameOf(mask.resource)}" of entry ${mask.entry} covers it already: move this entry above that one`,
          ),
        );
      seen.push({ resource, entry });
    }
  }
  return findings;
}
