// What k3s tells of its own encryption is told in its words, without any key.

import { expect, test } from 'vitest';
import { sha256Hex } from '../../crypto/hash.ts';
import { isIdle, k3sStatus, k3sStatusText, readStage } from './k3s-stages.ts';

const key = (name: string) => ({ name, secret: 'bWFya2VkIHNlY3JldCBtYXJrZWQgc2VjcmV0IG1hcmtlZA==' });
const fileOf = (providers: readonly unknown[]) =>
  Buffer.from(JSON.stringify({ kind: 'EncryptionConfiguration', resources: [{ resources: ['secrets'], providers }] }));
const enabled = fileOf([{ aescbc: { keys: [key('aescbckey'), key('aescbckey-2026')] } }, { identity: {} }]);
const server = (name: string, stage: string, file: Uint8Array) => ({ name, annotation: `${stage}-${sha256Hex(file)}` });

test('a rotation that is prepared everywhere is told with its keys', () => {
  const status = k3sStatus({ servers: [server('a', 'prepare', enabled), server('b', 'prepare', enabled)], file: enabled });
  expect(k3sStatusText(status)).toBe(
    [
      'Encryption Status: Enabled',
      'Current Rotation Stage: prepare',
      'Server Encryption Hashes: All hashes match',
      '',
      'Active  Key Type           Name',
      '------  --------           ----',
      ' *      AES-CBC            aescbckey',
      '        AES-CBC            aescbckey-2026',
      '',
    ].join('\n'),
  );
  expect(JSON.stringify(status) + k3sStatusText(status)).not.toContain('bWFya2Vk');
});

test('servers that tell of different files are named', () => {
  const status = k3sStatus({ servers: [server('a', 'start', enabled), server('b', 'prepare', enabled)], file: enabled });
  expect(status).toMatchObject({ hashmatch: false, hasherror: 'hash does not match between a and b' });
});

test('a file that was changed behind the back of k3s is found', () => {
  const status = k3sStatus({ servers: [server('a', 'start', Buffer.from('another'))], file: enabled });
  expect(status.hasherror).toContain('invalid hash');
});

test('identity first is disabled, with the keys still there', () => {
  const file = fileOf([{ identity: {} }, { secretbox: { keys: [key('sb')] } }]);
  expect(k3sStatus({ servers: [server('a', 'reencrypt_finished', file)], file })).toEqual({
    enable: false,
    stage: 'reencrypt_finished',
    hashmatch: true,
    hasherror: undefined,
    activekey: '',
    inactivekeys: ['XSalsa20-POLY1305 sb'],
  });
});

test('no file is no encryption', () => {
  expect(k3sStatusText(k3sStatus({ servers: [{ name: 'a' }] }))).toBe('Encryption Status: Disabled, no configuration file found\n');
});

test('only before and after a rotation is its file at rest', () => {
  expect(
    ['start', 'prepare', 'rotate', 'reencrypt_request', 'reencrypt_active', 'reencrypt_finished'].filter((stage) =>
      isIdle(readStage({ name: 'a', annotation: `${stage}-00` })!.stage),
    ),
  ).toEqual(['start', 'reencrypt_finished']);
});

test('damage is told without what it holds', () => {
  expect(() => readStage({ name: 'a', annotation: 'hunting-00' })).toThrow(/node a/);
  expect(() => k3sStatus({ servers: [{ name: 'a' }], file: Buffer.from('{"secret": hunter2}') })).toThrow(/no JSON/);
  expect(() => k3sStatus({ servers: [{ name: 'a' }], file: Buffer.from('{}') })).toThrow(/no providers/);
});
