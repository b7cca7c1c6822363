// Signatures of requests are those that the clouds publish for the same requests.

import { describe, expect, it } from 'vitest';
import { signedForAlicloud } from './acs3.ts';
import { signedForAws } from './aws-v4.ts';
import { signedForJdcloud } from './jdcloud2.ts';
import { escaped, queryOf, type UnsignedRequest } from './request.ts';

const request = (method: string, url: string, headers: Readonly<Record<string, string>> = {}, body = ''): UnsignedRequest => ({
  method,
  url: new URL(url),
  headers,
  body,
});
const signatureIn = (headers: Readonly<Record<string, string>>) => /Signature=([0-9a-f]+)$/.exec(headers['authorization'] as string)?.[1];

// The test suite and the examples of AWS's documentation of Signature Version 4.
describe('AWS Signature Version 4', () => {
  const keys = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
  const now = Date.UTC(2015, 7, 30, 12, 36);
  const service = { region: 'us-east-1', service: 'service' };

  it('signs the example of the documentation', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const listUsers = request('GET', 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08', headers);
    expect(signedForAws(listUsers, keys, { region: 'us-east-1', service: 'iam' }, now)).toStrictEqual({
      ...headers,
      host: 'iam.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    });
  });

  it.each([
    ['get-vanilla', 'GET', '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-query-order-key-case',
      'GET',
      '?Param2=value2&Param1=value1',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
  ])('signs the request %s of the test suite', (_name, method, query, signature) => {
    expect(signatureIn(signedForAws(request(method, `https://example.amazonaws.com/${query}`), keys, service, now))).toBe(signature);
  });

  it('signs a lent token with the rest', () => {
    const signed = signedForAws(request('POST', 'https://example.amazonaws.com/'), { ...keys, sessionToken: 'lent' }, service, now);
    expect(signed['x-amz-security-token']).toBe('lent');
    expect(signed['authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token,');
  });
});

// The tests of JD Cloud's own signers for C++ and Rust.
describe('JDCLOUD2-HMAC-SHA256', () => {
  const keys = { accessKey: 'ak', secretKey: 'sk' };

  it("signs the request of JD Cloud's tests", () => {
    const plain = request('GET', 'http://vm.cn-north-1.jdcloud.net/');
    expect(signedForJdcloud(plain, keys, { region: 'cn-north-1', service: 'vm' }, 1_234_567_890_000, 'uuid')).toStrictEqual({
      host: 'vm.cn-north-1.jdcloud.net',
      'x-jdcloud-date': '20090213T233130Z',
      'x-jdcloud-nonce': 'uuid',
      authorization:
        'JDCLOUD2-HMAC-SHA256 Credential=ak/20090213/cn-north-1/vm/jdcloud2_request, SignedHeaders=host;x-jdcloud-date;x-jdcloud-nonce, Signature=43a76892222031f847c00c56cac8d4d2dc179a4e75a37868d09a5300435f4054',
    });
  });

  it('signs the path as it is sent, with its colon escaped', () => {
    const sign = (path: string) =>
      signatureIn(
        signedForJdcloud(request('POST', `https://kms.example${path}`, {}, '{}'), keys, { region: 'jdcloud-api', service: 'kms' }, 0, 'n'),
      );
    expect(sign('/v1/key/k%3AEncrypt')).not.toBe(sign('/v1/key/k:Encrypt'));
  });
});

// The example with fixed parameters of Alibaba Cloud's page on request syntax and signature method V3.
describe('ACS3-HMAC-SHA256', () => {
  const keys = { accessKey: 'YourAccessKeyId', secretKey: 'YourAccessKeySecret' };
  const now = Date.UTC(2023, 9, 26, 10, 22, 32);
  const nonce = '3156853299f313e23d1673dc12e1703d';

  it('signs the example of the documentation', () => {
    const query = 'ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai';
    const action = { 'x-acs-action': 'RunInstances', 'x-acs-version': '2014-05-26' };
    const run = request('POST', `https://ecs.cn-shanghai.aliyuncs.com/?${query}`, action);
    expect(signedForAlicloud(run, keys, now, nonce)['authorization']).toBe(
      'ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0',
    );
  });

  it('signs a lent token with the rest', () => {
    const signed = signedForAlicloud(request('POST', 'https://kms.example/'), { ...keys, sessionToken: 'lent' }, now, nonce);
    expect(signed['x-acs-security-token']).toBe('lent');
    expect(signed['authorization']).toContain(';x-acs-date;x-acs-security-token;x-acs-signature-nonce,');
  });
});

describe('a query', () => {
  it('is escaped as the clouds escape, not as forms are', () => {
    expect(escaped("a b*c~d!'()/+=é")).toBe('a%20b%2Ac~d%21%27%28%29%2F%2B%3D%C3%A9');
    expect(queryOf({ Plaintext: 'a+/b==', KeyId: 'alias/x y' })).toBe('Plaintext=a%2B%2Fb%3D%3D&KeyId=alias%2Fx%20y');
  });

  it('is signed for what it means, however it is written', () => {
    const keys = { accessKey: 'a', secretKey: 's' };
    const sign = (query: string) =>
      signatureIn(signedForAws(request('GET', `https://h.example/?${query}`), keys, { region: 'r', service: 's' }, 0));
    expect(sign('b=1&a=%7e')).toBe(sign('a=~&b=1'));
    expect(sign('b=1&a=2')).not.toBe(sign('b=2&a=1'));
  });
});
