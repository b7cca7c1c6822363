// The file of `casemate kms`: secrets in it are read again when it changes, and never while it is half written.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadKmsConfig } from './config-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-kms-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const jdcloud = (secretKey: string, more: object = {}): string =>
  JSON.stringify({
    AccessKey: 'access',
    SecretKey: secretKey,
    KmsEndpoint: 'kms.example.com',
    KmsKeyId: 'abcd',
    GRPCSocketPath: '/run/k.sock',
    ...more,
  });

function written(text: string, mode = 0o600): string {
  const path = join(folder, 'kms.json');
  writeFileSync(path, text, { mode });
  return path;
}

/** The secret key of the one key of the configuration, read as it stands at that moment. */
function secretOf(config: ReturnType<typeof loadKmsConfig>): () => string {
  const key = config.providers[0]?.keys[0];
  if (key?.type !== 'jdcloud' || key.secretKey.kind !== 'text') throw new Error('there is no secret in the file');
  return key.secretKey.reveal;
}

it('a secret that is changed in the file counts from then on', () => {
  const path = written(jdcloud('first'));
  const secret = secretOf(loadKmsConfig(path));
  expect(secret()).toBe('first');
  written(jdcloud('second-one'));
  expect(secret()).toBe('second-one');
});

it('while the file is half written, gone or too open, what stood there before counts', () => {
  const path = written(jdcloud('first'));
  const secret = secretOf(loadKmsConfig(path));
  written('{"AccessKey": "acc');
  expect(secret()).toBe('first');
  rmSync(path);
  expect(secret()).toBe('first');
  written(jdcloud('third'), 0o644);
  expect(secret()).toBe('first');
  rmSync(path);
  written(jdcloud('fourth'));
  expect(secret()).toBe('fourth');
});

it('without secrets in it, it may be read by everybody, and written by nobody else', () => {
  const text = jdcloud('file:///etc/secret', { AccessKey: 'env://ACCESS' });
  expect(loadKmsConfig(written(text, 0o644)).providers).toHaveLength(1);
});

it('a folder, a file that is not there, and one that is far too large are told in a sentence', () => {
  expect(() => loadKmsConfig(folder)).toThrow(`${folder} is a folder; name the file`);
  expect(() => loadKmsConfig(join(folder, 'none'))).toThrow('there is no such file');
  expect(() => loadKmsConfig(written('#'.repeat(600_000)))).toThrow('is larger than a configuration can be');
});
