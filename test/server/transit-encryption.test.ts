// Transit over HTTP, what keys do: encrypt and decrypt, one text or many, data keys, keyed digests, digests and random bytes.

import { describe, expect, test } from 'vitest';
import { nothingThere, refused, type Shape, said, shown } from './shapes.ts';
import { sharedServer } from './shared-server.ts';
import { base64, hello, transitCalls } from './transit-calls.ts';

const shared = sharedServer();
const { call, mount } = shared;
const { write, ciphertextOf, withKey } = transitCalls(shared);

describe('encryption', () => {
  test.each(['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305'])('with %s keeps text and associated data together', async (type) => {
    const transit = await withKey({ type });
    const associated_data = base64('for the eyes of 7');
    const ciphertext = await ciphertextOf(`${transit}/encrypt/k`, { associated_data });
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext, associated_data }))).toEqual(shown({ plaintext: hello }));
    for (const wrong of [{}, { associated_data: base64('8') }])
      expect((await write(`${transit}/decrypt/k`, { ciphertext, ...wrong })).body.errors).toEqual([
        expect.stringMatching(/message authentication failed$/),
      ]);
    const rewrapped = (await write(`${transit}/rewrap/k`, { ciphertext, associated_data })).body.data.ciphertext;
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext: rewrapped, associated_data }))).toEqual(shown({ plaintext: hello }));
  });

  test('keeps contexts apart', async () => {
    const transit = await withKey({ derived: true });
    const ciphertext = await ciphertextOf(`${transit}/encrypt/k`, { context: base64('one') });
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext, context: base64('one') }))).toEqual(shown({ plaintext: hello }));
    expect((await write(`${transit}/decrypt/k`, { ciphertext, context: base64('two') })).status).toBe(400);
    expect((await write(`${transit}/decrypt/k`, { ciphertext })).body.errors).toEqual([expect.stringContaining("missing 'context'")]);
  });

  test('that converges gives the same ciphertext again', async () => {
    const transit = await withKey({ derived: true, convergent_encryption: true });
    const context = base64('c');
    expect(await ciphertextOf(`${transit}/encrypt/k`, { context })).toBe(await ciphertextOf(`${transit}/encrypt/k`, { context }));
  });

  test('never repeats a nonce, in a batch or from request to request', async () => {
    const transit = await withKey();
    const batch_input = new Array(600).fill({ plaintext: hello });
    const { batch_results } = (await write(`${transit}/encrypt/k`, { batch_input })).body.data;
    const ciphertexts: string[] = batch_results.map(({ ciphertext }: Shape) => ciphertext);
    for (let count = 0; count < 10; count++) ciphertexts.push(await ciphertextOf(`${transit}/encrypt/k`));
    // 12 bytes are 16 characters.
    expect(new Set(ciphertexts.map((ciphertext) => ciphertext.slice('vault:v1:'.length).slice(0, 16))).size).toBe(610);
  });

  test('of nothing is something', async () => {
    const transit = await withKey();
    const ciphertext = await ciphertextOf(`${transit}/encrypt/k`, { plaintext: '' });
    expect(said(await write(`${transit}/decrypt/k`, { ciphertext }))).toEqual(shown({ plaintext: '' }));
  });

  test('of a megabyte comes back', async () => {
    const transit = await withKey();
    const plaintext = Buffer.alloc(1_000_000, 'casemate').toString('base64');
    const ciphertext = await ciphertextOf(`${transit}/encrypt/k`, { plaintext });
    expect((await write(`${transit}/decrypt/k`, { ciphertext })).body.data.plaintext === plaintext).toBe(true);
  });

  test.each([
    [{}, 'missing plaintext to encrypt'],
    [{ plaintext: '!' }, 'illegal base64 data at input byte 0'],
    [{ plaintext: hello, key_version: 7 }, 'requested version for encryption is higher than the latest key version'],
    [{ plaintext: hello, associated_data: '!' }, 'unable to decode associated_data as base64: illegal base64 data at input byte 0'],
  ])('of %j is refused: %s', async (body, why) => {
    const transit = await withKey();
    expect(said(await write(`${transit}/encrypt/k`, body))).toEqual(refused(400, why));
  });
});

