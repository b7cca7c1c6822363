// The setting for cross-origin access: stored, remembered, and its route.

import { sysCors } from '../../api/sys-cors.ts';
import { Fault } from '../../base/fault.ts';
import type { Cors } from '../../http/cors.ts';
import type { Storage } from '../../storage/storage.ts';
import { type Cached, engine, type OpenEngine } from '../core/engine.ts';

interface StoredCors extends Cors {
  readonly format: 1;
}

export interface CorsStore {
  /** undefined while no other origin is allowed. */
  read(): Cors | undefined | Promise<Cors | undefined>;
  /** Throws Fault `invalid-request`. */
  write(setting: Cors): Promise<void>;
  clear(): Promise<void>;
}

const key = 'core/cors';

/** What pages need for the API, whatever else they send. */
const headersOfTheApi = [
  'Content-Type',
  'Authorization',
  'X-Vault-Token',
  'X-Vault-MFA',
  'X-Vault-No-Request-Forwarding',
  'X-Vault-Wrap-Format',
  'X-Vault-Wrap-TTL',
  'X-Requested-With',
  'X-Vault-AWS-IAM-Server-ID',
  'X-Vault-Policy-Override',
  'X-Vault-Namespace',
];

export function createCors({ storage, cached }: { readonly storage: Storage; readonly cached: Cached }): CorsStore {
  return {
    read: () => cached(key, decode),
    async write({ allowedOrigins, allowedHeaders, allowCredentials }) {
      if (allowedOrigins.length === 0) throw new Fault('invalid-request', 'at least one origin or the wildcard must be provided');
      if (allowedOrigins.includes('*') && allowedOrigins.length > 1)
        throw new Fault('invalid-request', "to allow all origins the '*' must be the only value for allowed_origins");
      // Any page that a person with a client certificate opens could otherwise act in their name.
      if (allowedOrigins.includes('*') && allowCredentials)
        throw new Fault('invalid-request', "allow_credentials needs named origins: it cannot be combined with '*'");
      if (allowedHeaders.some((header) => !/^[A-Za-z0-9!#$%&'*+.^_|~-]+$/.test(header)))
        throw new Fault('invalid-request', 'allowed_headers must be names of headers');
      const stored: StoredCors = { format: 1, allowedOrigins, allowedHeaders: [...headersOfTheApi, ...allowedHeaders], allowCredentials };
      await storage.put(key, Buffer.from(JSON.stringify(stored)));
    },
    clear: () => storage.delete(key),
  };
}

function decode(bytes: Uint8Array): StoredCors {
  const stored = JSON.parse(Buffer.from(bytes).toString()) as StoredCors;
  if (stored.format !== 1) throw new Fault('corrupted', 'the setting for cross-origin access was written by a newer version');
  return stored;
}

export function openCors(store: CorsStore): OpenEngine {
  return engine<typeof sysCors>({
    contract: sysCors,
    handlers: {
      cors: {
        read: async () => {
          const setting = await store.read();
          if (setting === undefined) return { data: { enabled: false } };
          return {
            data: {
              allow_credentials: setting.allowCredentials,
              allowed_headers: setting.allowedHeaders,
              allowed_origins: setting.allowedOrigins,
              enabled: true,
            },
          };
        },
        write: ({ allowed_origins: allowedOrigins = [], allowed_headers: allowedHeaders = [], allow_credentials: credentials }) =>
          store.write({ allowedOrigins, allowedHeaders, allowCredentials: credentials ?? false }).then(nothing),
        delete: () => store.clear().then(nothing),
      },
    },
  });
}

function nothing(): undefined {
  return undefined;
}
