// What the files of a configuration say reaches the server, in HCL and in JSON alike, and what is wrong is named with its place.

import { describe, expect, it } from 'vitest';
import { Fault } from '../fault.ts';
import { defaults, type ServerConfig } from './config.ts';
import { defaultLockout } from './lockout.ts';
import { type ReadConfig, readConfig } from './reader.ts';

const listener = 'listener "tcp" { tls_disable = true }';
const least = `storage "inmem" {}\n${listener}\n`;

function read(text: string, path = 'vault.hcl'): ReadConfig {
  return readConfig([{ path, text }]);
}

/** A whole configuration with `text` before the stanzas that every server needs, which have lines of their own. */
function with_(text: string): ServerConfig {
  const { config, warnings } = read(`${text}\n${least}`);
  expect(warnings).toEqual([]);
  return config;
}

function refusal(text: string, path?: string): string {
  try {
    read(text, path);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault);
    expect((thrown as Fault).code).toBe('usage');
    return (thrown as Fault).message;
  }
  throw new Error('the configuration was taken');
}

const refusalOf = (text: string): string => refusal(`${text}\n${least}`);
const warningsOf = (text: string): readonly string[] => read(`${text}\n${least}`).warnings;

describe('the whole configuration', () => {
  const hcl = `
    storage "lmdb" { path = "/var/lib/casemate" }
    listener "tcp" {
      address       = "0.0.0.0:8200"
      tls_cert_file = "/etc/casemate/tls.crt"
      tls_key_file  = "/etc/casemate/tls.key"
      telemetry { unauthenticated_metrics_access = true }
    }
    listener "tcp" {
      address     = "127.0.0.1:8100"
      tls_disable = "true"
    }
    seal "static" {
      current_key_id = "2"
      current_key    = "file:///etc/casemate/unseal.key"
    }
    audit "file" "to-disk" {
      description = "for the auditors"
      options { file_path = "/var/log/casemate/audit.log" }
    }
    telemetry { prometheus_retention_time = "12h" }
    api_addr          = "https://vault.example.com:8200"
    max_lease_ttl     = "1000h"
    ui                = true
    disable_mlock     = true
  `;
  const json = JSON.stringify({
    storage: { lmdb: { path: '/var/lib/casemate' } },
    listener: [
      {
        tcp: {
          address: '0.0.0.0:8200',
          tls_cert_file: '/etc/casemate/tls.crt',
          tls_key_file: '/etc/casemate/tls.key',
          telemetry: { unauthenticated_metrics_access: true },
        },
      },
      { tcp: { address: '127.0.0.1:8100', tls_disable: 'true' } },
    ],
    seal: { static: { current_key_id: '2', current_key: 'file:///etc/casemate/unseal.key' } },
    audit: { file: { 'to-disk': { description: 'for the auditors', options: { file_path: '/var/log/casemate/audit.log' } } } },
    telemetry: { prometheus_retention_time: '12h' },
    api_addr: 'https://vault.example.com:8200',
    max_lease_ttl: '1000h',
    ui: true,
    disable_mlock: true,
  });

  it('is the same in HCL and in JSON', () => {
    expect(read(json, 'vault.json')).toEqual(read(hcl));
  });

  it('arrives in full', () => {
    const limits = {
      maxRequestSize: 33_554_432,
      maxRequestDuration: 90_000,
      readHeaderTimeout: 10_000,
      readTimeout: 30_000,
      writeTimeout: 0,
      idleTimeout: 300_000,
      unix: undefined,
      proxies: undefined,
      responseHeaders: {},
      disableUnauthedRekey: false,
      disableUnauthedGenerateRoot: false,
    };
    expect(read(hcl)).toEqual({
      warnings: [],
      config: {
        storage: { type: 'lmdb', path: '/var/lib/casemate' },
        listeners: [
          {
            ...limits,
            host: '0.0.0.0',
            port: 8200,
            metrics: { open: true, shown: 'beside' },
            tls: {
              certFile: '/etc/casemate/tls.crt',
              keyFile: '/etc/casemate/tls.key',
              minVersion: 'TLSv1.2',
              maxVersion: 'TLSv1.3',
              cipherSuites: undefined,
              clientCaFile: undefined,
              clientCertificates: 'asked',
            },
          },
          { ...limits, host: '127.0.0.1', port: 8100, metrics: { open: false, shown: 'beside' }, tls: undefined },
        ],
        seal: { type: 'static', current: { id: '2', source: { kind: 'file', path: '/etc/casemate/unseal.key' } } },
        audits: [
          {
            type: 'file',
            path: 'to-disk/',
            description: 'for the auditors',
            options: { file_path: '/var/log/casemate/audit.log' },
          },
        ],
        auditDirectory: undefined,
        lockouts: {
          all: defaultLockout,
          methods: { approle: defaultLockout, ldap: defaultLockout, userpass: defaultLockout },
        },
        apiAddress: 'https://vault.example.com:8200',
        clusterAddress: undefined,
        clusterName: undefined,
        defaultLeaseTtl: 768 * 3600,
        maxLeaseTtl: 1000 * 3600,
        ui: true,
        logLevel: 'info',
        disableCache: false,
        cacheBytes: 67_108_864,
        pidFile: undefined,
        telemetry: { prometheusRetention: 12 * 3600, disableHostname: false },
      },
    });
  });

  it('is taken from the JSON that the wire tests start a server with', () => {
    const text = JSON.stringify({
      storage: { inmem: {} },
      listener: [
        {
          tcp: {
            address: '127.0.0.1:40000',
            tls_disable: true,
            disable_unauthed_rekey_endpoints: false,
            disable_unauthed_generate_root_endpoints: false,
          },
        },
      ],
      disable_mlock: true,
      api_addr: 'http://127.0.0.1:40000',
    });
    const { config, warnings } = read(text, 'config.json');
    expect(warnings).toEqual([]);
    expect(config.storage).toEqual({ type: 'inmem' });
    expect(config.listeners).toMatchObject([{ host: '127.0.0.1', port: 40_000, tls: undefined }]);
  });

  it('needs no more than a storage and a listener', () => {
    const config = with_('');
    expect(config).toMatchObject({ seal: { type: 'shamir' }, audits: [], logLevel: 'info', ui: false, disableCache: false });
    expect(config.defaultLeaseTtl).toBe(defaults.leaseTtl);
    expect(config.telemetry).toEqual({ prometheusRetention: 86_400, disableHostname: false });
  });

  it('asks for the parts that are missing and names the files it looked at', () => {
    expect(refusal('')).toMatch(/^vault\.hcl: no storage is configured; add storage "lmdb"/);
    expect(() =>
      readConfig([
        { path: 'a.hcl', text: 'storage "inmem" {}' },
        { path: 'b.hcl', text: '' },
      ]),
    ).toThrow(/^a\.hcl, b\.hcl: no listener is configured; add listener "tcp"/);
  });
});

