// A request as the curl command that would send it; the token never stands in it.

import type { Connection } from '../client/environment.ts';
import type { Outgoing } from '../client/transport.ts';

/** `name` is the command that prints the token: `-H "X-Vault-Token: $(vault print token)"`. */
export function curlLine({ method, url, headers, body }: Outgoing, connection: Connection, name: string): string {
  const files = [
    ['--cacert', connection.caCert],
    ['--capath', connection.caPath],
    ['--cert', connection.clientCert],
    ['--key', connection.clientKey],
  ] as const;
  return [
    'curl',
    ...(connection.skipVerify === true ? ['--insecure'] : []),
    ...(method === 'GET' ? [] : ['-X', method]),
    ...files.flatMap(([flag, path]) => (path === undefined ? [] : [flag, singleQuoted(path)])),
    ...Object.entries(headers).flatMap(([header, value]) => ['-H', headerArgument(header, value, name)]),
    ...(body === undefined ? [] : ['-d', singleQuoted(typeof body === 'string' ? body : Buffer.from(body).toString())]),
    doubleQuoted(url),
  ].join(' ');
}

function headerArgument(header: string, value: string, name: string): string {
  return header === 'X-Vault-Token' ? `"${header}: $(${name} print token)"` : doubleQuoted(`${header}: ${value}`);
}

const singleQuoted = (text: string) => `'${text.replaceAll("'", `'"'"'`)}'`;
const doubleQuoted = (text: string) => `"${text.replace(/["\\$`]/g, '\\$&')}"`;
