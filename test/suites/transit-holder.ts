// A real Casemate server whose transit engine holds keys for a test of key backends, behind a door that can be shut.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import type { BackendParts } from '../../src/keys/backend-parts.ts';
import { openTransit } from '../../src/keys/backends/transit.ts';
import type { TransitDescription } from '../../src/keys/description.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import { type Gate, openGate } from './gate.ts';
import { startTestServer, type TestServer } from './server.ts';

export interface TransitHolder {
  readonly server: TestServer;
  readonly gate: Gate;
  readonly parts: BackendParts;
  /** What the backends logged. */
  readonly logged: () => string;
  /** Through the door, with a token of the policy in a file. */
  readonly description: TransitDescription;
  /** Holds the token that the description names. */
  readonly tokenFile: string;
  makeKey(name: string, body?: object): Promise<void>;
  rotate(name: string): Promise<void>;
  /** Of the policy `etcd`: read the key, encrypt and decrypt. */
  makeToken(body?: object): Promise<string>;
  open(changes?: Partial<TransitDescription>): KeyBackend;
  end(): Promise<void>;
}

const policy = `path "transit/keys/*" { capabilities = ["read"] }
path "transit/encrypt/*" { capabilities = ["update"] }
path "transit/decrypt/*" { capabilities = ["update"] }`;

/** With the key `etcd`. */
export async function startTransitHolder(): Promise<TransitHolder> {
  const server = await startTestServer();
  const gate = await openGate(server.host, server.port);
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await server.call(method, path, body === undefined ? {} : { body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  await ask('PUT', 'sys/mounts/transit', { type: 'transit' });
  await ask('PUT', 'sys/policies/acl/etcd', { policy });
  const lines: string[] = [];
  const parts: BackendParts = {
    clock: systemClock,
    random: systemRandom,
    log: jsonLog({ level: 'trace', write: (line) => void lines.push(line), now: () => Date.now() }),
    environment: {},
  };
  const makeKey = async (name: string, body: object = {}) => void (await ask('PUT', `transit/keys/${name}`, body));
  const makeToken = async (body: object = {}): Promise<string> => {
    const answer = await ask('PUT', 'auth/token/create', { policies: ['etcd'], ttl: '1h', no_parent: true, ...body });
    return answer.auth.client_token;
  };
  await makeKey('etcd');
  const tokenFile = join(server.folder, 'token');
  writeFileSync(tokenFile, `${await makeToken()}\n`, { mode: 0o600 });
  const description: TransitDescription = {
    type: 'transit',
    address: `http://127.0.0.1:${gate.port}`,
    key: 'etcd',
    auth: { kind: 'token', token: { kind: 'file', path: tokenFile } },
  };
  return {
    server,
    gate,
    parts,
    logged: () => lines.join(''),
    description,
    tokenFile,
    makeKey,
    makeToken,
    rotate: async (name) => void (await ask('PUT', `transit/keys/${name}/rotate`, {})),
    open: (changes = {}) => openTransit({ ...description, ...changes }, parts),
    async end() {
      rmSync(tokenFile, { force: true });
      await gate.end();
      await server.end();
    },
  };
}
