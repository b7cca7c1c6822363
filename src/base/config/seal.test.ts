// The seal and the audit stanzas, and that no key of the seal is ever seen outside of them.

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { AuditConfig, SealConfig } from './config.ts';
import { readConfig } from './reader.ts';
import { sanitized } from './sanitized.ts';

const rest = 'storage "inmem" {}\nlistener "tcp" { tls_disable = true }\n';
const read = (text: string) => readConfig([{ path: 'vault.hcl', text: `${text}\n${rest}` }]);

function sealOf(text: string): SealConfig {
  const { config, warnings } = read(text);
  expect(warnings).toEqual([]);
  return config.seal;
}

const hex = '00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF';
const base64 = Buffer.from(hex, 'hex').toString('base64');

describe('seal', () => {
  it('is Shamir where nothing is said', () => {
    expect(sealOf('')).toEqual({ type: 'shamir' });
    expect(sealOf('seal "shamir" {}')).toEqual({ type: 'shamir' });
    expect(sealOf('seal "static" {\n current_key = "env://KEY"\n disabled = false\n}').type).toBe('static');
  });

  it('takes keys from files and from the environment', () => {
    expect(
      sealOf(
        'seal "static" {\n current_key_id = "b"\n current_key = "file:///run/keys/b"\n previous_key_id = "a"\n previous_key = "env://OLD_KEY"\n}',
      ),
    ).toEqual({
      type: 'static',
      current: { id: 'b', source: { kind: 'file', path: '/run/keys/b' } },
      previous: { id: 'a', source: { kind: 'environment', name: 'OLD_KEY' } },
    });
    expect(sealOf('kms "static" {\n current_key = "env://K"\n}')).toEqual({
      type: 'static',
      current: { id: undefined, source: { kind: 'environment', name: 'K' } },
    });
  });

  it.each([hex, base64, base64.replace('=', ''), `<<K\n${base64}\nK\n`])(
    'takes a key that stands in the file, and hides it: %s',
    (typed) => {
      const { config } = read(`seal "static" {\n current_key = ${typed.startsWith('<<') ? typed : `"${typed}"`}\n}`);
      const seal = config.seal;
      if (seal.type !== 'static' || seal.current.source.kind !== 'text') throw new Error('no key as text');
      expect([hex, base64, base64.replace('=', '')]).toContain(seal.current.source.reveal());
      for (const seen of [JSON.stringify(config), inspect(config, { depth: 9 }), JSON.stringify(sanitized(config))])
        expect(seen).not.toMatch(/001122|ABEiM/i);
    },
  );

  it('may be held by a transit engine, reached with a token or an AppRole login', () => {
    expect(
      sealOf('seal "transit" {\n address = "https://kms.example.com:8200"\n key_name = "unseal"\n mount_path = "team/transit/"\n}'),
    ).toMatchObject({
      type: 'transit',
      holder: {
        type: 'transit',
        address: 'https://kms.example.com:8200',
        key: 'unseal',
        mount: 'team/transit',
        auth: { kind: 'token', token: { kind: 'environment', name: 'VAULT_TOKEN' } },
      },
    });
    const seal = sealOf(
      'seal "transit" {\n address = "unix:///run/kms.sock"\n key_name = "unseal"\n role_id = "file:///run/role"\n secret_id = "marked-secret"\n approle_path = "auth/machines/"\n}',
    );
    expect(seal).toMatchObject({
      holder: { auth: { kind: 'approle', roleId: { kind: 'file', path: '/run/role' }, secretId: { kind: 'text' }, mount: 'machines' } },
    });
    expect(`${JSON.stringify(seal)}${inspect(seal, { depth: 9 })}`).not.toContain('marked');
  });

  it('may be held by a key ring or a cloud', () => {
    expect(sealOf('seal "local" {\n path = "/etc/ring"\n passphrase = "env://P"\n}')).toEqual({
      type: 'local',
      holder: { type: 'local', path: '/etc/ring', passphrase: { kind: 'environment', name: 'P' } },
    });
    const rest = 'kms_key_id = "k"\n access_key = "a"\n secret_key = "file:///s"\n';
    expect(sealOf(`seal "awskms" {\n region = "r"\n ${rest} endpoint = "https://kms.example.com"\n}`)).toMatchObject({
      holder: { type: 'aws', region: 'r', key: 'k', endpoint: 'https://kms.example.com', secretKey: { kind: 'file', path: '/s' } },
    });
    expect(sealOf(`seal "alicloudkms" {\n region = "r"\n ${rest} domain = "kms.example.com"\n}`)).toMatchObject({
      holder: { type: 'alicloud', endpoint: 'https://kms.example.com' },
    });
    expect(sealOf('seal "jdcloudkms" {\n kms_key_id = "k"\n}')).toMatchObject({
      holder: { type: 'jdcloud', key: 'k', accessKey: { kind: 'environment', name: 'JDCLOUD_ACCESS_KEY' } },
    });
  });

  it('may be held by a PKCS#11 token, named as Vault names it', () => {
    expect(
      sealOf(
        'hsm "pkcs11" {\n lib = "/usr/lib/hsm.so"\n slot = 7\n token_label = "casemate"\n pin = "marked-pin"\n key_label = "etcd"\n key_id = "0x0A1b"\n mechanism = "0x1087"\n}',
      ),
    ).toMatchObject({
      type: 'pkcs11',
      holder: {
        type: 'pkcs11',
        lib: '/usr/lib/hsm.so',
        slot: 7,
        tokenLabel: 'casemate',
        keyLabel: 'etcd',
        keyId: '0a1b',
        pin: { kind: 'text' },
      },
    });
    const seal = sealOf('seal "pkcs11" {\n lib = "/usr/lib/hsm.so"\n slot = "0x10"\n key_id = "01"\n}');
    expect(seal).toMatchObject({ holder: { slot: 16, keyId: '01', pin: { kind: 'environment', name: 'VAULT_HSM_PIN' } } });
  });

  it.each([
    ['seal "pkcs11" {}', 1, 'seal "pkcs11" needs lib, the path of the vendor\'s PKCS#11 library'],
    ['seal "pkcs11" {\n lib = "/a.so"\n key_label = "k"\n}', 1, 'seal "pkcs11" needs token_label or slot: which token'],
    ['seal "pkcs11" {\n lib = "/a.so"\n token_label = "t"\n}', 1, 'seal "pkcs11" needs key_label or key_id: which key'],
    [
      'seal "pkcs11" {\n lib = "/a.so"\n token_label = "t"\n key_id = "0x1"\n}',
      4,
      'key_id in seal "pkcs11" must be the key\'s CKA_ID in hexadecimal digits, two for each byte, such as 0x01, not "0x1"',
    ],
    [
      'seal "pkcs11" {\n lib = "/a.so"\n token_label = "t"\n key_label = "k"\n mechanism = "0x0009"\n}',
      5,
      'mechanism in seal "pkcs11" must be CKM_AES_GCM (0x1087), the only mechanism that is used here, not "0x0009"',
    ],
    ['seal "local" {}', 1, 'seal "local" needs path, the file of a key ring'],
    ['seal "transit" {\n address = "https://a"\n}', 1, 'seal "transit" needs key_name, the name of a key of the transit engine'],
    ['seal "transit" {\n address = "https://a"\n key_name = "k"\n secret_id = "file:///s"\n}', 4, 'secret_id needs role_id beside it'],
    [
      'seal "transit" {\n address = "https://a"\n key_name = "k"\n role_id = "r"\n token = "t"\n}',
      5,
      'token and role_id exclude one another: the server logs in with one of them',
    ],
    ['seal "awskms" {\n kms_key_id = "k"\n}', 1, 'seal "awskms" needs region'],
    ['seal "jdcloudkms" {}', 1, 'seal "jdcloudkms" needs kms_key_id'],
    [
      'seal "jdcloudkms" {\n kms_key_id = "k"\n access_key = "a"\n}',
      1,
      'seal "jdcloudkms" needs access_key and secret_key together, or neither of them and the variables JDCLOUD_ACCESS_KEY and JDCLOUD_SECRET_KEY',
    ],
    [
      'hsm "ocikms" {}',
      1,
      'a seal of type "ocikms" does not exist here; use shamir, static, local, transit, awskms, alicloudkms, jdcloudkms or pkcs11',
    ],
    ['seal {}', 1, 'seal must be written as seal "TYPE" { … }'],
    ['seal "static" {}', 1, 'seal "static" needs current_key, file:///PATH, env://NAME, or a key of 32 bytes as hex or base64'],
    ['seal "static" {\n current_key_id = "a"\n}', 2, 'current_key_id needs current_key beside it'],
    ['seal "static" {\n current_key = "env://A"\n previous_key_id = "a"\n}', 3, 'previous_key_id needs previous_key beside it'],
    [
      'seal "static" {\n current_key_id = "a"\n current_key = "env://A"\n previous_key_id = "a"\n previous_key = "env://B"\n}',
      4,
      'previous_key_id must differ from current_key_id: a name is never used again for another key',
    ],
    [
      'seal "shamir" {}\nseal "static" {}',
      2,
      'seal "static" is one too many: there is seal "shamir" at vault.hcl:1, and a server has one seal',
    ],
    [
      'seal "static" {\n disabled = "true"\n current_key = "env://A"\n}',
      2,
      'seal "static" is disabled, and moving from one seal to another is not possible; remove the stanza',
    ],
  ])('refuses %s', (text, line, sentence) => {
    expect(() => read(text)).toThrow(new RegExp(`^vault\\.hcl:${line}: ${RegExp.escape(sentence)}$`));
  });

  it.each(['marked', 'file://marked', 'file:///', 'env://', 'env://MARKED-NAME', `${hex}marked`, 'bWFya2Vk', 'vault://marked'])(
    'refuses the key %s without repeating it',
    (key) => {
      const sentence = 'current_key in seal "static" must be file:///PATH, env://NAME, or a key of 32 bytes as hex or base64';
      expect(() => read(`seal "static" {\n current_key = "${key}"\n}`)).toThrow(new RegExp(`^vault\\.hcl:2: ${RegExp.escape(sentence)}$`));
    },
  );

  it('names a misspelt key without its value', () => {
    expect(read(`seal "static" {\n current_key = "env://A"\n curent_key = "${hex}"\n}`).warnings).toEqual([
      'unknown key "curent_key" in seal "static" at vault.hcl:3',
    ]);
  });
});

