// Reads etcd over its own API, version 3, from whichever of its members answers. It can read and nothing else.

import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '../../base/fault.ts';
import { type Connect, connectDirectly, type EtcdTls, readEndpoint } from './endpoint.ts';
import { type Member, memberAt } from './member.ts';
import {
  type EndpointStatus,
  type EtcdAlarm,
  type EtcdMember,
  emptyRequest,
  memberListRequest,
  type RangePage,
  type RangeRequest,
  readAlarms,
  readMembers,
  readRangeResponse,
  readSnapshotResponse,
  readStatusResponse,
  writeRangeRequest,
} from './wire/messages.ts';

/**
 * Calls go on to the next member when one does not answer, and try again until `patience` is over. They throw Fault `unavailable` or
 * `timeout` with the endpoint, `permission-denied` for a certificate, `corrupted`, or the reason of the signal.
 */
export interface EtcdClient {
  readonly endpoints: readonly string[];
  /** Throws a Fault of which `isRevisionGone` is true when that revision is compacted, and `too-large` when the page is. */
  range(request: RangeRequest, signal: AbortSignal): Promise<RangePage>;
  /** Of this one member alone, and without patience. */
  statusOf(endpoint: string, signal: AbortSignal): Promise<EndpointStatus>;
  members(signal: AbortSignal): Promise<readonly EtcdMember[]>;
  alarms(signal: AbortSignal): Promise<readonly EtcdAlarm[]>;
  /**
   * The database file of one member, followed by its SHA-256, as etcdctl saves it. A member that is lost in the middle ends it with a
   * Fault: the files of two members are not the same.
   */
  snapshot(signal: AbortSignal): AsyncGenerator<Buffer, void, undefined>;
  close(): void;
}

export interface EtcdOptions {
  /** `https://10.0.0.11:2379`, one for each member; `http://` on loopback alone. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
  /** From this machine by default. */
  readonly connect?: Connect | undefined;
  /** Milliseconds for which a call is tried again: an election takes a second or two; 10,000 by default. */
  readonly patience?: number | undefined;
  /** Milliseconds without a byte after which a member counts as lost; 10,000 by default. */
  readonly quiet?: number | undefined;
}

const usualPatience = 10_000;
const usualQuiet = 10_000;

const calls = {
  range: '/etcdserverpb.KV/Range',
  status: '/etcdserverpb.Maintenance/Status',
  alarm: '/etcdserverpb.Maintenance/Alarm',
  snapshot: '/etcdserverpb.Maintenance/Snapshot',
  members: '/etcdserverpb.Cluster/MemberList',
} as const;

/** Connects at the first call. Throws Fault `usage` for endpoints that nobody should read secrets from. */
export function openEtcd(options: EtcdOptions): EtcdClient {
  const { tls, connect = connectDirectly, patience = usualPatience, quiet = usualQuiet } = options;
  if (options.endpoints.length === 0) throw new Fault('usage', 'no endpoint of etcd is named');
  const member = (text: string): Member => memberAt(readEndpoint(text, tls), { tls, connect, quiet });
  const members = options.endpoints.map(member);
  /** The one that answered last. */
  let preferred = 0;
  const onAny = async <T>(work: (member: Member) => Promise<T>, signal: AbortSignal): Promise<T> => {
    const end = performance.now() + patience;
    for (let round = 0; ; round++) {
      const troubles: Fault[] = [];
      for (const index of members.keys()) {
        const at = (preferred + index) % members.length;
        try {
          const result = await work(members[at] as Member);
          preferred = at;
          return result;
        } catch (thrown) {
          signal.throwIfAborted();
          if (!(thrown instanceof Fault) || !passes(thrown)) throw thrown;
          troubles.push(thrown);
        }
      }
      const worst = troubles.find(({ code }) => code === 'permission-denied') ?? (troubles[0] as Fault);
      const wait = Math.min(100 * 2 ** round, 2_000);
      if (troubles.every(({ code }) => code === 'permission-denied') || performance.now() + wait > end) throw worst;
      await pause(wait, undefined, { signal });
    }
  };
  const unary = <T>(path: string, request: Buffer, read: (bytes: Buffer) => T, signal: AbortSignal): Promise<T> =>
    onAny((member) => member.unary(path, request, read, signal), signal);
  return {
    endpoints: members.map(({ url }) => url),
    range: (request, signal) => unary(calls.range, writeRangeRequest(request), readRangeResponse, signal),
    members: (signal) => unary(calls.members, memberListRequest, readMembers, signal),
    alarms: (signal) => unary(calls.alarm, emptyRequest, readAlarms, signal),
    async statusOf(endpoint, signal) {
      const { url } = readEndpoint(endpoint, tls);
      const known = members.find((one) => one.url === url);
      const asked = known ?? member(endpoint);
      try {
        return await asked.unary(calls.status, emptyRequest, readStatusResponse, signal);
      } finally {
        if (known === undefined) asked.close();
      }
    },
    async *snapshot(signal) {
      const pieces = await onAny((member) => begun(member.messages(calls.snapshot, emptyRequest, signal)), signal);
      let remaining = 0n;
      for await (const piece of pieces) {
        const { blob, remaining: rest } = readSnapshotResponse(piece);
        remaining = rest;
        yield blob;
      }
      if (remaining > 0n) throw new Fault('unavailable', `etcd broke off the snapshot ${remaining} bytes before its end: take it again`);
    },
    close() {
      for (const member of members) member.close();
    },
  };
}

/** What another member, or the same one a little later, may answer differently. */
function passes({ code }: Fault): boolean {
  return code === 'unavailable' || code === 'timeout' || code === 'rate-limited' || code === 'permission-denied';
}

/** Resolves with the first message, so that a member that does not answer at all is noticed while another one can still be asked. */
async function begun(messages: AsyncGenerator<Buffer, void, undefined>): Promise<AsyncIterable<Buffer>> {
  const first = await messages.next();
  return (async function* () {
    if (first.done === true) return;
    yield first.value;
    yield* messages;
  })();
}
