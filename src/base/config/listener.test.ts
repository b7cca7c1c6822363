// Listeners: addresses in all their forms, TLS that is never off by accident, limits that are never off at all.

import { describe, expect, it } from 'vitest';
import type { ListenerConfig } from './config.ts';
import { readConfig } from './reader.ts';

const read = (stanzas: string) => readConfig([{ path: 'vault.hcl', text: `storage "inmem" {}\n${stanzas}` }]);

function listenerWith(...lines: string[]): ListenerConfig {
  const { config, warnings } = read(`listener "tcp" {\n${lines.join('\n')}\n}`);
  expect(warnings).toEqual([]);
  return config.listeners[0] as ListenerConfig;
}

const pair = ['tls_cert_file = "c.pem"', 'tls_key_file = "k.pem"'];

describe('address', () => {
  it.each([
    ['127.0.0.1:8200', '127.0.0.1', 8200],
    ['0.0.0.0:0', '0.0.0.0', 0],
    [':8200', '', 8200],
    ['[::1]:8200', '::1', 8200],
    ['[::]:65535', '::', 65_535],
    ['localhost:80', 'localhost', 80],
    ['vault-0.vault.svc:8200', 'vault-0.vault.svc', 8200],
  ])('takes %s', (address, host, port) => {
    expect(listenerWith('tls_disable = true', `address = "${address}"`)).toMatchObject({ host, port });
  });

  it.each([
    '127.0.0.1',
    '8200',
    '::1:8200',
    '[127.0.0.1]:80',
    '[::1]',
    '300.1.1.1:80',
    '1.2.3:80',
    'host:65536',
    'host:-1',
    'host:http',
    'a b:80',
    'http://a:80',
    '{{ GetPrivateIP }}:80',
    '[::1',
  ])('refuses %s', (address) => {
    expect(() => listenerWith('tls_disable = true', `address = "${address}"`)).toThrow(
      `vault.hcl:4: address in listener "tcp" must be host:port, such as 127.0.0.1:8200, [::1]:8200 or :8200, not ${JSON.stringify(address)}`,
    );
  });

  it('is 127.0.0.1:8200 where none is given', () => {
    expect(listenerWith('tls_disable = true')).toMatchObject({ host: '127.0.0.1', port: 8200 });
  });

  it('may be had by one listener only, but for free ports', () => {
    const two = (address: string) => read(`listener "tcp" {\n tls_disable = 1\n address = "${address}"\n}\n`.repeat(2));
    expect(() => two('127.0.0.1:8300')).toThrow('vault.hcl:8: the listener at vault.hcl:2 has the same address; give each its own');
    expect(two('127.0.0.1:0').config.listeners).toHaveLength(2);
  });
});