describe('single values', () => {
  it.each<[string, keyof ServerConfig, unknown]>([
    ['api_addr = "http://127.0.0.1:8200"', 'apiAddress', 'http://127.0.0.1:8200'],
    ['cluster_name = "blue"', 'clusterName', 'blue'],
    ['cluster_name = 7', 'clusterName', '7'],
    ['default_lease_ttl = "1h"', 'defaultLeaseTtl', 3600],
    ['default_lease_ttl = 60', 'defaultLeaseTtl', 60],
    ['default_lease_ttl = "2d"', 'defaultLeaseTtl', 172_800],
    ['default_lease_ttl = "500ms"', 'defaultLeaseTtl', 1],
    ['default_lease_ttl = 0', 'defaultLeaseTtl', 768 * 3600],
    ['max_lease_ttl = "9000h"', 'maxLeaseTtl', 9000 * 3600],
    ['ui = 1', 'ui', true],
    ['ui = "true"', 'ui', true],
    ['ui = false', 'ui', false],
    ['ui = ""', 'ui', false],
    ['log_level = "trace"', 'logLevel', 'trace'],
    ['log_level = "DEBUG"', 'logLevel', 'debug'],
    ['log_level = "warning"', 'logLevel', 'warn'],
    ['log_level = "warn"', 'logLevel', 'warn'],
    ['log_level = "err"', 'logLevel', 'error'],
    ['log_level = "error"', 'logLevel', 'error'],
    ['log_level = "info"', 'logLevel', 'info'],
    ['log_format = "json"', 'logLevel', 'info'],
    ['disable_mlock = false', 'ui', false],
    ['disable_cache = true', 'disableCache', true],
    ['cache_bytes = 1048576', 'cacheBytes', 1_048_576],
    ['cache_bytes = "0"', 'cacheBytes', 0],
    ['pid_file = "/run/casemate.pid"', 'pidFile', '/run/casemate.pid'],
    ['pid_file = ""', 'pidFile', undefined],
    ['raw_storage_endpoint = false', 'ui', false],
    ['audit_directory = "/var/log/casemate"', 'auditDirectory', '/var/log/casemate'],
    ['telemetry {\n disable_hostname = true\n}', 'telemetry', { prometheusRetention: 86_400, disableHostname: true }],
    ['telemetry {\n prometheus_retention_time = 0\n}', 'telemetry', { prometheusRetention: 0, disableHostname: false }],
  ])('takes %s', (text, key, value) => {
    expect(with_(text)[key]).toEqual(value);
  });

  it.each([
    ['api_addr = "vault.example.com"', 'api_addr must be a URL without user and password, such as https://vault.example.com:8200'],
    [
      'api_addr = "https://root:marked-secret@example.com"',
      'api_addr must be a URL without user and password, such as https://vault.example.com:8200',
    ],
    ['ui = "yes"', 'ui must be true or false, not "yes"'],
    ['ui = 2', 'ui must be true or false, not 2'],
    ['ui = [true]', 'ui must be true or false, not a list'],
    ['ui "x" {}', 'ui must be true or false, not a stanza'],
    ['log_level = "loud"', 'log_level must be trace, debug, info, warn, warning, error or err, not "loud"'],
    ['log_format = "xml"', 'log_format must be json or standard, not "xml"'],
    ['cache_bytes = -1', 'cache_bytes must be a whole number of bytes, 0 or more, not -1'],
    ['cache_bytes = 1.5', 'cache_bytes must be a whole number of bytes, 0 or more, not 1.5'],
    ['cache_bytes = "64MB"', 'cache_bytes must be a whole number of bytes, 0 or more, not "64MB"'],
    ['default_lease_ttl = "soon"', 'default_lease_ttl must be a duration such as 90s, 30m, 768h or 2d, or a number of seconds, not "soon"'],
    ['max_lease_ttl = "-1h"', 'max_lease_ttl must be a duration such as 90s, 30m, 768h or 2d, or a number of seconds, not "-1h"'],
    ['disable_mlock = "perhaps"', 'disable_mlock must be true or false, not "perhaps"'],
    ['raw_storage_endpoint = true', 'raw_storage_endpoint must be false: there is no way around the barrier'],
    ['cluster_name = true', 'cluster_name must be text; nothing is filled in, so it must not hold ${, not true'],
    [
      `pid_file = "\${RUNTIME}/pid"`,
      `pid_file must be the path of a file or folder; nothing is filled in, so it must not hold \${, not "\${RUNTIME}/pid"`,
    ],
    [
      'pid_file = "/run/\\u0000"',
      'pid_file must be the path of a file or folder; nothing is filled in, so it must not hold ${, not "/run/\\u0000"',
    ],
    ['telemetry = true', 'telemetry must be written as telemetry { … }'],
    ['telemetry "statsd" {}', 'telemetry must be written as telemetry { … }'],
    [
      'telemetry { prometheus_retention_time = "x" }',
      'prometheus_retention_time in telemetry must be a duration such as 90s, 30m, 768h or 2d, or a number of seconds, not "x"',
    ],
  ])('refuses %s on the line where it stands', (text, sentence) => {
    expect(refusalOf(`\n\n${text}`)).toBe(`vault.hcl:3: ${sentence}`);
  });

  it('refuses leases that would by default last longer than they may', () => {
    expect(refusalOf('default_lease_ttl = "2h"\nmax_lease_ttl = "1h"')).toBe(
      'vault.hcl:1: default_lease_ttl (7200s) must not be longer than max_lease_ttl (3600s)',
    );
    expect(refusalOf('\nmax_lease_ttl = "1h"')).toBe(
      'vault.hcl:2: default_lease_ttl (768h, since it is not given) must not be longer than max_lease_ttl (3600s)',
    );
    expect(with_('default_lease_ttl = "1h"\nmax_lease_ttl = "1h"')).toMatchObject({ defaultLeaseTtl: 3600, maxLeaseTtl: 3600 });
  });

  it('shortens a long wrong value in its message', () => {
    expect(refusalOf(`log_level = "${'x'.repeat(5000)}"`).length).toBeLessThan(200);
  });
});

