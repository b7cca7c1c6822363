// The door for a user's own EncryptionConfiguration: read, held to kube-apiserver's rules, and refused in one sentence for each flaw.

import { Fault } from '../../base/fault.ts';
import type { EncryptionConfig } from './encryption-config.ts';
import type { Finding, ValidationOptions } from './finding.ts';
import { readEncryptionConfig } from './read-config.ts';
import { findingsOf } from './validate.ts';

export interface AcceptedConfig {
  readonly config: EncryptionConfig;
  /** Sentences with file and line, in the order of the file. */
  readonly warnings: readonly string[];
}

/** Throws Fault `usage` with file, line, field and what to do for everything that kube-apiserver would refuse. */
export function acceptEncryptionConfig(text: string, options: ValidationOptions & { readonly path: string }): AcceptedConfig {
  const { config, findings, lineOf } = readEncryptionConfig(text, options);
  const all = [...findings, ...findingsOf(config, options)];
  const sentences = (severity: Finding['severity']): readonly string[] =>
    all
      .filter((finding) => finding.severity === severity)
      .map(({ path, message }) => ({ line: lineOf(path), where: path === '' ? 'the file' : path, message }))
      .toSorted((one, other) => one.line - other.line)
      .map(({ line, where, message }) => `${options.path}, line ${line}: ${where} ${message}`);
  const errors = sentences('error');
  if (errors.length > 0) throw new Fault('usage', errors.join('\n'));
  return { config, warnings: sentences('warning') };
}
