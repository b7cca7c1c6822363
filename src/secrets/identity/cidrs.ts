// Bound CIDRs: the addresses that a token may be used from.

import { BlockList, isIP } from 'node:net';
import { Fault } from '../../base/fault.ts';

interface Block {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly bits: number;
}

/** One list per family: a list of both takes an IPv4 address for an IPv6 one, and finds it in `::/0`. */
type Blocks = Readonly<Record<Block['family'], BlockList>>;

/** Entries of tokens are remembered and never changed, and so are their lists of blocks. */
const compiled = new WeakMap<readonly string[], Blocks>();

/**
 * Whether the address (with or without a port: `10.0.0.1:8200`, `[::1]:8200`) lies in one of the blocks. No blocks bind
 * nothing. What cannot be read, on either side, is not allowed.
 */
export function addressAllowed(boundCidrs: readonly string[] | undefined, remoteAddress: string): boolean {
  if (boundCidrs === undefined || boundCidrs.length === 0) return true;
  const address = hostOf(remoteAddress);
  const family = familyOf(address);
  if (family === undefined) return false;
  const known = compiled.get(boundCidrs);
  const blocks = known ?? blocksOf(boundCidrs);
  if (known === undefined) compiled.set(boundCidrs, blocks);
  return blocks[family].check(address, family);
}

/** Throws Fault `invalid-request` for what is neither an address nor a CIDR block. */
export function checkCidrs(cidrs: readonly string[]): void {
  for (const cidr of cidrs)
    if (blockOf(cidr) === undefined)
      throw new Fault('invalid-request', `error parsing bound_cidrs: ${JSON.stringify(cidr)} is neither an address nor a CIDR block`);
}

/** Whether every block of `inner` lies in a block of `outer`. No outer blocks hold everything. */
export function cidrsWithin(inner: readonly string[], outer: readonly string[]): boolean {
  if (inner.length === 0 || outer.length === 0) return true;
  const around = outer.map(blockOf);
  return inner
    .map(blockOf)
    .every(
      (block) =>
        block !== undefined &&
        around.some((wide) => wide !== undefined && wide.family === block.family && wide.bits <= block.bits && holds(wide, block.address)),
    );
}

function holds({ address, bits, family }: Block, inner: string): boolean {
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return list.check(inner, family);
}

function blocksOf(cidrs: readonly string[]): Blocks {
  const blocks: Blocks = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const block = blockOf(cidr);
    if (block !== undefined) blocks[block.family].addSubnet(block.address, block.bits, block.family);
  }
  return blocks;
}

function familyOf(address: string): Block['family'] | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}

function blockOf(cidr: string): Block | undefined {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(cidr.trim()) ?? [];
  const family = familyOf(address);
  if (family === undefined || address.includes('%')) return undefined;
  const most = family === 'ipv4' ? 32 : 128;
  const wanted = bits === undefined ? most : Number(bits);
  return wanted > most ? undefined : { address, family, bits: wanted };
}

/** Without port and brackets; an IPv4 address that came in over an IPv6 socket is an IPv4 address, and in no IPv6 block. */
export function hostOf(remoteAddress: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(remoteAddress)?.[1];
  const withPort = /^([^:]+):\d+$/.exec(remoteAddress)?.[1];
  const host = bracketed ?? withPort ?? remoteAddress;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1];
  return mapped ?? host;
}
