// One server for all tests of a file, and tokens of every kind on it.

import { afterAll, beforeAll } from 'vitest';
import { startTestServer, type TestServer, type TestServerOptions } from '../suites/server.ts';
import type { Call, Shape } from './shapes.ts';

export interface SharedServer {
  /** Only while tests run. */
  readonly server: TestServer;
  readonly call: Call;
  /** Mounts an engine at a path that no other test uses, and resolves to that path. */
  mount(type: string, more?: Shape): Promise<string>;
  /** A token whose only policy besides `default` is `rules`; `terms` as for auth/token/create. */
  tokenWith(rules: string, terms?: Shape): Promise<string>;
  /** Any token: the `auth` block of auth/token/create. */
  tokenOf(terms: Shape, token?: string): Promise<TokenAuth>;
}

export interface TokenAuth {
  readonly client_token: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly lease_duration: number;
}

export function sharedServer(options: TestServerOptions = {}): SharedServer {
  let server: TestServer | undefined;
  let made = 0;
  beforeAll(async () => {
    server = await startTestServer(options);
  });
  afterAll(() => server?.end());
  const running = (): TestServer => {
    if (server === undefined) throw new Error('the server runs only while tests do');
    return server;
  };
  const call: Call = (method, path, more) => running().call(method, path, more);
  const tokenOf: SharedServer['tokenOf'] = async (terms, token) => {
    const answer = await call('POST', 'auth/token/create', { body: terms, ...(token === undefined ? {} : { token }) });
    if (answer.status !== 200) throw new Error(`no token was made: ${answer.text}`);
    return answer.body.auth;
  };
  return {
    get server() {
      return running();
    },
    call,
    tokenOf,
    async mount(type, more = {}) {
      const path = `mount-${++made}`;
      const answer = await call('POST', `sys/mounts/${path}`, { body: { type, ...more } });
      if (answer.status !== 204) throw new Error(`nothing was mounted: ${answer.text}`);
      return path;
    },
    async tokenWith(rules, terms = {}) {
      const name = `policy-${++made}`;
      const answer = await call('PUT', `sys/policies/acl/${name}`, { body: { policy: rules } });
      if (answer.status !== 204) throw new Error(`the policy was not taken: ${answer.text}`);
      return (await tokenOf({ policies: [name], ...terms })).client_token;
    },
  };
}