describe('storage', () => {
  it.each([
    ['storage "lmdb" { path = "/data" }', { type: 'lmdb', path: '/data' }],
    ['storage "file" { path = "/data" }', { type: 'file', path: '/data' }],
    ['backend "inmem" {}', { type: 'inmem' }],
    ['storage "InMem" {}', { type: 'inmem' }],
    ['{"storage": [{"lmdb": {"path": "/data"}}], "listener": {"tcp": {"tls_disable": 1}}}', { type: 'lmdb', path: '/data' }],
    ['{"backend": {"file": [{"path": "/data"}]}, "listener": {"tcp": {"tls_disable": true}}}', { type: 'file', path: '/data' }],
  ])('takes %s', (text, storage) => {
    expect(read(text.startsWith('{') ? text : `${text}\n${listener}`).config.storage).toEqual(storage);
  });

  it.each([
    ['storage "raft" { path = "/data" }', 'storage of type "raft" does not exist here; use lmdb, file or inmem'],
    ['storage "consul" {}', 'storage of type "consul" does not exist here; use lmdb, file or inmem'],
    ['backend "postgresql" {}', 'storage of type "postgresql" does not exist here; use lmdb, file or inmem'],
    ['storage "lmdb" {}', 'storage "lmdb" needs path, the folder that holds the data'],
    ['storage "file" { path = "" }', 'storage "file" needs path, the folder that holds the data'],
    ['storage {}', 'storage must be written as storage "TYPE" { … }'],
    ['storage = "inmem"', 'storage must be written as storage "TYPE" { … }'],
    ['storage = []', 'storage must be written as storage "TYPE" { … }'],
    ['storage { path = "/data" }', 'storage must be written as storage "TYPE" { … }'],
    ['storage "file" "x" {}', 'storage must be written as storage "TYPE" { … }'],
  ])('refuses %s', (text, sentence) => {
    expect(refusal(`\n${text}\n${listener}`)).toBe(`vault.hcl:2: ${sentence}`);
  });

  it('refuses a second one, under either name and in either form', () => {
    const sentence = 'vault.hcl:2: storage "inmem" is one too many: there is storage "file" at vault.hcl:1, and a server has one storage';
    expect(refusal('storage "file" { path = "/a" }\nstorage "inmem" {}')).toBe(sentence);
    expect(refusal('storage "file" { path = "/a" }\nbackend "inmem" {}')).toBe(sentence.replace('storage "inmem"', 'backend "inmem"'));
    expect(refusal('{"storage": {"inmem": {}, "file": {"path": "/a"}}}', 'v.json')).toMatch(/^v\.json:1: storage "file" is one too many/);
    expect(() =>
      readConfig([
        { path: 'a.hcl', text: 'storage "inmem" {}' },
        { path: 'b.hcl', text: '\nstorage "inmem" {}' },
      ]),
    ).toThrow(/^b\.hcl:2: storage "inmem" is one too many: there is storage "inmem" at a\.hcl:1/);
  });

  it('names a key that it does not know', () => {
    expect(read(`storage "inmem" {\n  node_id = "a"\n}\n${listener}`).warnings).toEqual([
      'unknown key "node_id" in storage "inmem" at vault.hcl:2',
    ]);
  });
});

