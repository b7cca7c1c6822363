// Addresses that a token may be used from.

import { describe, expect, it } from 'vitest';
import { addressAllowed, checkCidrs, cidrsWithin } from './cidrs.ts';

describe('a token bound to addresses', () => {
  it.each<[string, string[], string, boolean]>([
    ['no blocks bind nothing', [], '203.0.113.9', true],
    ['a single address', ['10.0.0.1'], '10.0.0.1', true],
    ['another address', ['10.0.0.1'], '10.0.0.2', false],
    ['inside a block', ['10.0.0.0/8'], '10.255.1.2', true],
    ['just outside a block', ['10.0.0.0/9'], '10.128.0.0', false],
    ['the last address of a block', ['10.0.0.0/9'], '10.127.255.255', true],
    ['a block written with host bits', ['10.1.2.3/8'], '10.200.0.1', true],
    ['one of several blocks', ['192.0.2.0/24', '10.0.0.0/8'], '10.0.0.1', true],
    ['every IPv4 address', ['0.0.0.0/0'], '203.0.113.9', true],
    ['an IPv6 address in no IPv4 block', ['0.0.0.0/0'], '2001:db8::1', false],
    ['inside an IPv6 block', ['2001:db8::/32'], '2001:db8:ffff::1', true],
    ['outside an IPv6 block', ['2001:db8::/32'], '2001:db9::1', false],
    ['a single IPv6 address in another spelling', ['::1'], '0:0:0:0:0:0:0:1', true],
    ['every IPv6 address', ['::/0'], '2001:db8::1', true],
    ['with a port', ['10.0.0.0/8'], '10.0.0.1:8200', true],
    ['with a port, outside', ['10.0.0.0/8'], '11.0.0.1:8200', false],
    ['IPv6 with a port', ['::1'], '[::1]:8200', true],
    ['IPv6 in brackets', ['::1'], '[::1]', true],
    ['IPv6 with a zone', ['fe80::/10'], 'fe80::1%eth0', true],
    ['an IPv4 client on an IPv6 socket', ['10.0.0.0/8'], '::ffff:10.0.0.1', true],
    ['an IPv4 client on an IPv6 socket, with a port', ['10.0.0.0/8'], '[::ffff:10.0.0.1]:8200', true],
    ['an IPv4 client on an IPv6 socket, outside', ['10.0.0.0/8'], '::ffff:11.0.0.1', false],
    ['an IPv4 address, in no IPv6 block', ['::/0'], '10.0.0.1', false],
    ['an IPv4 client on an IPv6 socket, in no IPv6 block', ['::/0'], '::ffff:10.0.0.1', false],
    ['no address at all', ['0.0.0.0/0', '::/0'], '', false],
    ['a name instead of an address', ['0.0.0.0/0', '::/0'], 'localhost:8200', false],
    ['an address that is none', ['0.0.0.0/0', '::/0'], '10.0.0.256', false],
    ['blocks that nobody can read', ['everywhere', '10.0.0.0/33'], '10.0.0.1', false],
  ])('%s', (_, blocks, address, allowed) => {
    expect(addressAllowed(blocks, address)).toBe(allowed);
    // The second time from what was remembered.
    expect(addressAllowed(blocks, address)).toBe(allowed);
  });

  it('is free where nothing was said', () => {
    expect(addressAllowed(undefined, 'anywhere')).toBe(true);
  });
});

describe('blocks that are written down', () => {
  it('are addresses and CIDR blocks of both families', () => {
    expect(() => checkCidrs([])).not.toThrow();
    expect(() => checkCidrs(['10.0.0.1', '10.0.0.0/8', ' 192.0.2.1/32 ', '::1', '2001:db8::/32', '0.0.0.0/0', '::/0'])).not.toThrow();
  });

  it.each([
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.1:8200',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '010.0.0.1',
    'fe80::1%eth0',
  ])('are refused: %j', (cidr) => {
    expect(() => checkCidrs(['10.0.0.1', cidr])).toThrow(
      expect.objectContaining({ code: 'invalid-request', message: expect.stringContaining(JSON.stringify(cidr)) }),
    );
  });
});

describe('blocks within blocks', () => {
  it.each<[inner: string[], outer: string[], within: boolean]>([
    [['10.0.0.1'], [], true],
    [[], ['10.0.0.0/8'], true],
    [['10.1.0.0/16', '10.0.0.1'], ['10.0.0.0/8'], true],
    [['10.0.0.0/8'], ['10.0.0.0/8'], true],
    [['10.0.0.0/7'], ['10.0.0.0/8'], false],
    [['0.0.0.0/0'], ['10.0.0.0/8'], false],
    [['10.0.0.1', '11.0.0.1'], ['10.0.0.0/8'], false],
    [['11.0.0.1'], ['10.0.0.0/8', '11.0.0.0/8'], true],
    [['::1'], ['0.0.0.0/0'], false],
    [['10.0.0.1'], ['::/0'], false],
    [['fd00:1::/32'], ['fd00::/8'], true],
    [['nowhere'], ['0.0.0.0/0'], false],
  ])('%j in %j: %s', (inner, outer, within) => {
    expect(cidrsWithin(inner, outer)).toBe(within);
  });
});
