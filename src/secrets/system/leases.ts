// Handlers of sys/leases, sys/renew and sys/revoke.

import { sysLeases } from '../../api/sys-leases.ts';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import { rfc3339 } from '../../base/times.ts';
import { type Answer, type EngineRequest, engine, type OpenEngine } from '../core/engine.ts';
import { tidyStarted } from '../identity/token-method.ts';
import type { Leases, LeaseView } from '../leases/leases.ts';
import type { PrefixProgress } from '../leases/prefix-revocations.ts';

export interface LeasesParts {
  readonly leases: Leases;
  readonly clock: Clock;
  /** Root, or `sudo` on the path. */
  readonly hasSudo: (request: EngineRequest, path: string) => Promise<boolean>;
  /** undefined for a mount that is gone. */
  readonly accessorOf: (mountUuid: string) => Promise<string | undefined>;
  /** Finishes what interrupted revocations left; in the background. */
  readonly tidy: () => void;
}

const mostShown = 10_000;

export function openLeases(parts: LeasesParts): OpenEngine {
  const { leases, clock } = parts;

  const list = async (prefix: string): Promise<Answer> => ({
    data: { keys: await leases.list(prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`) },
  });
  const renew = async (input: NamedLease & { readonly increment?: number | undefined }): Promise<Answer> => {
    const { leaseId, ttl, renewable, warnings } = await leases.renew(nameOf(input), input.increment ?? 0);
    return { renewed: { leaseId, ttl, renewable }, ...(warnings.length === 0 ? {} : { warnings }) };
  };
  const revoke = async (input: NamedLease & Synchronous): Promise<Answer | undefined> => {
    const sync = input.sync !== false;
    await leases.revoke(nameOf(input), { sync });
    return sync ? undefined : { status: 202 };
  };
  const revokePrefix = async (input: Prefixed & Synchronous): Promise<Answer | undefined> => {
    const sync = input.sync !== false;
    await leases.revokePrefix(prefixOf(input), { sync });
    return sync ? undefined : { status: 202 };
  };
  const revokeForce = async (input: Prefixed): Promise<undefined> => {
    await leases.revokePrefix(prefixOf(input), { sync: true, force: true });
    return undefined;
  };

  return engine<typeof sysLeases>({
    contract: sysLeases,
    handlers: {
      lookup: {
        async write({ lease_id }) {
          const leaseId = nameOf({ lease_id });
          const view = await leases.lookup(leaseId);
          if (view === undefined) throw new Fault('invalid-request', 'invalid lease');
          return { data: describe(view, clock.now()) };
        },
        // The same path without its slash is for everybody, so the route itself cannot ask for sudo.
        async list(_, request) {
          if (!(await parts.hasSudo(request, 'sys/leases/lookup/'))) throw new Fault('policy-denied', 'permission denied');
          return list('');
        },
      },
      lookupPrefix: { list: ({ prefix = '' }) => list(prefix) },
      renew: { write: renew },
      renewById: { write: renew },
      revoke: { write: revoke },
      revokeById: { write: revoke },
      revokePrefix: { write: revokePrefix },
      revokeForce: { write: revokeForce },
      revocations: { read: async () => ({ data: { revocations: (await leases.revocations()).map(describeRevocation) } }) },
      tidy: {
        write() {
          parts.tidy();
          return { status: 202, warnings: [tidyStarted] };
        },
      },
      count: { read: ({ type }) => (isIrrevocable(type) ? countIrrevocable(parts) : undefined) },
      leases: {
        read: ({ type, limit = '', include_large_results }) =>
          isIrrevocable(type)
            ? listIrrevocable(parts, include_large_results === true ? Number.POSITIVE_INFINITY : limitOf(limit))
            : undefined,
      },
      oldRenew: { write: renew },
      oldRenewById: { write: renew },
      oldRevoke: { write: revoke },
      oldRevokeById: { write: revoke },
      oldRevokePrefix: { write: revokePrefix },
      oldRevokeForce: { write: revokeForce },
    },
  });
}

interface NamedLease {
  readonly lease_id?: string | undefined;
  readonly url_lease_id?: string | undefined;
}

interface Prefixed {
  readonly prefix?: string | undefined;
}

interface Synchronous {
  readonly sync?: boolean | undefined;
}

function nameOf({ lease_id = '', url_lease_id = '' }: NamedLease): string {
  const leaseId = lease_id === '' ? url_lease_id : lease_id;
  if (leaseId === '') throw new Fault('invalid-request', 'lease_id must be specified');
  return leaseId;
}

/** Without one it would be all leases of the server, which nobody means by leaving it out. */
function prefixOf({ prefix = '' }: Prefixed): string {
  if (prefix === '') throw new Fault('unsupported-path', 'unsupported path');
  return prefix;
}

/** Sorted by name, as on the wire. */
function describe(view: LeaseView, now: number): Record<string, unknown> {
  const { leaseId, issued, expires, lastRenewal, path, renewable, revokeError } = view;
  return {
    expire_time: rfc3339(expires),
    id: leaseId,
    issue_time: rfc3339(issued),
    last_renewal: lastRenewal === undefined ? null : rfc3339(lastRenewal),
    path,
    renewable: renewable && revokeError === undefined && expires > now,
    ...(revokeError === undefined ? {} : { revoke_error: revokeError }),
    ttl: Math.max(0, Math.round((expires - now) / 1000)),
  };
}

function describeRevocation({ prefix, before, force, done, failed }: PrefixProgress): Record<string, unknown> {
  return { prefix, started: rfc3339(before), force, done: done ?? null, failed: failed ?? null };
}

function isIrrevocable(type: string | undefined): boolean {
  return type?.toLowerCase() === 'irrevocable';
}

function limitOf(limit: string): number {
  if (limit === '') return mostShown;
  if (limit.toLowerCase() === 'none') return Number.POSITIVE_INFINITY;
  if (!/^\d+$/.test(limit) || Number(limit) === 0) throw new Fault('invalid-request', "limit must be 'none' or a positive integer");
  return Number(limit);
}

async function countIrrevocable({ leases, accessorOf }: LeasesParts): Promise<Answer> {
  const found = await leases.irrevocable();
  const counts: Record<string, number> = {};
  for (const { mountUuid } of found) {
    const accessor = (await accessorOf(mountUuid)) ?? unknownMount;
    counts[accessor] = (counts[accessor] ?? 0) + 1;
  }
  return { data: { counts, lease_count: found.length } };
}

/** As Vault names it. */
const unknownMount = 'mount-accessor-not-found';

async function listIrrevocable({ leases, accessorOf }: LeasesParts, limit: number): Promise<Answer> {
  const all = await leases.irrevocable();
  const shown = all.slice(0, limit);
  const described = shown.map(async ({ leaseId, mountUuid, error }) => ({
    lease_id: leaseId,
    mount_id: (await accessorOf(mountUuid)) ?? unknownMount,
    error,
  }));
  return {
    data: { lease_count: shown.length, leases: await Promise.all(described) },
    ...(shown.length === all.length ? {} : { warnings: [cutShort] }),
  };
}

const cutShort =
  'Command halted because many irrevocable leases were found. To emit the entire list, re-run the command with force set true.';
