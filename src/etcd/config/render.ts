// Writes an EncryptionConfiguration: the same bytes for the same configuration, since its hash proves what a kube-apiserver runs with.

import { stringify } from 'yaml';
import type { EncryptionConfig, Provider } from './encryption-config.ts';

export interface RenderOptions {
  /** Lines that stand on top, each behind `# `; what would break a line becomes a space. */
  readonly comments: readonly string[];
}

/** YAML that ends with a newline. It holds keys: to be written to files of mode 0600 only. */
export function renderEncryptionConfig(config: EncryptionConfig, { comments }: RenderOptions): string {
  const document = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: config.resources.map(({ resources, providers }) => ({
      resources: [...resources],
      providers: providers.map(providerFields),
    })),
  };
  // In quotes, since an unquoted name may be a number, a date or a truth to YAML 1.1.
  const text = stringify(document, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
  });
  return [...comments.map((comment) => `# ${comment.replace(/[\p{Cc}\u2028\u2029\ufeff]+/gu, ' ').trim()}\n`), text].join('');
}

function providerFields(provider: Provider): object {
  if (provider.type === 'identity') return { identity: {} };
  if (provider.type !== 'kms') return { [provider.type]: { keys: provider.keys.map(({ name, secret }) => ({ name, secret })) } };
  const { apiVersion, name, endpoint, timeout, cachesize } = provider;
  return {
    kms: {
      ...{ apiVersion, name, endpoint },
      ...(timeout === undefined ? {} : { timeout }),
      ...(cachesize === undefined ? {} : { cachesize }),
    },
  };
}

/** The lines of comment on top of a configuration, without their `# `: what `renderEncryptionConfig` put there. */
export function commentsOf(text: string): readonly string[] {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines.slice(0, end < 0 ? lines.length : end).map((line) => line.replace(/^# ?/, ''));
}