describe('warnings', () => {
  it('name what is not known, with file and line', () => {
    expect(warningsOf('\nfoo "bar" {\n}\nadress = 5\nconstructor = 1\n__proto__ {}')).toEqual([
      'unknown stanza "foo" at vault.hcl:2',
      'unknown key "adress" at vault.hcl:4',
      'unknown key "constructor" at vault.hcl:5',
      'unknown stanza "__proto__" at vault.hcl:6',
    ]);
    expect(warningsOf('telemetry {\n statsd_address = "x"\n}')).toEqual(['unknown key "statsd_address" in telemetry at vault.hcl:2']);
  });

  it('are given in JSON too', () => {
    const text = `{"storage": {"inmem": {}},\n"listener": {"tcp": {"tls_disable": true,\n"colour": 1}},\n"foo": {"a": 1}, "foos": [1]}`;
    expect(read(text, 'v.json').warnings).toEqual([
      'unknown key "colour" in listener "tcp" at v.json:3',
      'unknown stanza "foo" at v.json:4',
      'unknown key "foos" at v.json:4',
    ]);
  });

  it.each([
    ['cluster_addr = "https://10.0.0.1:8201"', 'every server on one storage is active, and they do not speak to one another'],
    ['ha_storage "consul" {}', 'every server on one storage is active, and they do not speak to one another'],
    ['ha_backend "consul" {}', 'every server on one storage is active, and they do not speak to one another'],
    ['service_registration "kubernetes" {}', 'the server registers nowhere'],
    ['plugin_directory = "/plugins"', 'there are no plugins'],
    ['cache_size = 131072', 'the cache is bounded in bytes, by cache_bytes'],
    ['log_format = "standard"', 'the log is written as JSON'],
  ])('say that %s changes nothing', (text, reason) => {
    expect(warningsOf(text)).toEqual([`"${text.split(' ')[0]}" at vault.hcl:1 is accepted and has no effect: ${reason}`]);
  });

  it('keep the address that Vault would give to its cluster, for those who ask', () => {
    expect(read(`cluster_addr = "https://10.0.0.1:8201"\n${least}`).config.clusterAddress).toBe('https://10.0.0.1:8201');
  });

  it('tell of a value that is given twice in one file', () => {
    const { config, warnings } = read(`ui = false\n${least}ui = true`);
    expect(config.ui).toBe(true);
    expect(warnings).toEqual(['"ui" at vault.hcl:1 is overridden at vault.hcl:4']);
  });
});

