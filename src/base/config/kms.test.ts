// The plugin's configuration and that of JD Cloud's plugin: what is read, what holds where nothing is said, what is refused.

import { describe, expect, it } from 'vitest';
import { readKmsConfig } from './kms.ts';
import { readJdcloudConfig } from './kms-jdcloud.ts';

const read = (text: string) => readKmsConfig({ path: 'kms.hcl', text });
const provider = (body: string) => read(`provider "p" {\n socket = "/run/k/k.sock"\n ${body}\n}`);
const ring = 'key "local" { path = "/etc/ring" }';

describe('the configuration of the plugin', () => {
  it('needs little', () => {
    expect(provider(ring)).toEqual({
      providers: [
        {
          name: 'p',
          socket: '/run/k/k.sock',
          keys: [{ type: 'local', path: '/etc/ring', passphrase: undefined }],
          proof: undefined,
          probeEvery: 30_000,
          unhealthyAfter: 60_000,
        },
      ],
      health: { host: '127.0.0.1', port: 8250 },
      audit: { path: 'stdout', required: true },
      logLevel: 'info',
    });
  });

  it('names holders with their secrets, one in the file itself hidden in a function', () => {
    const config = provider(`
      key "transit" {
        address = "https://vault:8200"
        key_name = "etcd"
        role_id = "file:///etc/role"
        secret_id = "env://SECRET_ID"
        tls_ca_cert = "/etc/ca.pem"
      }
      key "awskms" {
        region = "eu-central-1"
        kms_key_id = "alias/etcd"
        access_key = "AKIA"
        secret_key = "hidden"
        two_levels {
          cipher = "sm4-gcm"
          cache_file = "/var/lib/cache"
          cache_ring = "/etc/ring"
        }
      }`);
    const [transit, aws] = config.providers[0]?.keys ?? [];
    expect(transit).toMatchObject({
      type: 'transit',
      address: 'https://vault:8200',
      key: 'etcd',
      auth: { kind: 'approle', roleId: { kind: 'file', path: '/etc/role' }, secretId: { kind: 'environment', name: 'SECRET_ID' } },
      tls: { caCert: '/etc/ca.pem' },
    });
    expect(aws).toMatchObject({
      type: 'two-levels',
      cipher: 'sm4-gcm',
      holder: { type: 'aws', region: 'eu-central-1', key: 'alias/etcd' },
      cache: { path: '/var/lib/cache', ring: { type: 'local', path: '/etc/ring' } },
    });
    expect(JSON.stringify(config)).not.toContain('hidden');
  });

  it('takes a socket as an EncryptionConfiguration writes it', () => {
    expect(read(`provider "p" { socket = "unix:///run/k.sock" ${ring} }`).providers[0]?.socket).toBe('/run/k.sock');
  });

  it.each([
    ['', 'kms.hcl: no provider is configured'],
    [`provider "p" { ${ring} }`, 'kms.hcl:1: provider "p" needs socket'],
    ['provider "p" { socket = "/s" }', 'provider "p" needs key "TYPE" { … }'],
    ['provider "p" { socket = "/s" key "azure" {} }', 'a key of type "azure" does not exist here'],
    ['provider "p" { socket = "/s" key "local" {} }', 'key "local" needs path'],
    ['provider "p" { socket = "/s" key "transit" { address = "https://v" } }', 'key "transit" needs key_name'],
    [
      'provider "p" { socket = "/s" key "awskms" { region = "r" kms_key_id = "k" access_key = "a" } }',
      'needs access_key and secret_key together',
    ],
    [
      `provider "p" { socket = "/s" key "local" { path = "/r" two_levels { cache_file = "/c" } } }`,
      'needs cache_file and cache_ring together',
    ],
    [`provider "p" { socket = "/s" ${ring} proof = "no" }`, 'what casemate kms check prints as proof'],
    [`provider "p" { socket = "/s" ${ring} prof = "x" }`, 'unknown key "prof" in provider "p" at kms.hcl:1'],
    [`provider "p" { socket = "/s" key "local" { path = "/r" pasphrase = "x" } }`, 'unknown key "pasphrase"'],
    [`provider "p" { socket = "/s" ${ring} }\nprovider "p" { socket = "/t" ${ring} }`, 'has the name "p" already'],
    [`provider "p" { socket = "/s" ${ring} }\nprovider "q" { socket = "/s" ${ring} }`, 'has the socket "/s" already'],
    [`provider "p q" { socket = "/s" ${ring} }`, 'the name of a provider has letters'],
    [`provider "p" { socket = "/s" ${ring} probe_every = "1ms" }`, 'probe_every must be 100ms or more'],
    [`provider "p" { socket = "/s" ${ring} }\nhealth { address = "0.0.0.0:8250" }`, 'must be a loopback one'],
    [`provider "p" { socket = "/s" ${ring} }\naudit { path = "audit.log" }`, 'must be stdout or an absolute path'],
    ['provider "p" {', 'kms.hcl:1:'],
  ])('%s is refused', (text, sentence) => {
    expect(() => read(text)).toThrow(sentence);
  });
});

