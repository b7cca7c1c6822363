// The two configurations of an installation: the KMS opens first and seals afterwards; and the one without it.

import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig, KmsProvider, Provider } from '../config/encryption-config.ts';
import { commentsOf, renderEncryptionConfig } from '../config/render.ts';
import { findingsOf } from '../config/validate.ts';
import { targetOf } from '../manager/target.ts';
import { type Transition, transitionOf } from '../manager/transition.ts';

export interface ProviderSteps {
  /** Text: seals as before, and opens what the KMS seals. */
  readonly read: string;
  /** Text: the KMS seals, and what lies there in clear is still read. */
  readonly write: string;
}

export interface StepOptions {
  readonly provider: KmsProvider;
  /** Patterns of an EncryptionConfiguration. */
  readonly resources: readonly string[];
  /** Minor version of kube-apiserver. */
  readonly kubernetesMinor: number | undefined;
}

/** On top of what this wrote; it is how uninstall knows that the file came with the plugin. */
const mark = 'Written by casemate kms install';

/** The same bytes for the same cluster, on every node. Throws Fault `usage` for what kube-apiserver would refuse, or for what is encrypted already. */
export function providerSteps(present: EncryptionConfig, { provider, resources, kubernetesMinor }: StepOptions): ProviderSteps {
  const target = targetOf(present, { kind: 'enable', writer: provider, resources, keepIdentity: true }, () => {
    throw new Fault('internal', 'a KMS needs no key of the manager');
  });
  const { read, write } = bothKeeping(transitionOf(present, target.config), present, target.config);
  for (const config of [read, write]) {
    const errors = findingsOf(config, { automaticReload: true, kubernetesMinor, kmsV1Enabled: provider.apiVersion === 'v1' }).filter(
      ({ severity }) => severity === 'error',
    );
    if (errors.length > 0)
      throw new Fault(
        'usage',
        `kube-apiserver would refuse the configuration: ${errors.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
      );
  }
  return {
    read: renderEncryptionConfig(read, { comments: [`${mark}: the KMS opens, and does not seal yet.`] }),
    write: renderEncryptionConfig(write, {
      comments: [`${mark}: the KMS seals; what was there before is in clear until it is rewritten.`],
    }),
  };
}

type Steps = Pick<Transition, 'read' | 'write'>;

/** The second step stays until the manager comes: what the KMS has no part in must not open clear text because of it. */
function bothKeeping({ read, write }: Steps, before: EncryptionConfig, after: EncryptionConfig): Steps {
  const untouched = before.resources.filter((entry) => after.resources.some((other) => isDeepStrictEqual(other, entry)));
  const keeping = ({ resources }: EncryptionConfig) => ({
    resources: resources.map((entry) => untouched.find((other) => isDeepStrictEqual(other.resources, entry.resources)) ?? entry),
  });
  return { read: keeping(read), write: keeping(write) };
}

/** Which part a KMS of this name has in a configuration. */
export interface ProviderPart {
  readonly provider: KmsProvider;
  /** Patterns that it seals; empty when it only opens. */
  readonly seals: readonly string[];
}

export function partOf(config: EncryptionConfig, name: string): ProviderPart | undefined {
  const isOwn = (provider: Provider | undefined): provider is KmsProvider => provider?.type === 'kms' && provider.name === name;
  const provider = config.resources.flatMap(({ providers }) => providers).find(isOwn);
  if (provider === undefined) return undefined;
  return { provider, seals: config.resources.flatMap(({ providers, resources }) => (isOwn(providers[0]) ? resources : [])) };
}

/** Without the KMS of this name; undefined when nothing but clear text is left of a file that came with the plugin. */
export function textWithout(text: string, config: EncryptionConfig, name: string): string | undefined {
  const resources = config.resources.map((entry) => {
    const left = entry.providers.filter((provider) => !(provider.type === 'kms' && provider.name === name));
    return { ...entry, providers: left.length === 0 ? [{ type: 'identity' } as const] : left };
  });
  const isPlain = resources.every(({ providers }) => providers.every(({ type }) => type === 'identity'));
  const comments = commentsOf(text);
  if (isPlain && comments[0]?.startsWith(mark) === true) return undefined;
  return renderEncryptionConfig({ resources }, { comments: comments[0]?.startsWith(mark) === true ? [] : comments });
}
