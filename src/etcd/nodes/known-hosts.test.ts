// known_hosts files: what stands in them, and who is known by them.

import { describe, expect, it } from 'vitest';
import { hostNameHash } from '../../crypto/host-name-hash.ts';
import { fingerprint, hostRefusal, keyType, knownName, knownTypes, parseKnownHosts } from './known-hosts.ts';
import { hostKeyAlgorithms } from './ssh-connection.ts';

// The public keys of github.com, as GitHub publishes them with their fingerprints.
const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const ecdsa =
  'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=';
const key = Buffer.from(ed25519, 'base64');
const otherKey = Buffer.from(ecdsa, 'base64');

function verdict(text: string, { host = 'cp1', port = 22, shown = key } = {}): string {
  const fault = hostRefusal(parseKnownHosts(text, 'file'), { host, port, key: shown, paths: ['file'] });
  if (fault === undefined) return 'known';
  expect(fault.code).toBe('permission-denied');
  const [word] = /HAS CHANGED|revoked|authority|is not known/.exec(fault.message) ?? [];
  return word ?? fault.message;
}

it('fingerprints are those that GitHub publishes of its own keys', () => {
  expect(fingerprint(key)).toBe('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
  expect(fingerprint(otherKey)).toBe('SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM');
  expect([keyType(key), keyType(otherKey), keyType(Buffer.alloc(3))]).toStrictEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', '']);
});

describe('a host is', () => {
  it.each([
    ['known by its name', `cp1 ssh-ed25519 ${ed25519}`, 'known'],
    ['known by one of several names, with a comment', `10.0.0.11,cp1 ssh-ed25519 ${ed25519} root@cp1`, 'known'],
    ['known whatever the case of its name', `CP1 ssh-ed25519 ${ed25519}`, 'known'],
    ['known by a pattern', `*.example,cp? ssh-ed25519 ${ed25519}`, 'known'],
    ['not known by a pattern that excludes it', `cp*,!cp1 ssh-ed25519 ${ed25519}`, 'is not known'],
    ['not known by a dot that stands for any character', `c.1 ssh-ed25519 ${ed25519}`, 'is not known'],
    ['not known by a part of a name', `cp ssh-ed25519 ${ed25519}\ncp11 ssh-ed25519 ${ed25519}`, 'is not known'],
    ['known by one of several lines', `cp1 ecdsa-sha2-nistp256 ${ecdsa}\ncp1 ssh-ed25519 ${ed25519}`, 'known'],
    [
      'known despite lines that say nothing',
      `\n# cp1\ncp1\ncp1 ssh-ed25519\n@other cp1 ssh-ed25519 ${ecdsa}\ncp1 ssh-ed25519 ${ed25519}\r\n`,
      'known',
    ],
    ['changed when it is known by another key', `cp1 ecdsa-sha2-nistp256 ${ecdsa}`, 'HAS CHANGED'],
    ['revoked before it is known', `@revoked * ssh-ed25519 ${ed25519}\ncp1 ssh-ed25519 ${ed25519}`, 'revoked'],
    ['known while another key of it is revoked', `@revoked * x ${ecdsa}\ncp1 ssh-ed25519 ${ed25519}`, 'known'],
    ['refused where only an authority is known', `@cert-authority * ssh-ed25519 ${ed25519}`, 'authority'],
    ['known beside an authority', `@cert-authority * x ${ecdsa}\ncp1 ssh-ed25519 ${ed25519}`, 'known'],
    ['not known by an empty file', '', 'is not known'],
    [
      'not known by a key that is longer by a byte',
      `cp1 ssh-ed25519 ${Buffer.concat([key, key.subarray(0, 1)]).toString('base64')}`,
      'HAS CHANGED',
    ],
  ])('%s', (_name, text, expected) => {
    expect(verdict(text)).toBe(expected);
  });

  it('known at its port, and at others by a line that names none', () => {
    expect(verdict(`[cp1]:2222 ssh-ed25519 ${ed25519}`, { port: 2222 })).toBe('known');
    expect(verdict(`[cp1]:2222 ssh-ed25519 ${ed25519}`, { port: 2223 })).toBe('is not known');
    expect(verdict(`[cp1]:2222 ssh-ed25519 ${ed25519}`)).toBe('is not known');
    expect(verdict(`cp1 ssh-ed25519 ${ed25519}`, { port: 2222 })).toBe('known');
    expect(verdict(`cp1 ecdsa-sha2-nistp256 ${ecdsa}`, { port: 2222 })).toBe('is not known');
    expect(verdict(`[cp1]:2222 x ${ecdsa}\ncp1 ssh-ed25519 ${ed25519}`, { port: 2222 })).toBe('HAS CHANGED');
  });

  it('known by a hashed name, and by no other', () => {
    const salt = Buffer.alloc(20, 7);
    const hashed = (name: string) => `|1|${salt.toString('base64')}|${hostNameHash(salt, name).toString('base64')}`;
    expect(verdict(`${hashed('cp1')} ssh-ed25519 ${ed25519}`)).toBe('known');
    expect(verdict(`${hashed('[cp1]:2222')} ssh-ed25519 ${ed25519}`, { port: 2222 })).toBe('known');
    expect(verdict(`${hashed('cp2')} ssh-ed25519 ${ed25519}`)).toBe('is not known');
    expect(verdict(`|2${hashed('cp1').slice(2)} ssh-ed25519 ${ed25519}`)).toBe('is not known');
  });
});

it('a hashed name is that of RFC 2202, test case 2', () => {
  expect(hostNameHash(Buffer.from('Jefe'), 'what do ya want for nothing?').toString('hex')).toBe(
    'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
  );
});

it('names stand with their port unless it is the usual one', () => {
  expect([knownName('CP1', 22), knownName('10.0.0.11', 2222), knownName('fd00::1', 2222)]).toStrictEqual([
    'cp1',
    '[10.0.0.11]:2222',
    '[fd00::1]:2222',
  ]);
});

it('the kinds of key by which a host is known are asked for first, and none that is signed with SHA-1', () => {
  const known = parseKnownHosts(`cp1 ssh-rsa AAAA\ncp1 ecdsa-sha2-nistp256 ${ecdsa}\n@revoked cp1 ssh-ed25519 ${ed25519}`, 'file');
  const types = knownTypes(known, 'cp1', 22);
  expect([...types].sort()).toStrictEqual(['ecdsa-sha2-nistp256', 'ssh-rsa']);
  expect(hostKeyAlgorithms(types)).toStrictEqual([
    'ecdsa-sha2-nistp256',
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
  ]);
});