describe('audit devices', () => {
  const auditsOf = (text: string): readonly AuditConfig[] => read(text).config.audits;

  it('keep their options as they were written', () => {
    expect(
      auditsOf(
        'audit "file" "a" {\n options {\n  file_path = "/log/a"\n  mode = 0640\n  log_raw = true\n }\n local = true\n}\naudit "file" "/b/c/" {\n options = { path = "stdout" }\n}',
      ),
    ).toEqual([
      { type: 'file', path: 'a/', description: '', options: { file_path: '/log/a', mode: '0640', log_raw: 'true' } },
      { type: 'file', path: 'b/c/', description: '', options: { file_path: 'stdout' } },
    ]);
  });

  it.each([
    [
      'audit "syslog" "a" {}',
      'an audit device of type "syslog" does not exist here; use file (its file_path may be stdout), socket or http',
    ],
    ['audit "socket" "a" {}', 'audit "socket" "a" needs options { address = "…" }, host:port or the path of a socket'],
    ['audit "http" "a" { options { url = "http://a" } }', 'audit "http" "a" needs options { uri = "…" }, an http or https URL'],
    ['audit "file" {}', 'audit must be written as audit "TYPE" "PATH" { … }'],
    ['audit "file" "/" {}', 'an audit device needs a path: audit "file" "to-disk" { … }'],
    ['audit "file" "a" {}', 'audit "file" "a" needs options { file_path = "…" }, a path or stdout'],
    [
      'audit "file" "a" { options { file_path = [1] } }',
      'file_path in options of audit "file" "a" must be text; nothing is filled in, so it must not hold ${, not a list',
    ],
  ])('are refused when they are %s', (text, sentence) => {
    expect(() => read(`\n${text}`)).toThrow(`vault.hcl:2: ${sentence}`);
  });

  it('may be sockets and http servers, which have no file', () => {
    expect(
      auditsOf(
        'audit "socket" "a" {\n options {\n  address = "127.0.0.1:9000"\n  path = "kept"\n }\n}\naudit "HTTP" "b" {\n options = { uri = "env://URI" }\n}',
      ),
    ).toEqual([
      { type: 'socket', path: 'a/', description: '', options: { address: '127.0.0.1:9000', path: 'kept' } },
      { type: 'http', path: 'b/', description: '', options: { uri: 'env://URI' } },
    ]);
  });

  it('have a path each', () => {
    const one = 'audit "file" "a" { options { file_path = "stdout" } }\n';
    expect(() => read(one + one.replace('"a"', '"a/"'))).toThrow(
      'vault.hcl:2: the audit device at vault.hcl:1 has the same path; give each its own',
    );
  });
});

