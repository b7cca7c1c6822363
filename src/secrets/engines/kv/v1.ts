// KV version 1: the object that was written, under its path.

import { kvV1 } from '../../../api/kv-v1.ts';
import { parseDurationSeconds } from '../../../base/durations.ts';
import { Fault } from '../../../base/fault.ts';
import { parseJson } from '../../../base/json.ts';
import type { Transaction } from '../../../storage/storage.ts';
import { type Answer, type EngineRequest, engine, type Host, type OpenEngine } from '../../core/engine.ts';
import { scan } from './scan.ts';
import { secretPrefix } from './secret.ts';
import { upgradeKey, upgrading } from './upgrade-mark.ts';

/** First byte of a stored secret; JSON follows. */
const format = 1;
const prefix = secretPrefix;

interface Stored {
  readonly data: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly ttl: number | undefined;
}

export function openV1(host: Host): OpenEngine {
  const { storage } = host;

  const decode = (bytes: Uint8Array): Stored => {
    const data = dataOfV1(bytes);
    return { data, ttl: ownTtl(data) };
  };

  /** Nothing is written as version 1 any more once the upgrade to version 2 has begun, in whatever process. */
  const change = (work: (transaction: Transaction) => void): Promise<void> =>
    storage.transact(async (transaction) => {
      if ((await transaction.get(upgradeKey)) !== undefined) throw upgrading();
      work(transaction);
    });

  return engine<typeof kvV1>({
    contract: kvV1,
    handlers: {
      secret: {
        exists: async ({ path }) => (await storage.get(prefix + path)) !== undefined,
        read: async ({ path }): Promise<Answer | undefined> => {
          const found = await host.cached(prefix + path, decode);
          return found === undefined ? undefined : { data: found.data, leaseDuration: found.ttl ?? host.ttl().default };
        },
        write: async ({ path }, request) => {
          if (path === undefined || path === '') throw new Fault('invalid-request', 'missing path');
          const bytes = encode(request);
          await change((transaction) => transaction.put(prefix + path, bytes));
          return undefined;
        },
        delete: async ({ path }) => {
          await change((transaction) => transaction.delete(prefix + path));
          return undefined;
        },
        list: async ({ path }) => ({ data: { keys: await storage.list(prefix + path) } }),
        scan: async ({ path }, { signal }) => ({ data: { keys: await scan(storage, prefix + path, signal) } }),
      },
    },
  });
}

/** What was accepted once must open for ever, whatever the limits of requests become. */
const stored = { depth: 10_000, members: Number.POSITIVE_INFINITY };

/** What stands in an entry of version 1. Throws Fault `corrupted`. */
export function dataOfV1(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes[0] !== format) throw new Fault('corrupted', 'a secret was written by a newer version; start that version again');
  return parseJson(Buffer.from(bytes.subarray(1)).toString(), stored) as Record<string, unknown>;
}

function encode(request: EngineRequest): Uint8Array {
  if (Object.keys(request.data).length === 0) throw new Fault('invalid-request', 'missing data fields');
  return Buffer.concat([Buffer.of(format), Buffer.from(JSON.stringify(request.data))]);
}

/** The secret's own idea of how long it is good for: keys `ttl` or `lease`. Seconds. */
function ownTtl(data: Readonly<Record<string, unknown>>): number | undefined {
  const wanted = data['ttl'] ?? data['lease'];
  if (typeof wanted !== 'string' && typeof wanted !== 'number') return undefined;
  try {
    return parseDurationSeconds(wanted);
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}
