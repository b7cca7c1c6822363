// AES-CBC and AES-GCM at all three key sizes against the vectors of NIST, and every way of being wrong.

import { createCipheriv } from 'node:crypto';
import { expect, test } from 'vitest';
import { isAesKey, openAesCbc, openAesGcm } from './aes-of-any-size.ts';
import { keyFromBytes } from './keys.ts';

const hex = (text: string) => Buffer.from(text, 'hex');

/** NIST SP 800-38A, F.2.2, F.2.4 and F.2.6: one text under three keys, without padding. */
const iv = hex('000102030405060708090a0b0c0d0e0f');
const text = hex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
const cbc = [
  [
    '2b7e151628aed2a6abf7158809cf4f3c',
    '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
  ],
  [
    '8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b',
    '4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd',
  ],
  [
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    'f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b',
  ],
] as const;

/** McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4, 10 and 16: the text is that of all three. */
const gcmText = hex(
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
);
const gcmNonce = hex('cafebabefacedbaddecaf888');
const gcmData = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
const gcm = [
  [
    'feffe9928665731c6d6a8f9467308308',
    '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
    '5bc94fbc3221a5db94fae95ae7121a47',
  ],
  [
    'feffe9928665731c6d6a8f9467308308feffe9928665731c',
    '3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710',
    '2519498e80f1478f37ba55bd6d27618c',
  ],
  [
    'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    '76fc6ece0f4e1768cddf8853bb2d551b',
  ],
] as const;

test('AES-CBC is that of NIST with keys of 16, 24 and 32 bytes', () => {
  for (const [key, sealed] of cbc) {
    // The vectors have no padding; a whole block of it follows the last one as PKCS #7 demands.
    const cipher = createCipheriv(`aes-${key.length * 4}-cbc`, keyFromBytes(hex(key)), hex(sealed).subarray(-16)).setAutoPadding(false);
    const padding = cipher.update(Buffer.alloc(16, 16));
    expect(openAesCbc(keyFromBytes(hex(key)), iv, Buffer.concat([hex(sealed), padding]))).toEqual(text);
  }
});

test('AES-GCM is that of its inventors with keys of 16, 24 and 32 bytes', () => {
  for (const [key, ciphertext, tag] of gcm) {
    const sealed = Buffer.concat([hex(ciphertext), hex(tag)]);
    expect(openAesGcm(keyFromBytes(hex(key)), gcmNonce, sealed, gcmData)).toEqual(gcmText);
  }
});

test('what does not fit does not open', () => {
  const [key, ciphertext, tag] = gcm[2];
  const sealed = Buffer.concat([hex(ciphertext), hex(tag)]);
  const good = keyFromBytes(hex(key));
  expect(openAesGcm(good, gcmNonce, sealed, hex('00'))).toBeUndefined();
  expect(openAesGcm(good, gcmNonce, sealed.subarray(0, 15), gcmData)).toBeUndefined();
  expect(openAesGcm(good, gcmNonce, sealed.subarray(1), gcmData)).toBeUndefined();
  expect(openAesGcm(keyFromBytes(hex(gcm[1][0])), gcmNonce, sealed, gcmData)).toBeUndefined();
  const odd = keyFromBytes(new Uint8Array(20));
  expect(isAesKey(odd)).toBe(false);
  expect(openAesGcm(odd, gcmNonce, sealed, gcmData)).toBeUndefined();
  expect(openAesCbc(odd, iv, text)).toBeUndefined();
  expect(openAesCbc(good, iv, Buffer.alloc(0))).toBeUndefined();
  expect(openAesCbc(good, iv, text.subarray(1))).toBeUndefined();
  expect(openAesCbc(good, iv.subarray(1), text)).toBeUndefined();
  // No padding at the end of these.
  expect(openAesCbc(keyFromBytes(hex(cbc[2][0])), iv, hex(cbc[2][1]))).toBeUndefined();
});