describe('the sanitized configuration', () => {
  it('has the names that Vault gives, and neither keys nor paths of the data', () => {
    const { config } = readConfig([
      {
        path: 'vault.hcl',
        text: `storage "file" { path = "/marked-data" }
          listener "tcp" { address = "[::1]:8200", tls_cert_file = "c", tls_key_file = "k", tls_min_version = "tls13", tls_client_ca_file = "ca" }
          listener "tcp" { tls_disable = true, max_request_duration = "90s" }
          seal "static" { current_key = "${hex}" }
          audit "file" "a" { options { file_path = "/marked-log" } }
          api_addr = "https://a:1"
          default_lease_ttl = "1h"`,
      },
    ]);
    const shown = sanitized(config);
    expect(JSON.stringify(shown)).not.toContain('marked');
    expect(shown).toMatchObject({
      api_addr: 'https://a:1',
      audits: [{ type: 'file', path: 'a/', description: '' }],
      cache_size: 0,
      cluster_addr: '',
      default_lease_ttl: 3600,
      disable_cache: false,
      disable_mlock: true,
      enable_ui: false,
      log_level: 'info',
      max_lease_ttl: 2_764_800,
      seals: [{ type: 'static', disabled: false }],
      storage: { type: 'file', redirect_addr: 'https://a:1', cluster_addr: '', disable_clustering: false },
    });
    expect(shown['listeners']).toMatchObject([
      {
        type: 'tcp',
        config: {
          address: '[::1]:8200',
          tls_disable: false,
          tls_cert_file: 'c',
          tls_key_file: 'k',
          tls_min_version: 'tls13',
          tls_max_version: 'tls13',
          tls_client_ca_file: 'ca',
          tls_require_and_verify_client_cert: false,
        },
      },
      {
        type: 'tcp',
        config: { address: '127.0.0.1:8200', tls_disable: true, max_request_duration: '1m30s', max_request_size: 33_554_432 },
      },
    ]);
  });
});
