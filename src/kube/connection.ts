// How an API server is reached: its address, whom to trust, and what to show it, which may change while a program runs.

import type { Agent } from 'node:http';
import { Fault } from '../base/fault.ts';

/** PEM texts. */
export interface TlsMaterial {
  /** Without it those of Node and of the system. */
  readonly authorities?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** False trusts anybody. */
  readonly verify: boolean;
}

export interface Credentials {
  readonly tls: TlsMaterial;
  /** Authorization and impersonation. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/** Throws Fault `usage` where a secret would be sent over a network in clear. */
export function refuseClear(server: string, origin: string): void {
  const { protocol, hostname } = new URL(server);
  const loopback = hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]';
  if (protocol === 'http:' && !loopback)
    throw new Fault('usage', `${server} of ${origin} is not encrypted, and a secret would be sent over it: use https`);
}

export interface Connection {
  /** Without a slash at the end. */
  readonly server: string;
  /** The namespace that the configuration names; `default` where it names none. */
  readonly namespace: string;
  /** Where it comes from, for messages: `context "prod" of /etc/casemate/kubeconfig`. */
  readonly origin: string;
  /** `http:`, `https:` or `socks5:`; without it the environment's proxies count. */
  readonly proxyUrl?: string;
  /** For a way that Node's own agents do not know. */
  readonly agent?: (tls: TlsMaterial) => Promise<Agent>;
  /** What to trust and to show now. Throws Fault `usage` or `permission-denied` when it cannot be had. */
  credentials(signal: AbortSignal): Promise<Credentials>;
  /** Forgets what is kept of tokens and files: the server did not take them. */
  renew(): void;
}

/** Keeps what was read for `lifetime` milliseconds, so that a token file that changes under a running program is seen soon. */
export function kept<T>(read: (signal: AbortSignal) => Promise<T>, lifetime: number, now: () => number) {
  let last: { readonly value: T; readonly until: number } | undefined;
  return {
    async get(signal: AbortSignal): Promise<T> {
      if (last !== undefined && now() < last.until) return last.value;
      const value = await read(signal);
      last = { value, until: now() + lifetime };
      return value;
    },
    forget() {
      last = undefined;
    },
  };
}

/** How long what was read from a file counts. The kubelet renews a projected token when 80 % of its life are over: minutes are left. */
export const fileLifetime = 10_000;

/** For work that cannot be called back, such as a credential plugin's: nobody needs to wait for it. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