describe('TLS', () => {
  it('is on unless somebody switches it off', () => {
    expect(() => listenerWith()).toThrow(
      'vault.hcl:2: listener "tcp" needs tls_cert_file and tls_key_file; to serve without TLS write tls_disable = true',
    );
    expect(() => listenerWith('tls_disable = false')).toThrow(/needs tls_cert_file and tls_key_file/);
    expect(() => listenerWith(pair[0] as string)).toThrow(/needs tls_key_file beside tls_cert_file/);
    expect(() => listenerWith(pair[1] as string)).toThrow(/needs tls_cert_file beside tls_key_file/);
    for (const off of ['true', '"true"', '1', '"1"']) expect(listenerWith(`tls_disable = ${off}`, ...pair).tls).toBeUndefined();
  });

  it('has bounds for its version', () => {
    expect(listenerWith(...pair).tls).toMatchObject({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
    expect(listenerWith(...pair, 'tls_min_version = "tls13"').tls).toMatchObject({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' });
    expect(listenerWith(...pair, 'tls_max_version = "tls12"').tls).toMatchObject({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
    expect(() => listenerWith(...pair, 'tls_min_version = "tls10"')).toThrow(
      'vault.hcl:5: tls_min_version in listener "tcp" must be tls12 or tls13, not "tls10"',
    );
    expect(() => listenerWith(...pair, 'tls_min_version = "tls13"', 'tls_max_version = "tls12"')).toThrow(
      'vault.hcl:6: tls_max_version in listener "tcp" must not be older than tls_min_version',
    );
  });

  it('asks clients for certificates as the operator wants', () => {
    const ca = 'tls_client_ca_file = "ca.pem"';
    expect(listenerWith(...pair).tls).toMatchObject({ clientCertificates: 'asked', clientCaFile: undefined });
    expect(listenerWith(...pair, 'tls_disable_client_certs = true').tls).toMatchObject({ clientCertificates: 'none' });
    expect(listenerWith(...pair, ca, 'tls_require_and_verify_client_cert = "true"').tls).toMatchObject({
      clientCertificates: 'required',
      clientCaFile: 'ca.pem',
    });
    expect(() => listenerWith(...pair, 'tls_require_and_verify_client_cert = true')).toThrow(
      'vault.hcl:5: tls_require_and_verify_client_cert needs tls_client_ca_file',
    );
    expect(() => listenerWith(...pair, ca, 'tls_require_and_verify_client_cert = true', 'tls_disable_client_certs = true')).toThrow(
      /^vault\.hcl:7: tls_disable_client_certs and tls_require_and_verify_client_cert contradict one another/,
    );
  });
});

describe('limits', () => {
  it('are taken as given', () => {
    expect(
      listenerWith(
        'tls_disable = true',
        'max_request_size = 1048576',
        'max_request_duration = "2m"',
        'http_read_header_timeout = "1.5s"',
        'http_read_timeout = 20',
        'http_idle_timeout = "1h"',
      ),
    ).toMatchObject({
      maxRequestSize: 1_048_576,
      maxRequestDuration: 120_000,
      readHeaderTimeout: 1500,
      readTimeout: 20_000,
      idleTimeout: 3_600_000,
    });
  });

  it('are the defaults where a zero stands', () => {
    const zeros = ['max_request_size', 'max_request_duration', 'http_read_header_timeout', 'http_read_timeout', 'http_idle_timeout'];
    expect(listenerWith('tls_disable = true', ...zeros.map((key) => `${key} = 0`))).toMatchObject({
      maxRequestSize: 33_554_432,
      maxRequestDuration: 90_000,
      readHeaderTimeout: 10_000,
      readTimeout: 30_000,
      idleTimeout: 300_000,
    });
  });

  it('never let the header take longer than the request that it begins', () => {
    expect(listenerWith('tls_disable = true', 'http_read_timeout = "5s"')).toMatchObject({ readHeaderTimeout: 5000, readTimeout: 5000 });
    expect(listenerWith('tls_disable = true', 'http_read_header_timeout = "1m"')).toMatchObject({
      readHeaderTimeout: 60_000,
      readTimeout: 60_000,
    });
    expect(() => listenerWith('tls_disable = true', 'http_read_header_timeout = "9s"', 'http_read_timeout = "8s"')).toThrow(
      /^vault\.hcl:4: http_read_header_timeout in listener "tcp" must not be longer than http_read_timeout/,
    );
  });

  it.each([
    ['max_request_size = -1', /^vault\.hcl:4: max_request_size in listener "tcp" must be a whole number of bytes, 0 or more, not -1$/],
    ['max_request_size = "32MiB"', /^vault\.hcl:4: max_request_size in listener "tcp" must be a whole number/],
    ['max_request_duration = "-1s"', /^vault\.hcl:4: max_request_duration in listener "tcp" must be a duration such as 30s or 5m/],
    ['http_idle_timeout = "30d"', /^vault\.hcl:4: http_idle_timeout in listener "tcp" must be .* of 24 days at most, not "30d"$/],
    ['http_read_timeout = { }', /^vault\.hcl:4: http_read_timeout in listener "tcp" must be .*, not a stanza$/],
  ])('refuse %s', (line, message) => {
    expect(() => listenerWith('tls_disable = true', line)).toThrow(message);
  });
});

describe('the rest of a listener', () => {
  it('opens and closes what needs no token', () => {
    expect(
      listenerWith(
        'tls_disable = true',
        'telemetry { unauthenticated_metrics_access = true }',
        'disable_unauthed_rekey_endpoints = true',
        'disable_unauthed_generate_root_endpoints = "true"',
        'cluster_address = "127.0.0.1:8201"',
      ),
    ).toMatchObject({ metrics: { open: true }, disableUnauthedRekey: true, disableUnauthedGenerateRoot: true });
    expect(listenerWith('tls_disable = true')).toMatchObject({
      metrics: { open: false, shown: 'beside' },
      disableUnauthedRekey: false,
      disableUnauthedGenerateRoot: false,
    });
  });

  it('names keys that it does not know', () => {
    const { warnings } = read('listener "tcp" {\n tls_disable = 1\n proxy_protocol = "x"\n telemetry {\n  more = 1\n }\n profile {}\n}');
    expect(warnings).toEqual([
      'unknown key "more" in telemetry of listener "tcp" at vault.hcl:6',
      'unknown key "proxy_protocol" in listener "tcp" at vault.hcl:4',
      'unknown stanza "profile" in listener "tcp" at vault.hcl:8',
    ]);
  });

  it('tells of what Vault knows and this server does not, and refuses what would leave it open or deaf', () => {
    const { warnings } = read(
      'listener "tcp" {\n tls_disable = 1\n tls_auto_reload = true\n tls_acme_email = "a@b"\n profiling {}\n cors_enabled = true\n}',
    );
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toBe('"tls_auto_reload" at vault.hcl:4 is accepted and has no effect: certificates are read anew on SIGHUP');
    for (const line of [
      'role = "metrics_only"',
      'proxy_protocol_behavior = "use_always"',
      'telemetry {\n metrics_only = 1\n disallow_metrics = 1\n}',
    ])
      expect(() => listenerWith('tls_disable = true', line)).toThrow(/^vault\.hcl:[45]: /);
  });

  it('may serve metrics alone, or none', () => {
    const shown = (line: string) => listenerWith('tls_disable = true', `telemetry { ${line} }`).metrics.shown;
    expect([shown('metrics_only = true'), shown('disallow_metrics = true')]).toEqual(['alone', 'hidden']);
  });

  it('may be a unix socket, which speaks no TLS', () => {
    const { config } = read(
      'listener "unix" {\n address = "/run/c.sock"\n socket_mode = "660"\n socket_user = "0"\n socket_group = 1000\n}\nlistener "unix" {\n address = "/run/d.sock"\n}',
    );
    expect(config.listeners.map(({ unix, tls }) => ({ unix, tls }))).toEqual([
      { unix: { path: '/run/c.sock', mode: 0o660, user: 0, group: 1000 }, tls: undefined },
      { unix: { path: '/run/d.sock', mode: undefined, user: undefined, group: undefined }, tls: undefined },
    ]);
    const unix = (...lines: string[]) => read(`listener "unix" {\n${lines.join('\n')}\n}`);
    expect(() => unix()).toThrow('vault.hcl:2: listener "unix" needs address, the path of its socket');
    expect(() => unix('address = "/a"', 'tls_cert_file = "c"')).toThrow('listener "unix" speaks no TLS');
    expect(() => unix('address = "/a"', 'socket_mode = "rw"')).toThrow('socket_mode in listener "unix" must be an octal number');
    expect(() => unix('address = "/a"', 'socket_user = "vault"')).toThrow('names of users and groups are not looked up');
    expect(() => read('listener "unix" {\n address = "/a"\n}\n'.repeat(2))).toThrow('has the same address');
  });

  it('believes proxies that are named, and refuses rather than trusts, as Vault does', () => {
    const proxies = (...lines: string[]) => listenerWith('tls_disable = true', ...lines).proxies;
    expect(proxies()).toBeUndefined();
    expect(proxies('x_forwarded_for_authorized_addrs = "10.0.0.0/8, ::1"')).toEqual({
      authorized: ['10.0.0.0/8', '::1'],
      hopSkips: 0,
      rejectNotPresent: true,
      rejectNotAuthorized: true,
    });
    expect(
      proxies(
        'x_forwarded_for_authorized_addrs = ["10.0.0.1"]',
        'x_forwarded_for_hop_skips = 1',
        'x_forwarded_for_reject_not_present = false',
        'x_forwarded_for_reject_not_authorized = "false"',
      ),
    ).toEqual({ authorized: ['10.0.0.1'], hopSkips: 1, rejectNotPresent: false, rejectNotAuthorized: false });
    for (const networks of ['"proxy"', '"10.0.0.0/33"', '["10.0.0.1", 3]', '"10.0.0.1/8/8"', '"10.0.0.0/"'])
      expect(() => proxies(`x_forwarded_for_authorized_addrs = ${networks}`)).toThrow('must be a list of addresses or CIDR blocks');
    expect(() => proxies('x_forwarded_for_hop_skips = 1')).toThrow('needs x_forwarded_for_authorized_addrs');
  });

  it("adds headers to answers by their status, but for those that are the server's own", () => {
    const headers = (...lines: string[]) =>
      listenerWith('tls_disable = true', `custom_response_headers {\n${lines.join('\n')}\n}`).responseHeaders;
    expect(headers('"default" = {\n "X-A" = ["1", "2"]\n "X-B" = "3"\n}', '"404" = { "X-A" = [] }')).toEqual({
      default: { 'X-A': '1; 2', 'X-B': '3' },
      '404': { 'X-A': '' },
    });
    for (const line of [
      '"6xx" = { "A" = ["1"] }',
      '"2xx" = { "X-Vault-Token" = ["1"] }',
      '"2xx" = { "A b" = ["1"] }',
      '"2xx" = { "Content-Length" = ["1"] }',
    ])
      expect(() => headers(line)).toThrow('custom_response_headers in listener "tcp" must be');
  });

  it('chooses among the cipher suites of TLS 1.2 by the names that Go has for them', () => {
    const suites = (names: string) => listenerWith(...pair, `tls_cipher_suites = "${names}"`).tls?.cipherSuites;
    expect(suites('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls_ecdhe_ecdsa_with_chacha20_poly1305_sha256')).toBe(
      'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305',
    );
    for (const name of ['TLS_RSA_WITH_RC4_128_SHA', 'ECDHE-RSA-AES128-GCM-SHA256', '!aNULL'])
      expect(() => suites(name)).toThrow('must be a list of cipher suites with commas');
  });

  it('is of type tcp or unix', () => {
    expect(() => read('listener "quic" {}')).toThrow('vault.hcl:2: a listener of type "quic" does not exist here; use tcp or unix');
    expect(() => read('listener {\n address = ":1"\n}')).toThrow('vault.hcl:2: listener must be written as listener "TYPE" { … }');
    expect(() => read('listener = "tcp"')).toThrow('vault.hcl:2: listener must be written as listener "TYPE" { … }');
  });

  it.each([
    '{"storage":{"inmem":{}},"listener":[{"tcp":{"tls_disable":true}},{"tcp":{"tls_disable":true,"address":":1"}}]}',
    '{"storage":{"inmem":{}},"listener":{"tcp":[{"tls_disable":true},{"tls_disable":true,"address":":1"}]}}',
    'storage = { inmem = {} }\nlistener = { tcp = { tls_disable = true } }\nlistener "tcp" { tls_disable = true, address = ":1" }',
    'storage "inmem" {}\nlistener = [{ tcp = { tls_disable = true } }, { tcp = { tls_disable = true, address = ":1" } }]',
  ])('may be written as %s', (text) => {
    const { config, warnings } = readConfig([{ path: 'v', text }]);
    expect(warnings).toEqual([]);
    expect(config.listeners.map(({ port }) => port)).toEqual([8200, 1]);
  });
});
