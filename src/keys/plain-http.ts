// Keys travel in the requests to a key service: without TLS only to this machine, or where the operator says so.

import { Fault } from '../base/fault.ts';

/** `what` names the service in sentences: `the JD Cloud KMS`. Throws Fault `usage` for http to anywhere but a loopback address. */
export function refusePlainHttp(address: string, what: string, allowed = false): void {
  if (!URL.canParse(address)) throw new Fault('usage', `the address of ${what} is no URL such as https://host:port`);
  const { protocol, hostname } = new URL(address);
  if (protocol === 'https:' || protocol === 'unix:') return;
  if (protocol !== 'http:') throw new Fault('usage', `the address of ${what} must begin with https://`);
  if (allowed || isLoopback(hostname)) return;
  throw new Fault(
    'usage',
    `${what} at ${hostname} would be asked over plain http, and keys would travel in clear: use https, or allow it with allow_plain_http`,
  );
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
