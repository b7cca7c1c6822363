// What the tests of transit do again and again: a mount with a key, a write, a ciphertext.

import type { Call, Shape } from './shapes.ts';
import type { SharedServer } from './shared-server.ts';

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
export const hello = base64('hello');

export interface TransitCalls {
  write(path: string, body?: unknown): ReturnType<Call>;
  /** Of hello; `path` is that of encrypt/. */
  ciphertextOf(path: string, body?: Shape): Promise<string>;
  /** A mount with the key `k`, of as many versions. */
  withKey(body?: Shape, versions?: number): Promise<string>;
}

export function transitCalls({ call, mount }: Pick<SharedServer, 'call' | 'mount'>): TransitCalls {
  const write: TransitCalls['write'] = (path, body = {}) => call('POST', path, { body });
  return {
    write,
    ciphertextOf: async (path, body = {}) => (await write(path, { plaintext: hello, ...body })).body.data.ciphertext,
    async withKey(body = {}, versions = 1) {
      const transit = await mount('transit');
      await write(`${transit}/keys/k`, body);
      for (let version = 2; version <= versions; version++) await write(`${transit}/keys/k/rotate`);
      return transit;
    },
  };
}
