// Bound CIDRs: the addresses that a token may be used from.

import { BlockList, isIP } from 'node:net';
import { Fault } from '../../base/fault.ts';

interface Block {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly bits: number;
}

/** Entries of tokens are remembered and never changed, and so are their lists of blocks. */
const compiled = new WeakMap<readonly string[], BlockList>();

/**
 * Whether the address (with or without a port: `10.0.0.1:8200`, `[::1]:8200`) lies in one of the blocks. No blocks bind
 * nothing. What cannot be read, on either side, is not allowed.
 */
export function addressAllowed(boundCidrs: readonly string[] | undefined, remoteAddress: string): boolean {
  if (boundCidrs === undefined || boundCidrs.length === 0) return true;
  const address = hostOf(remoteAddress);
  const family = isIP(address);
  if (family === 0) return false;
  const known = compiled.get(boundCidrs);
  const blocks = known ?? blockListOf(boundCidrs);
  if (known === undefined) compiled.set(boundCidrs, blocks);
  return blocks.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Throws Fault `invalid-request` for what is neither an address nor a CIDR block. */
export function checkCidrs(cidrs: readonly string[]): void {
  for (const cidr of cidrs)
    if (blockOf(cidr) === undefined)
      throw new Fault('invalid-request', `error parsing bound_cidrs: ${JSON.stringify(cidr)} is neither an address nor a CIDR block`);
}

function blockListOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const block = blockOf(cidr);
    if (block !== undefined) list.addSubnet(block.address, block.bits, block.family);
  }
  return list;
}

function blockOf(cidr: string): Block | undefined {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr.trim()) ?? [];
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return undefined;
  const most = family === 4 ? 32 : 128;
  const wanted = bits === undefined ? most : Number(bits);
  return wanted > most ? undefined : { address, family: family === 4 ? 'ipv4' : 'ipv6', bits: wanted };
}

/** Without port, brackets and zone; an IPv4 address that came in over an IPv6 socket is an IPv4 address. */
function hostOf(remoteAddress: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(remoteAddress)?.[1];
  const withPort = /^([^:]+):\d+$/.exec(remoteAddress)?.[1];
  const host = (bracketed ?? withPort ?? remoteAddress).replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  return mapped ?? host;
}
