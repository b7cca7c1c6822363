// URLs are what Go's clients write, since errors and curl lines show them.

import { describe, expect, it } from 'vitest';
import { parseAddress, urlOf } from './address.ts';

const at = (address: string) => (path: string, query?: Parameters<typeof urlOf>[2]) => urlOf(parseAddress(address), path, query);

describe('the URL of a path', () => {
  const url = at('http://127.0.0.1:8200');

  it.each([
    ['sys/mounts', 'http://127.0.0.1:8200/v1/sys/mounts'],
    ['secret/data/a b', 'http://127.0.0.1:8200/v1/secret/data/a%20b'],
    ['secret/data/50%?', 'http://127.0.0.1:8200/v1/secret/data/50%25%3F'],
    ['secret/data/é', 'http://127.0.0.1:8200/v1/secret/data/%C3%A9'],
    ['secret/$&+,:;=@', 'http://127.0.0.1:8200/v1/secret/$&+,:;=@'],
    ["secret/!'()*", 'http://127.0.0.1:8200/v1/secret/%21%27%28%29%2A'],
    ['a//b/../c/', 'http://127.0.0.1:8200/v1/a/c'],
  ])('%s is %s', (path, expected) => expect(url(path)).toBe(expected));

  it('carries its parameters sorted, several values one after the other', () => {
    expect(url('a', { version: '2', list: 'true', x: ['1', '2'] })).toBe('http://127.0.0.1:8200/v1/a?list=true&version=2&x=1&x=2');
  });

  it('keeps the path that stands in front of the API', () => {
    expect(at('https://example.org/vault/')('sys/health')).toBe('https://example.org/vault/v1/sys/health');
  });

  it('never shows a password of the address', () => {
    expect(at('https://user:hidden@example.org')('a')).toBe('https://example.org/v1/a');
  });
});

describe('an address', () => {
  it('may be a unix socket', () => {
    expect(parseAddress('unix:///run/casemate.sock')).toMatchObject({ socket: '/run/casemate.sock' });
  });

  it.each(['127.0.0.1:8200', 'ftp://host', '', 'http://'])('%s is refused in a sentence', (text) =>
    expect(() => parseAddress(text)).toThrow('is no URL such as'),
  );
});