describe('several files', () => {
  const merge = (...texts: string[]) => readConfig(texts.map((text, at) => ({ path: `${at + 1}.hcl`, text })));

  it('add their stanzas up, and the last one decides a value, without a warning', () => {
    const { config, warnings } = merge(
      `${least}ui = true\nmax_lease_ttl = "10h"\ntelemetry { disable_hostname = true }`,
      '{"listener": {"tcp": {"address": "127.0.0.1:8300", "tls_disable": true}}, "max_lease_ttl": "20h", "default_lease_ttl": "15h"}',
      'telemetry { prometheus_retention_time = "1h" }\nui = ""',
    );
    expect(warnings).toEqual([]);
    expect(config.listeners.map(({ port }) => port)).toEqual([8200, 8300]);
    expect(config).toMatchObject({ maxLeaseTtl: 72_000, defaultLeaseTtl: 54_000, ui: false });
    expect(config.telemetry).toEqual({ prometheusRetention: 3600, disableHostname: true });
  });

  it('do not hide behind one another in an error', () => {
    expect(() => merge(least, '\nlog_level = "loud"')).toThrow(/^2\.hcl:2: log_level must be/);
    expect(() => merge(`${least}default_lease_ttl = "5h"`, 'max_lease_ttl = "4h"')).toThrow(/^1\.hcl:3: default_lease_ttl \(18000s\)/);
  });
});
