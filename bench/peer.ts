// The server that Casemate is compared with: found by its URL, checked, and never anywhere but on this machine unless that is wanted.

import { Fault } from '../src/base/fault.ts';
import type { Api } from './api.ts';
import type { Place } from './connection.ts';

export interface PeerOptions {
  readonly url: string;
  readonly allowRemote: boolean;
}

/** Throws Fault `usage` in a sentence. */
export function peerPlace({ url, allowRemote }: PeerOptions): Place {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== 'http:')
    throw new Fault('usage', `${url} is no address of a peer: give http://HOST:PORT, since both sides are measured without TLS`);
  if (!allowRemote && !isLoopback(parsed.hostname))
    throw new Fault(
      'usage',
      `${parsed.hostname} is another machine, and a benchmark is a flood of requests: give -allow-remote if it is meant`,
    );
  return { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 80) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether it writes audit lines; both sides have to do the same work. */
export async function hasAuditDevices(api: Api): Promise<boolean> {
  const { data } = await api.call<{ data: Readonly<Record<string, unknown>> }>('GET', 'sys/audit');
  return Object.keys(data).length > 0;
}

/** What kind of server it is, as it tells itself. */
export async function versionOf(api: Api): Promise<string> {
  const { version = 'unknown' } = await api.call<{ version?: string }>('GET', 'sys/seal-status');
  return version;
}
