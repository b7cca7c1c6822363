// What may be said about socket and http devices, and what is refused without repeating a secret.

import { describe, expect, it } from 'vitest';
import { readHttpOptions, readSocketOptions } from './network-options.ts';

describe('options of a socket device', () => {
  it.each([
    [{ address: '127.0.0.1:9000' }, { network: 'tcp', host: '127.0.0.1', port: 9000, deadline: 2_000 }],
    [
      { address: '[::1]:9000', socket_type: 'tcp6', write_timeout: '500ms' },
      { network: 'tcp', host: '::1', port: 9000, deadline: 500 },
    ],
    [
      { address: 'logs.example.com:514', socket_type: 'udp' },
      { network: 'udp', host: 'logs.example.com', port: 514, deadline: 2_000 },
    ],
    [
      { address: '/run/logs.sock', socket_type: 'unix', write_timeout: '3' },
      { network: 'unix', host: '/run/logs.sock', port: 0, deadline: 3_000 },
    ],
  ])('are read: %j', (options, read) => {
    expect(readSocketOptions(options)).toStrictEqual(read);
  });

  it.each([
    [{}, 'address is required'],
    [{ address: '127.0.0.1' }, 'address must be host:port'],
    [{ address: '127.0.0.1:0' }, 'address must be host:port'],
    [{ address: '127.0.0.1:65536' }, 'address must be host:port'],
    [{ address: '::1:9000' }, 'address must be host:port'],
    [{ address: 'a:1', socket_type: 'unixgram' }, 'it must be tcp, udp or unix'],
    [{ address: 'a:1', write_timeout: '0' }, 'more than zero and at most 60s'],
    [{ address: 'a:1', write_timeout: '2m' }, 'more than zero and at most 60s'],
  ])('are refused: %j', (options, why) => {
    expect(() => readSocketOptions(options)).toThrow(why);
  });
});

describe('options of an http device', () => {
  const reveal = (text: string) => (text === 'env://TOKEN' ? 'sesame' : text === 'env://BAD' ? 'a\r\nX: y' : text);
  const read = (options: Record<string, string>) => readHttpOptions(options, reveal);

  it('are read, with secrets from where they say', () => {
    const { url, headers, caFile, batch, deadline } = read({
      uri: 'https://logs.example.com/in?x=1',
      headers: '{"Authorization":["env://TOKEN"],"X-A":"b"}',
      batch: 'true',
      tls_ca_file: '/ca.pem',
    });
    expect([url.href, headers, caFile, batch, deadline]).toStrictEqual([
      'https://logs.example.com/in?x=1',
      { Authorization: ['sesame'], 'X-A': ['b'] },
      '/ca.pem',
      true,
      2_000,
    ]);
  });

  it.each([
    [{}, 'uri is required'],
    [{ uri: 'logs.example.com' }, 'uri must be an http or https URL'],
    [{ uri: 'ftp://logs.example.com' }, 'uri must be an http or https URL'],
    [{ uri: 'https://user:hunter2@logs.example.com' }, 'uri must hold no user and password'],
    [{ uri: 'http://a', headers: 'hunter2' }, 'headers must be a JSON object'],
    [{ uri: 'http://a', headers: '["hunter2"]' }, 'headers must be a JSON object'],
    [{ uri: 'http://a', headers: '{"A":1}' }, 'headers must be a JSON object'],
    [{ uri: 'http://a', headers: '{"A b":"hunter2"}' }, 'headers must be a JSON object'],
    [{ uri: 'http://a', headers: '{"A":"env://BAD"}' }, 'headers must be a JSON object'],
    [{ uri: 'http://a', headers: '{"Content-Length":"1"}' }, "the header Content-Length is the server's own"],
    [{ uri: 'http://a', batch: 'maybe' }, 'the option batch must be true or false'],
  ])('are refused: %j', (options, why) => {
    expect(() => read(options)).toThrow(why);
    expect(() => read(options)).not.toThrow('hunter2');
  });
});
