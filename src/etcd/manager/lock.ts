// One manager at a time: a Lease in kube-system. Nothing is decided by comparing clocks of two machines.

import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { type Lease, leases } from '../../kube/kinds.ts';
import { KubeFault } from '../../kube/kube-fault.ts';
import type { AnyApiserver } from './any-apiserver.ts';

export interface LockOptions {
  readonly client: Pick<AnyApiserver, 'get' | 'create' | 'replace'>;
  /** Names this manager's state folder: what a killed one has left is taken back at once by the next one over the same folder. */
  readonly holder: string;
  readonly clock: Clock;
  /** Seconds for which a holder that no longer renews is believed to live; 30 by default. */
  readonly seconds?: number | undefined;
  /** Called when somebody else is watched, with a sentence. */
  readonly note: (text: string) => void;
}

export interface Lock {
  /** Aborted when the lock is lost. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

const ref = { namespace: 'kube-system', name: 'casemate-etcd' };

/** Throws Fault `usage` when another manager holds it and lives. */
export async function takeLock(options: LockOptions, signal: AbortSignal): Promise<Lock> {
  const { client, holder, seconds = 30 } = options;
  const there = await client.get(leases, ref, { signal });
  const other = there?.spec?.holderIdentity ?? '';
  if (other !== '' && other !== holder) await watchOther(options, there as Lease, signal);
  const held = await writeLease(options, await client.get(leases, ref, { signal }), signal);
  const lost = new AbortController();
  const over = new AbortController();
  const kept = keep(options, held, seconds, lost, over.signal);
  return {
    lost: lost.signal,
    async release() {
      over.abort();
      await kept;
      if (lost.signal.aborted) return;
      const mine = await client.get(leases, ref, { timeout: 5_000 });
      if (mine?.spec?.holderIdentity === holder)
        await client.replace(leases, { ...mine, spec: { ...mine.spec, holderIdentity: '' } }, { timeout: 5_000 });
    },
  };
}

/** A holder that lives renews within the time that it has itself named. */
async function watchOther({ client, clock, note, seconds = 30 }: LockOptions, seen: Lease, signal: AbortSignal): Promise<void> {
  const other = seen.spec?.holderIdentity ?? '';
  const patience = 1_000 * (seen.spec?.leaseDurationSeconds ?? seconds);
  note(`the lock of another manager (${other}) is there; looking for ${patience / 1000} s whether it lives`);
  for (const end = clock.monotonic() + patience; clock.monotonic() < end; await pause(500, undefined, { signal })) {
    const now = await client.get(leases, ref, { signal });
    if (now === undefined || (now.spec?.holderIdentity ?? '') === '') return;
    if (now.spec?.renewTime !== seen.spec?.renewTime)
      throw new Fault('usage', `another manager (${other}) is at work on this cluster; wait until it has ended, or end it there`);
  }
}

async function writeLease(
  { client, holder, clock, seconds = 30 }: LockOptions,
  there: Lease | undefined,
  signal: AbortSignal,
): Promise<Lease> {
  const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
  const transitions = there?.spec?.leaseTransitions ?? 0;
  const spec = {
    holderIdentity: holder,
    leaseDurationSeconds: seconds,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: there?.spec?.holderIdentity === holder ? transitions : transitions + 1,
  };
  try {
    if (there === undefined) return await client.create(leases, { metadata: ref, spec }, { signal });
    return await client.replace(leases, { ...there, spec }, { signal });
  } catch (thrown) {
    if (!(thrown instanceof KubeFault) || !['AlreadyExists', 'Conflict'].includes(thrown.reason)) throw thrown;
    // An answer that was lost on its way leaves the lock taken, by this very manager.
    const now = await client.get(leases, ref, { signal });
    if (now?.spec?.holderIdentity === holder && now.spec.acquireTime === spec.acquireTime) return now;
    throw new Fault('usage', 'another manager took the lock at this very moment; try again when it has ended', { cause: thrown });
  }
}

/** An API that is away for a while is no loss: who could take the lock needs it as well. */
async function keep(options: LockOptions, first: Lease, seconds: number, lost: AbortController, over: AbortSignal): Promise<void> {
  const { client, holder } = options;
  let mine = first;
  while (!over.aborted) {
    // Rejects when the lock is given back.
    await pause(1_000 * (seconds / 3), undefined, { signal: over, ref: false }).catch(() => undefined);
    if (over.aborted) return;
    try {
      mine = await renewed(options, mine);
    } catch (thrown) {
      if (!(thrown instanceof KubeFault) || thrown.reason !== 'Conflict') continue;
      const now = await client.get(leases, ref, { timeout: 5_000 }).catch(() => mine);
      if (now?.spec?.holderIdentity !== holder) {
        lost.abort(
          new Fault(
            'conflict',
            `the lock was taken by ${now?.spec?.holderIdentity ?? 'somebody who removed it'}; nothing more is changed here`,
          ),
        );
        return;
      }
      mine = now;
    }
  }
}

function renewed({ client, clock }: LockOptions, mine: Lease): Promise<Lease> {
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
  return client.replace(leases, { ...mine, spec: { ...mine.spec, renewTime } }, { timeout: 5_000, patience: 0 });
}
