// The upgrade of a mount from version 1 to 2, in the background and in bounded steps: killed anywhere, the next process goes on.

import { asFault } from '../../../base/fault.ts';
import type { Transaction } from '../../../storage/storage.ts';
import type { AnyHandlers, Host, OpenEngine } from '../../core/engine.ts';
import { pathsAfter } from './scan.ts';
import { encodeSecret, newSecret, secretKey, secretPrefix } from './secret.ts';
import { decodeMark, encodeMark, upgradeKey, upgrading } from './upgrade-mark.ts';
import { dataOfV1 } from './v1.ts';

/** Secrets in one commit. */
const stepSize = 64;
/** Milliseconds that a request waits before it is refused: a small mount is done by then. */
const patience = 15;
const retryAfter = 1_000;

/** The engine of version 2, closed to requests until all secrets are of that version. */
export async function openUpgraded(host: Host, engine: OpenEngine): Promise<OpenEngine> {
  if ((await host.storage.get(upgradeKey)) === undefined) return engine;
  let pending = true;
  let ended = false;
  let wake = (): void => {};
  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    host.log.info('a kv mount is being upgraded to version 2');
    while (!ended) {
      try {
        if (await upgradeStep(host)) continue;
        pending = false;
        host.log.info('a kv mount was upgraded to version 2');
        return;
      } catch (thrown) {
        if (ended || asFault(thrown).code === 'sealed') return;
        host.log.error('a step of an upgrade to version 2 failed and is tried again', { error: thrown });
        await pause(retryAfter);
      }
    }
  };
  const running = run();
  /** Another process may have been faster. */
  const finished = async (): Promise<boolean> => {
    if (!pending) return true;
    await new Promise((resolve) => setTimeout(resolve, patience));
    if (pending && (await host.storage.get(upgradeKey)) === undefined) pending = false;
    return !pending;
  };
  return {
    ...engine,
    handlers: guarded(engine.handlers, () => !pending, finished),
    async close() {
      ended = true;
      wake();
      await running;
      await engine.close?.();
    },
  };
}

/** Resolves to false when nothing is left. Steps of several processes side by side do each secret once. */
export function upgradeStep(host: Pick<Host, 'storage' | 'clock'>): Promise<boolean> {
  return host.storage.transact(async (transaction) => {
    const stored = await transaction.get(upgradeKey);
    if (stored === undefined) return false;
    const { reached } = decodeMark(stored);
    const paths = await pathsAfter(transaction, secretPrefix, reached === '' ? undefined : reached, stepSize);
    for (const path of paths) await upgradeOne(transaction, path, host.clock.now());
    const last = paths.at(-1);
    if (last === undefined || paths.length < stepSize) {
      transaction.delete(upgradeKey);
      return false;
    }
    transaction.put(upgradeKey, encodeMark({ format: 1, reached: last }));
    return true;
  });
}

async function upgradeOne(transaction: Transaction, path: string, now: number): Promise<void> {
  const stored = await transaction.get(secretKey(path));
  if (stored === undefined) return;
  const versions = new Map([[1, { created: now, deletion: 0, destroyed: false }]]);
  transaction.put(secretKey(path), encodeSecret({ ...newSecret(now), current: 1, versions, data: dataOfV1(stored) }));
}

/** All handlers, and the existence checks that come before policies, refuse until the upgrade is done. */
function guarded(handlers: AnyHandlers, open: () => boolean, finished: () => Promise<boolean>): AnyHandlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([route, own]) => [
      route,
      Object.fromEntries(
        Object.entries(own).map(([verb, handle]) => {
          const call = handle as (...given: unknown[]) => unknown;
          const whenDone = async (given: readonly unknown[]): Promise<unknown> => {
            if (!(await finished())) throw upgrading();
            return call(...given);
          };
          return [verb, (...given: unknown[]) => (open() ? call(...given) : whenDone(given))];
        }),
      ),
    ]),
  ) as AnyHandlers;
}