describe('a batch', () => {
  test('is encrypted, decrypted and rewrapped item by item, in order', async () => {
    const transit = await withKey({}, 2);
    const texts = Array.from({ length: 700 }, (_, index) => base64(`text ${index}`));
    const batch_input = texts.map((plaintext, index) => ({ plaintext, reference: `r${index}`, key_version: 1 }));
    const encrypted = (await write(`${transit}/encrypt/k`, { batch_input })).body.data.batch_results;
    expect(encrypted).toHaveLength(700);
    expect(encrypted[699]).toEqual({ ciphertext: expect.stringMatching(/^vault:v1:/), key_version: 1, reference: 'r699' });
    const rewrapped = (await write(`${transit}/rewrap/k`, { batch_input: encrypted.map(({ ciphertext }: Shape) => ({ ciphertext })) })).body
      .data.batch_results;
    expect(rewrapped[699]).toEqual({ ciphertext: expect.stringMatching(/^vault:v2:/), key_version: 2, reference: '' });
    const decrypted = await write(`${transit}/decrypt/k`, { batch_input: rewrapped });
    expect(said(decrypted)).toEqual(shown({ batch_results: texts.map((plaintext) => ({ plaintext, reference: '' })) }));
  });

  test('answers each item for itself, with the status that was asked for', async () => {
    const transit = await withKey();
    const good = { plaintext: hello, reference: 'good' };
    const bad = { plaintext: '!', reference: 'bad' };
    const results = [
      { ciphertext: expect.stringMatching(/^vault:v1:/), key_version: 1, reference: 'good' },
      { error: 'illegal base64 data at input byte 0', reference: 'bad' },
    ];
    const encrypt = (body: Shape) => write(`${transit}/encrypt/k`, body);
    expect(await encrypt({ batch_input: [good, bad] })).toMatchObject({ status: 400, body: { data: { batch_results: results } } });
    expect(await encrypt({ batch_input: [good, bad], partial_failure_response_code: 207 })).toMatchObject({
      status: 207,
      body: { data: { batch_results: results } },
    });
    expect((await encrypt({ batch_input: [bad], partial_failure_response_code: 207 })).status).toBe(400);
    expect(await encrypt({ batch_input: [good, bad], partial_failure_response_code: 700 })).toMatchObject({
      status: 400,
      body: { warnings: [expect.stringContaining('reverting to 400')] },
    });
    const batch_input = [{ ciphertext: 'nonsense' }, { ciphertext: '' }];
    expect(await write(`${transit}/decrypt/k`, { batch_input })).toMatchObject({
      status: 400,
      body: {
        data: {
          batch_results: [
            { plaintext: '', error: 'invalid ciphertext: no prefix', reference: '' },
            { plaintext: '', error: 'missing ciphertext to decrypt', reference: '' },
          ],
        },
      },
    });
    expect((await write(`${transit}/rewrap/k`, { batch_input })).status).toBe(200);
  });

  test('is taken whole or not at all', async () => {
    const transit = await mount('transit');
    for (const [batch_input, why] of [
      [[], 'missing batch input to process'],
      ['text', 'failed to parse batch input: source data must be an array or slice, got string'],
      [[{}], "failed to parse batch input: '[0].plaintext' missing plaintext to encrypt"],
      [[{ plaintext: hello }, { plaintext: hello, context: hello }], 'context should be set either in all the request blocks or in none'],
      [new Array(50_001).fill({}), 'batch_input may hold 50000 items, not 50001'],
    ] as const)
      expect(said(await write(`${transit}/encrypt/k`, { batch_input })), why).toEqual(refused(400, why));
    expect(said(await call('LIST', `${transit}/keys`))).toEqual(nothingThere);
  });

  test('may be of other contexts, or be decrypted with contexts', async () => {
    const transit = await mount('transit');
    const batch_input = ['a', 'b'].map((text) => ({ plaintext: base64(text), context: base64(text) }));
    const [a, b] = (await write(`${transit}/encrypt/k`, { batch_input })).body.data.batch_results;
    const swapped = [
      { ciphertext: a.ciphertext, context: base64('a') },
      { ciphertext: b.ciphertext, context: base64('a') },
    ];
    expect((await write(`${transit}/decrypt/k`, { batch_input: swapped })).body.data.batch_results).toEqual([
      { plaintext: base64('a'), reference: '' },
      { plaintext: '', error: 'cipher: message authentication failed', reference: '' },
    ]);
  });
});

