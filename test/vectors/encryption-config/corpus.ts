// The corpus of encryption configurations: which files there are, what kube-apiserver does with each, and under which flags.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface EncryptionConfigCase {
  /** `invalid/kms-v3.yaml`. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** Whether kube-apiserver starts with it. */
  readonly valid: boolean;
  readonly automaticReload: boolean;
  /** Feature gate KMSv1. */
  readonly kmsV1Enabled: boolean;
}

export function encryptionConfigCases(): readonly EncryptionConfigCase[] {
  return ['valid', 'invalid'].flatMap((folder) =>
    readdirSync(join(import.meta.dirname, folder))
      .toSorted()
      .map((file) => {
        const path = join(import.meta.dirname, folder, file);
        const text = readFileSync(path, 'utf8');
        const first = text.split('\n', 1)[0];
        return {
          ...{ name: `${folder}/${file}`, path, text, valid: folder === 'valid' },
          automaticReload: first !== '# reload: off',
          kmsV1Enabled: first !== '# kms-v1: off',
        };
      }),
  );
}
