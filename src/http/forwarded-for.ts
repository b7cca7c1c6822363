// X-Forwarded-For: whom a proxy speaks for, believed of proxies that the operator named and of nobody else.

import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { Fault } from '../base/fault.ts';

export interface Proxies {
  /** Addresses and CIDR blocks. */
  readonly authorized: readonly string[];
  /** How many of the last addresses are passed over: those of further proxies. */
  readonly hopSkips: number;
  readonly rejectNotPresent: boolean;
  readonly rejectNotAuthorized: boolean;
}

export type AddressOf = (request: IncomingMessage) => string;

const header = 'x-forwarded-for';

/** The address that a request counts as coming from. Throws Fault `invalid-request` where it may not come as it does. */
export function forwardedAddress(proxies: Proxies | undefined): AddressOf {
  if (proxies === undefined) return peerAddress;
  const { hopSkips, rejectNotPresent, rejectNotAuthorized } = proxies;
  const isAuthorized = blocks(proxies.authorized);
  return (request) => {
    const peer = peerAddress(request);
    const forwarded = request.headers[header];
    if (forwarded === undefined) {
      if (rejectNotPresent) throw new Fault('invalid-request', 'missing x-forwarded-for header and configured to reject when not present');
      return peer;
    }
    if (!isAuthorized(peer)) {
      if (rejectNotAuthorized)
        throw new Fault('invalid-request', 'client address not authorized for x-forwarded-for and configured to reject connection');
      // Whoever reads the headers later must not take it for true.
      delete request.headers[header];
      return peer;
    }
    const chain = (Array.isArray(forwarded) ? forwarded : [forwarded]).flatMap((value: string) => value.split(','));
    const named = chain.at(-1 - hopSkips)?.trim();
    if (named === undefined)
      throw new Fault(
        'invalid-request',
        `malformed x-forwarded-for configuration or request, hops to skip (${hopSkips}) would skip before earliest chain link (chain length ${chain.length})`,
      );
    const address = /^\[(.+)\](?::\d+)?$/.exec(named)?.[1] ?? /^([\d.]+):\d+$/.exec(named)?.[1] ?? named;
    // What is no address would be compared with bound CIDRs, and stand in audit lines.
    if (isIP(address) === 0) throw new Fault('invalid-request', 'malformed x-forwarded-for header');
    return address;
  };
}

function peerAddress({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}

function blocks(networks: readonly string[]): (address: string) => boolean {
  // One list per family: a list of both finds an IPv4 address in `::/0`.
  const lists = { 4: new BlockList(), 6: new BlockList() };
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 4 ? 4 : 6;
    lists[family].addSubnet(address, bits === undefined ? (family === 4 ? 32 : 128) : Number(bits), `ipv${family}`);
  }
  return (given) => {
    // A listener on all interfaces sees IPv4 clients in this form.
    const address = given.startsWith('::ffff:') && isIP(given.slice(7)) === 4 ? given.slice(7) : given;
    const family = isIP(address);
    return (family === 4 || family === 6) && lists[family].check(address, `ipv${family}`);
  };
}