describe('a data key', () => {
  test.each([
    [128, 16],
    [256, 32],
    [512, 64],
  ])('of %i bits is random, and the same in both forms', async (bits, length) => {
    const transit = await withKey({ derived: true });
    const body = { bits, context: base64('c'), associated_data: base64('a') };
    const { ciphertext, plaintext, key_version } = (await write(`${transit}/datakey/plaintext/k`, body)).body.data;
    expect(key_version).toBe(1);
    expect(Buffer.from(plaintext, 'base64')).toHaveLength(length);
    expect(Buffer.from(plaintext, 'base64').every((byte) => byte === 0)).toBe(false);
    expect(said(await write(`${transit}/decrypt/k`, { ...body, ciphertext }))).toMatchObject([200, { data: { plaintext } }]);
    const wrapped = (await write(`${transit}/datakey/wrapped/k`, body)).body.data;
    expect(wrapped).toEqual({ ciphertext: expect.stringMatching(/^vault:v1:/), key_version: 1 });
  });

  test.each([
    ['other', {}, "Invalid path, must be 'plaintext' or 'wrapped'"],
    ['plaintext', { bits: 100 }, 'invalid bit length'],
    ['plaintext', { key_version: 3 }, 'requested version for encryption is higher than the latest key version'],
  ])('at %s of %j is refused: %s', async (form, body, why) => {
    const transit = await withKey();
    expect(said(await write(`${transit}/datakey/${form}/k`, body))).toEqual(refused(400, why));
  });
});

describe('a keyed digest', () => {
  test('is the same for the same input, is verified, and differs by version and algorithm', async () => {
    const transit = await withKey({}, 2);
    const made = async (path: string, body: Shape = {}) =>
      (await write(`${transit}/hmac/${path}`, { input: hello, ...body })).body.data.hmac;
    const hmac = await made('k');
    expect(hmac).toMatch(/^vault:v2:[A-Za-z0-9+/]{43}=$/);
    expect(await made('k')).toBe(hmac);
    expect(await made('k', { algorithm: 'sha2-256' })).toBe(hmac);
    const others = [await made('k', { key_version: 1 }), await made('k/sha2-512'), await made('k', { algorithm: 'sha3-256' })];
    expect(new Set([hmac, ...others]).size).toBe(4);
    const verified = (path: string, body: Shape) => write(`${transit}/verify/${path}`, { input: hello, ...body });
    for (const [path, body] of [
      ['k', { hmac }],
      ['k', { hmac: others[0] }],
      ['k/sha2-512', { hmac: others[1] }],
      ['k', { hmac: others[2], hash_algorithm: 'sha3-256' }],
      ['k', { hmac: others[2], algorithm: 'sha3-256' }],
    ] as const)
      expect(said(await verified(path, body))).toEqual(shown({ valid: true }));
    for (const [path, body] of [
      ['k', { hmac: hmac.replace('v2', 'v1') }],
      ['k', { hmac, input: base64('other') }],
      ['k/sha2-512', { hmac }],
      ['k', { hmac: hmac.slice(0, 21) }],
    ] as const)
      expect(said(await verified(path, body))).toEqual(shown({ valid: false }));
  });

  test('is made and verified in batches', async () => {
    const transit = await withKey();
    const batch_input = [{ input: hello, reference: 'r' }, {}, { input: '!' }];
    const { batch_results } = (await write(`${transit}/hmac/k`, { batch_input })).body.data;
    expect(batch_results).toEqual([
      { hmac: expect.stringMatching(/^vault:v1:/), reference: 'r' },
      { error: 'missing input for HMAC', reference: '' },
      { error: 'unable to decode input as base64: illegal base64 data at input byte 0', reference: '' },
    ]);
    const [{ hmac }] = batch_results;
    const claims = [
      { input: hello, hmac },
      { input: base64('x'), hmac, reference: 'r' },
      { input: hello, hmac: 'no' },
    ];
    expect((await write(`${transit}/verify/k`, { batch_input: claims })).body.data.batch_results).toEqual([
      { valid: true, reference: '' },
      { valid: false, reference: 'r' },
      { error: 'invalid HMAC: no prefix', reference: '' },
    ]);
  });

  test.each([
    ['hmac/k', {}, 'missing input for HMAC'],
    ['hmac/k/md5', { input: hello }, 'unsupported algorithm md5'],
    ['hmac/k', { input: hello, key_version: 9 }, 'key version does not exist; latest key version is 3'],
    ['hmac/k', { input: hello, key_version: -1 }, 'cannot generate HMAC: version is too old (disallowed by policy)'],
    ['hmac/k', { input: hello, key_version: 2 }, 'cannot generate HMAC: version is too old (disallowed by policy)'],
    ['verify/k', { input: hello }, "neither a 'signature' nor an 'hmac' were given to verify"],
    ['verify/k', { input: hello, hmac: 'a', signature: 'b' }, "provide one of 'signature' or 'hmac'"],
    ['verify/k', { input: hello, hmac: 'vault:v9:AAAA' }, 'invalid HMAC: version is too new'],
    ['verify/k', { input: hello, hmac: 'vault:v1:AAAA' }, 'cannot verify HMAC: version is too old (disallowed by policy)'],
    ['verify/k', { input: hello, hmac: 'vault:v3:!' }, 'unable to decode verification HMAC as base64: illegal base64 data at input byte 0'],
    ['verify/k/md5', { input: hello, hmac: 'vault:v3:AAAA' }, 'invalid hash algorithm "md5"'],
    ['verify/k', { input: hello, signature: 'vault:v3:AAAA' }, 'key type aes256-gcm96 does not support verification'],
    [
      'verify/k',
      { batch_input: [{ hmac: 'a' }, { signature: 'b' }] },
      "elements of batch_input must all provide 'signature' or all provide 'hmac'",
    ],
    ['verify/k', { batch_input: [{ hmac: 'a' }, {}] }, "some elements of batch_input are missing 'hmac'"],
    ['verify/k', { batch_input: [{ signature: 'a' }, {}] }, "some elements of batch_input are missing 'signature'"],
    ['verify/k', { batch_input: [{}] }, "no batch_input elements have 'signature' or 'hmac'"],
    ['sign/k', { input: hello }, 'key type aes256-gcm96 does not support signing'],
  ])('at %s of %j is refused: %s', async (path, body, why) => {
    const transit = await withKey({}, 3);
    await write(`${transit}/keys/k/config`, { min_decryption_version: 2, min_encryption_version: 3 });
    expect(said(await write(`${transit}/${path}`, body))).toEqual(refused(400, why));
  });
});

