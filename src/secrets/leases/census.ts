// How many leases there are, in all and per mount: counted now and then from the store's keys, in steps, for the metrics.

import { setImmediate as turn } from 'node:timers/promises';
import type { Storage } from '../../storage/storage.ts';
import { leaseLayout } from './lease-record.ts';
import { leasesBelow, pagesBelow } from './lease-store.ts';

export interface Census {
  readonly all: number;
  /** By the path of the mount, with its slash. Leases of mounts that are gone, which are being taken back, do not count. */
  readonly byMount: ReadonlyMap<string, number>;
  readonly irrevocable: number;
}

export interface CensusParts {
  readonly storage: Storage;
  /** Paths of all mounts as requests name them: `secret/`, `auth/token/`. */
  readonly mounts: () => Promise<readonly string[]>;
}

/** Reads keys and no records, and lets requests pass between two pages. */
export async function takeCensus({ storage, mounts }: CensusParts, signal: AbortSignal): Promise<Census> {
  const byMount = new Map<string, number>();
  for (const mount of await mounts()) {
    let count = 0;
    for await (const page of leasesBelow(storage, mount)) {
      signal.throwIfAborted();
      count += page.length;
      await turn();
    }
    byMount.set(mount, count);
  }
  let irrevocable = 0;
  for await (const page of pagesBelow(storage, leaseLayout.irrevocable)) {
    signal.throwIfAborted();
    irrevocable += page.length;
  }
  return { all: [...byMount.values()].reduce((sum, count) => sum + count, 0), byMount, irrevocable };
}

export interface LeaseGauges {
  gauge(name: string, read: () => number, labels?: Readonly<Record<string, string>>): void;
}

/** A function that counts anew; what it counted last stands in the metrics. */
export function createCensus(parts: CensusParts, metrics: LeaseGauges): (signal: AbortSignal) => Promise<void> {
  let last: Census | undefined;
  const known = new Set<string>();
  metrics.gauge('vault_expire_num_leases', () => last?.all ?? 0);
  metrics.gauge('vault_expire_num_irrevocable_leases', () => last?.irrevocable ?? 0);
  return async (signal) => {
    last = await takeCensus(parts, signal);
    for (const mount of last.byMount.keys()) {
      if (known.has(mount)) continue;
      known.add(mount);
      metrics.gauge('casemate_leases', () => last?.byMount.get(mount) ?? 0, { mount_point: mount });
    }
  };
}
