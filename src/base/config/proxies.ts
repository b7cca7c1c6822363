// Proxies in front of a listener: which ones may say whom they speak for, and what becomes of requests that come otherwise.

import { BlockList, isIP } from 'node:net';
import type { HclValue } from '../hcl/parser.ts';
import { bool, type Kind, whole } from './kind.ts';
import { refuse, type Section } from './section.ts';

export interface ProxyConfig {
  /** Addresses and CIDR blocks. */
  readonly authorized: readonly string[];
  /** How many of the last addresses in X-Forwarded-For are passed over. */
  readonly hopSkips: number;
  readonly rejectNotPresent: boolean;
  readonly rejectNotAuthorized: boolean;
}

const networks: Kind<readonly string[]> = {
  allowed: 'a list of addresses or CIDR blocks, such as ["10.0.0.0/8", "::1"]',
  of: (value) => {
    const items: readonly HclValue[] = value.kind === 'list' ? value.items : [value];
    const texts = items.flatMap((item) => (item.kind === 'string' ? item.text.split(',').map((text) => text.trim()) : ['']));
    return texts.every(isNetwork) ? texts : undefined;
  },
};

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  if (!/^\d{1,3}$/.test(bits)) return false;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    // More bits than an address has.
    return false;
  }
}

/** Vault's defaults, which refuse rather than trust. Throws Fault `usage`. */
export function readProxies(stanza: Section): ProxyConfig | undefined {
  const authorized = stanza.read('x_forwarded_for_authorized_addrs', networks);
  const hopSkips = stanza.read('x_forwarded_for_hop_skips', whole('hops'));
  const rejectNotPresent = stanza.read('x_forwarded_for_reject_not_present', bool);
  const rejectNotAuthorized = stanza.read('x_forwarded_for_reject_not_authorized', bool);
  if (authorized === undefined) {
    for (const [key, given] of [
      ['x_forwarded_for_hop_skips', hopSkips],
      ['x_forwarded_for_reject_not_present', rejectNotPresent],
      ['x_forwarded_for_reject_not_authorized', rejectNotAuthorized],
    ] as const)
      if (given !== undefined)
        throw refuse(stanza.whereIs(key), `${key} in ${stanza.title} needs x_forwarded_for_authorized_addrs, ${networks.allowed}`);
    return undefined;
  }
  return {
    authorized,
    hopSkips: hopSkips ?? 0,
    rejectNotPresent: rejectNotPresent ?? true,
    rejectNotAuthorized: rejectNotAuthorized ?? true,
  };
}
