// A client of whichever kube-apiserver of the fleet answers, for calls that are about no node in particular: the lock among them.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { CallOptions } from '../../kube/exchange.ts';

/** A write that was lost on the way may be tried at the next one: only what carries its version, or has a name, may go this way. */
export type AnyApiserver = Pick<KubeClient, 'get' | 'list' | 'create' | 'replace' | 'remove' | 'raw'>;

/** Milliseconds: another one can be asked, so one that hangs is not waited for. */
const timeoutOfEach = 10_000;
/** Milliseconds for which none of them may be reached; as `CallOptions` has it. */
const usualPatience = 10_000;

/**
 * The one that answered last is asked first. What an apiserver answers counts, also when it refuses. Throws what the last one threw when
 * none can be reached. `clients` may grow: the addresses of the nodes are known later than that of the kubeconfig. `now`: monotonic
 * milliseconds.
 */
export function anyApiserver(clients: readonly [KubeClient, ...KubeClient[]], now: () => number): AnyApiserver {
  let present = clients[0];
  const atAny = async <T>(
    options: CallOptions | undefined,
    work: (client: KubeClient, each: { readonly timeout: number; readonly patience: number }) => Promise<T>,
  ): Promise<T> => {
    const each = { timeout: Math.min(options?.timeout ?? timeoutOfEach, timeoutOfEach), patience: 0 };
    for (const end = now() + (options?.patience ?? usualPatience); ; await pause(500, undefined, { signal: options?.signal })) {
      let last: unknown;
      for (const client of [present, ...clients.filter((other) => other !== present)]) {
        try {
          const answer = await work(client, each);
          present = client;
          return answer;
        } catch (thrown) {
          if (!isAway(thrown, options?.signal)) throw thrown;
          last = thrown;
        }
      }
      if (now() >= end) throw last;
    }
  };
  return {
    get: (kind, ref, options) => atAny(options, (client, each) => client.get(kind, ref, { ...options, ...each })),
    list: (kind, selection, options) => atAny(options, (client, each) => client.list(kind, selection, { ...options, ...each })),
    create: (kind, object, options) => atAny(options, (client, each) => client.create(kind, object, { ...options, ...each })),
    replace: (kind, object, options) => atAny(options, (client, each) => client.replace(kind, object, { ...options, ...each })),
    remove: (kind, ref, options) => atAny(options, (client, each) => client.remove(kind, ref, { ...options, ...each })),
    raw: (path, options) => atAny(options, (client, each) => client.raw(path, { ...options, ...each })),
  };
}

function isAway(thrown: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted !== true && thrown instanceof Fault && ['unavailable', 'timeout'].includes(thrown.code);
}
