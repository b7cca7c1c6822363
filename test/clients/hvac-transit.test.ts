// hvac, the Python client of Vault, as it is published: what it knows of transit.

import { describe, expect, it } from 'vitest';
import { NO_HVAC, pythonWithHvac } from '../foundation/python.ts';
import { startTestServer } from '../suites/server.ts';
import { type Expected, expectSteps, refused, value, walk } from './hvac-run.ts';

const done = value({ status: expect.toBeOneOf([200, 204]) });
const clear = value('4111 1111 1111 1111');

const expectedSteps: Readonly<Record<string, Expected>> = {
  'enable transit': done,
  'make a key': value('aes256-gcm96'),
  'list keys': value(['card']),
  encrypt: value(expect.stringMatching(/^vault:v1:/)),
  decrypt: clear,
  rotate: value(expect.objectContaining({ data: expect.objectContaining({ latest_version: 2 }) })),
  rewrap: value(expect.stringMatching(/^vault:v2:/)),
  'decrypt what was wrapped anew': clear,
  'encrypt many': value(3),
  'make a data key': value(['ciphertext', 'key_version', 'plaintext']),
  'forbid the first version': value(expect.objectContaining({ data: expect.objectContaining({ min_decryption_version: 2 }) })),
  'decrypt with the first version': refused('InvalidRequest', 'ciphertext or signature version is disallowed by policy (too old)'),
  trim: refused('InvalidRequest', 'minimum available version cannot be set when minimum encryption version is not set'),
  'read the key': value(expect.objectContaining({ min_available_version: 0, latest_version: 2, deletion_allowed: false })),
  hmac: value(expect.stringMatching(/^vault:v2:/)),
  hash: value(expect.stringMatching(/^[0-9a-f]{64}$/)),
  random: value(64),
  'delete it': refused('InvalidRequest', 'error deleting policy card: deletion is not allowed for this key'),
  'allow that': value(expect.objectContaining({ data: expect.objectContaining({ deletion_allowed: true }) })),
  'delete the key': done,
  'read none': refused('InvalidPath', 'None'),
};

describe('hvac', () => {
  it('encrypts, rotates and decrypts, unchanged', async (context) => {
    const python = pythonWithHvac();
    if (python === undefined) return context.skip(NO_HVAC);
    const server = await startTestServer();
    try {
      expectSteps(await walk(python, 'hvac-transit.py', [server.address, server.rootToken]), expectedSteps);
    } finally {
      await server.end();
    }
  });
});
