// The cubbyhole: each token's own secrets, under the token's key.

import { cubbyhole as contract } from '../../../api/cubbyhole.ts';
import { Fault } from '../../../base/fault.ts';
import { parseJson } from '../../../base/json.ts';
import type { Storage } from '../../../storage/storage.ts';
import { type EngineKind, type EngineRequest, engine } from '../../core/engine.ts';

/** First byte of an entry; JSON follows. */
const format = 1;
const stored = { depth: 10_000, members: Number.POSITIVE_INFINITY };

export const cubbyhole: EngineKind = {
  type: 'cubbyhole',
  table: 'secret',
  description: 'per-token private secret storage',
  open: ({ storage }) =>
    engine<typeof contract>({
      contract,
      handlers: {
        secret: {
          exists: async ({ path }, request) => (await storage.get(own(request) + path)) !== undefined,
          read: async ({ path }, request) => {
            const bytes = await storage.get(own(request) + path);
            return bytes === undefined ? undefined : { data: decode(bytes) };
          },
          write: async ({ path }, request) => {
            if (path === undefined || path === '') throw new Fault('invalid-request', 'missing path');
            if (Object.keys(request.data).length === 0) throw new Fault('invalid-request', 'missing data fields');
            await storage.put(own(request) + path, Buffer.concat([Buffer.of(format), Buffer.from(JSON.stringify(request.data))]));
            return undefined;
          },
          delete: async ({ path }, request) => {
            if (path !== undefined && path !== '') await storage.delete(own(request) + path);
            return undefined;
          },
          list: async ({ path }, request) => ({ data: { keys: await storage.list(own(request) + path) } }),
        },
      },
    }),
};

/** Deletes what a token left behind. `storage` is the mount's. */
export async function forgetCubbyhole(storage: Storage, tokenKey: string): Promise<void> {
  const below = async (prefix: string): Promise<void> => {
    for (const name of await storage.list(prefix)) await (name.endsWith('/') ? below(prefix + name) : storage.delete(prefix + name));
  };
  await below(`${tokenKey}/`);
}

function own(request: EngineRequest): string {
  if (request.caller === undefined) throw new Fault('permission-denied', 'permission denied');
  return `${request.caller.key}/`;
}

function decode(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== format) throw new Fault('corrupted', 'an entry was written by a newer version; start that version again');
  return parseJson(Buffer.from(bytes.subarray(1)).toString(), stored) as Record<string, unknown>;
}