describe('digests and random bytes', () => {
  test('need no key', async () => {
    const transit = await mount('transit');
    const sum = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    for (const [path, body] of [
      ['hash', {}],
      ['hash', { algorithm: 'sha2-256', format: 'hex' }],
      ['hash/sha2-256', { algorithm: 'sha2-512' }],
    ] as const)
      expect((await write(`${transit}/${path}`, { input: hello, ...body })).body.data).toEqual({ sum });
    expect((await write(`${transit}/hash`, { input: hello, format: 'base64' })).body.data).toEqual({
      sum: Buffer.from(sum, 'hex').toString('base64'),
    });
    for (const [path, body, length] of [
      ['random', {}, 32],
      ['random', { bytes: 5 }, 5],
      ['random/7', {}, 7],
      ['random/platform', { bytes: 9 }, 9],
      ['random/all/11', {}, 11],
      ['random/seal/13', {}, 13],
    ] as const) {
      const { data } = (await write(`${transit}/${path}`, body)).body;
      expect(Buffer.from(data.random_bytes, 'base64'), path).toHaveLength(length);
    }
    expect((await write(`${transit}/random/8`, { format: 'hex' })).body.data.random_bytes).toMatch(/^[0-9a-f]{16}$/);
    expect((await write(`${transit}/random/seal/1`)).body.warnings).toEqual([expect.stringContaining('platform entropy source')]);
  });

  test.each([
    ['hash', {}, 'input missing'],
    ['hash', { input: '!' }, 'unable to decode input as base64: illegal base64 data at input byte 0'],
    ['hash', { input: hello, format: 'x' }, 'unsupported encoding format x; must be "hex" or "base64"'],
    ['hash/md5', { input: hello }, 'unsupported algorithm md5'],
    ['random', { bytes: 0 }, "'bytes' cannot be less than 1"],
    ['random/131073', {}, "'bytes' should be less than 131072"],
    ['random/x', {}, 'error parsing url-set byte count: invalid syntax'],
    ['random/x/5', {}, 'unsupported entropy source "x"; must be "platform" or "seal", or "all"'],
    ['random', { format: 'x' }, 'unsupported encoding format "x"; must be "hex" or "base64"'],
  ])('at %s of %j are refused: %s', async (path, body, why) => {
    const transit = await mount('transit');
    expect(said(await write(`${transit}/${path}`, body))).toEqual(refused(400, why));
  });
});
