// Where requests meet the rate limits: after the mount is found and before anybody asks who is calling.

import { asFault } from '../../base/fault.ts';
import type { Reply } from '../core/exchange.ts';
import type { Life } from '../core/life.ts';
import type { Mounted } from '../mounts/router.ts';
import { type Admission, overTheRate, type Quotas } from './quotas.ts';
import type { QuotaIndex } from './rules.ts';

/** undefined where no rule counts. */
export type QuotaGate = (life: Life, mounted: Mounted | undefined) => Admission | undefined | Promise<Admission | undefined>;

export function quotaGate(quotas: Quotas): QuotaGate {
  return (life, mounted) => {
    const index = quotas.index();
    if (index instanceof Promise) return index.then((found) => judged(quotas, found, life, mounted));
    return judged(quotas, index, life, mounted);
  };
}

function judged(quotas: Quotas, index: QuotaIndex | undefined, { wire }: Life, mounted: Mounted | undefined): ReturnType<QuotaGate> {
  // Most servers have no rules: then nothing is made for the request.
  if (index === undefined || index.idle) return undefined;
  const below = mounted === undefined ? wire.path : wire.path.slice(mounted.path.length);
  return quotas.admit(index, {
    path: wire.path,
    mount: mounted?.record.uuid,
    below,
    client: wire.remoteAddress,
    role: async () => (wire.operation === 'write' ? roleOf(mounted, below, wire.data) : undefined),
  });
}

/** A login that names no role, or none that there is, is counted by the other rules; the login itself will say what is wrong. */
async function roleOf(mounted: Mounted | undefined, below: string, data: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  try {
    return await mounted?.engine.loginRole?.(below, data);
  } catch (thrown) {
    if (asFault(thrown).http < 500) return undefined;
    throw thrown;
  }
}

/** Notes on the life what the answer must carry. Throws Fault `rate-limited`. */
export function pass(life: Life, admission: Admission | undefined): void {
  if (admission === undefined) return;
  life.headers = admission.headers;
  if (admission.allowed) return;
  life.unaudited = !admission.audited;
  throw overTheRate(life.wire.path);
}

export function withHeaders(reply: Reply, { headers }: Life): Reply {
  return headers === undefined ? reply : { ...reply, headers };
}
