// A whole secrets server for a test: real sockets on a free port, real barrier, a store in memory or in a folder of its own.

import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLog } from '../../src/base/log.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import { type ListenAt, serverFacts, startProcess } from '../../src/programs/server/process.ts';
import type { SecretsServer, ServerSettings } from '../../src/secrets/server.ts';
import { openLmdb } from '../../src/storage/backends/lmdb.ts';
import { openMemory } from '../../src/storage/backends/memory.ts';
import type { Backend } from '../../src/storage/storage.ts';

export interface TestServerOptions {
  /** `lmdb` lies in a temporary folder that goes with the server. */
  readonly store?: 'memory' | 'lmdb' | Backend;
  readonly backend?: KeyBackend;
  readonly settings?: Partial<ServerSettings>;
  readonly listenAt?: Partial<ListenAt>;
  /** Shares and threshold; `raw` leaves the store uninitialised. */
  readonly init?: { readonly shares: number; readonly threshold: number } | 'raw';
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, the text otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any;
  readonly text: string;
}

export interface TestCall {
  /** The root token by default; null sends none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a string or bytes as they are. */
  readonly body?: unknown;
}

export interface TestServer {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly server: SecretsServer;
  readonly rootToken: string;
  /** Hex. */
  readonly keys: readonly string[];
  /** Folder for files of the test: audit files may be enabled below it. */
  readonly folder: string;
  /** What the server logged. */
  readonly logged: () => string;
  /** `path` without `/v1/`. LIST is sent as the verb. */
  call(method: string, path: string, call?: TestCall): Promise<TestAnswer>;
  unseal(): Promise<void>;
  end(): Promise<void>;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'casemate-server-'));
  const lines: string[] = [];
  const { store = 'memory', init = { shares: 1, threshold: 1 } } = options;
  const storage = store === 'memory' ? openMemory() : store === 'lmdb' ? await openLmdb({ path: join(folder, 'store') }) : store;
  const settings: ServerSettings = {
    facts: serverFacts('1.20.4+casemate.test', typeof store === 'string' ? store : 'lmdb', 'http://127.0.0.1:8200'),
    ttl: { default: 768 * 3600, max: 768 * 3600 },
    cacheBytes: 2 ** 24,
    auditDirectory: folder,
    auditDevices: [],
    clusterName: undefined,
    rootToken: undefined,
    firstMounts: [],
    sanitized: {},
    ...options.settings,
  };
  const log = jsonLog({ level: 'debug', write: (line) => void lines.push(line), now: () => Date.now() });
  let rootToken = '';
  let keys: readonly string[] = [];
  const unsealWith = async (server: SecretsServer): Promise<void> => {
    if (init === 'raw') return;
    for (const key of keys.slice(0, init.threshold)) await server.submitShare(key);
  };
  const process = await startProcess(
    { storage, backend: options.backend, settings, log, listenAt: [{ host: '127.0.0.1', port: 0, ...options.listenAt }] },
    async (server) => {
      if (init === 'raw') return;
      const input = options.backend === undefined ? { secret_shares: init.shares, secret_threshold: init.threshold } : {};
      const made = await server.initialize(input);
      rootToken = made.root_token;
      keys = made.keys;
      await unsealWith(server);
    },
  );
  const [{ host, port }] = process.addresses as [{ readonly host: string; readonly port: number }];
  const tls = options.listenAt?.tls;
  return {
    address: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    host,
    port,
    server: process.server,
    rootToken,
    keys,
    folder,
    logged: () => lines.join(''),
    call: (method, path, call = {}) =>
      send(
        // A certificate for tests is its own authority.
        { host, port, method, path: `/v1/${path}`, ...(tls === undefined ? {} : { ca: tls.certificate }) },
        { token: rootToken, ...call },
      ),
    unseal: () => unsealWith(process.server),
    async end() {
      await process.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly method: string;
  /** With `/v1/`. */
  readonly path: string;
  /** PEM of the authority of the server's certificate: the request is HTTPS. */
  readonly ca?: string | Buffer;
}

/** One request on a connection of its own, with a LIST as hvac and node-vault send it. */
export function send(target: Target, { token, headers = {}, body }: TestCall): Promise<TestAnswer> {
  const payload = body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const length = payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) };
    const request = target.ca === undefined ? httpRequest : httpsRequest;
    const sent = request(
      { ...target, agent: false, headers: { ...(token == null ? {} : { 'x-vault-token': token }), ...length, ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed(text), text });
        });
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