describe("the configuration of JD Cloud's plugin", () => {
  const asItStands = {
    AccessKey: 'xxx',
    SecretKey: 'yyy',
    KmsEndpoint: 'kms.internal.cn-north-1.jdcloud-api.com',
    KmsKeyId: 'abcd',
    KmsSchema: 'http',
    GRPCSocketPath: '/var/run/k8s-kms-plugin/kms-plugin.sock',
  };
  const jdcloud = (value: object) => readJdcloudConfig({ path: 'kms.json', text: JSON.stringify(value) });
  const keyOf = (value: object) => jdcloud(value)?.providers[0]?.keys[0] as unknown as { secretKey: { reveal(): string } };

  it('is read as it stands', () => {
    expect(jdcloud(asItStands)?.providers[0]).toMatchObject({
      socket: '/var/run/k8s-kms-plugin/kms-plugin.sock',
      keys: [{ type: 'jdcloud', key: 'abcd', endpoint: 'http://kms.internal.cn-north-1.jdcloud-api.com', allowPlainHttp: false }],
    });
    expect(keyOf(asItStands).secretKey.reveal()).toBe('yyy');
    expect(jdcloud({ ...asItStands, DebugMode: true })?.logLevel).toBe('debug');
    expect(keyOf({ ...asItStands, allow_plain_http: true })).toMatchObject({ allowPlainHttp: true });
  });

  it('is read with the notes that the guide writes behind its lines', () => {
    const text =
      '{\n"AccessKey": "x#x", # 部署前,该参数需要预先知道\n"SecretKey": "y", # "not": this\n"KmsEndpoint": "kms.example.com",\n"KmsKeyId": "abcd",\n"GRPCSocketPath": "/run/k.sock"\n}';
    const config = readJdcloudConfig({ path: 'kms.json', text });
    expect(config?.providers[0]?.keys[0]).toMatchObject({ type: 'jdcloud', key: 'abcd', endpoint: 'https://kms.example.com' });
  });

  it('may name files and variables in place of secrets', () => {
    expect(keyOf({ ...asItStands, SecretKey: 'file:///etc/secret', AccessKey: 'env://JD_KEY' })).toMatchObject({
      secretKey: { kind: 'file', path: '/etc/secret' },
      accessKey: { kind: 'environment', name: 'JD_KEY' },
    });
  });

  it.each([
    [{ ...asItStands, SecretKey: undefined }, 'kms.json: SecretKey is needed'],
    [{ ...asItStands, KmsKeyID: 'x', kmskeyid: 5 }, 'KmsKeyId is needed, as a text'],
    [{ ...asItStands, KmsSchema: 'ftp' }, 'KmsSchema must be https, or http'],
    [{ ...asItStands, DebugMode: 'yes' }, 'DebugMode must be true or false'],
    [{ ...asItStands, KmsKeyIdd: 'x' }, '"KmsKeyIdd" is not known'],
  ])('%j is refused', (value, sentence) => {
    expect(() => jdcloud(value)).toThrow(sentence);
  });

  it('is told from a configuration of ours in JSON', () => {
    expect(jdcloud({ provider: { p: { socket: '/s', key: { local: { path: '/r' } } } } })).toBeUndefined();
    expect(read('{"provider":{"p":{"socket":"/s","key":{"local":{"path":"/r"}}}}}').providers[0]?.keys[0]).toMatchObject({ path: '/r' });
  });
});
