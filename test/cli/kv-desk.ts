// A whole server with a KV mount of each version, empty before each test, and somebody who types at it.

import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { startTestServer, type TestServer } from '../suites/server.ts';
import { type Session, session } from './session.ts';
import { play, tidy } from './transcript.ts';

export interface KvDesk {
  readonly server: TestServer;
  /** Typed as vault, with the root token. */
  readonly vault: Session;
  /** Plays a transcript and expects what it says. */
  expectPlayed(transcript: string, typing?: Session): Promise<void>;
  /** A token with a policy of its own. */
  tokenWith(rules: string): Promise<string>;
}

/** `secret` has version 2, `k1` version 1. Its members are there when tests run. */
export function kvDesk(): KvDesk {
  let server: TestServer;
  let vault: Session;
  let policies = 0;
  beforeAll(async () => {
    server = await startTestServer();
    vault = session({ address: server.address, token: server.rootToken });
  });
  beforeEach(async () => {
    for (const path of ['secret', 'k1']) await server.call('DELETE', `sys/mounts/${path}`);
    await server.call('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } });
    await server.call('POST', 'sys/mounts/k1', { body: { type: 'kv', options: { version: '1' } } });
  });
  afterAll(async () => {
    vault.end();
    await server.end();
  });
  return {
    get server() {
      return server;
    },
    get vault() {
      return vault;
    },
    async expectPlayed(transcript, typing = vault) {
      expect(await play(typing, transcript)).toBe(tidy(transcript));
    },
    async tokenWith(rules) {
      policies += 1;
      await server.call('PUT', `sys/policies/acl/p${policies}`, { body: { policy: rules } });
      const { body } = await server.call('POST', 'auth/token/create', { body: { policies: [`p${policies}`] } });
      return (body as { auth: { client_token: string } }).auth.client_token;
    },
  };
}
