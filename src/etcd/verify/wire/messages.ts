// The messages of etcd's API v3 that reading it needs (etcd-io/etcd, api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto).

import { Fault } from '../../../base/fault.ts';
import { message, readFields } from './protobuf.ts';

export interface RangeRequest {
  readonly from: Buffer;
  /** The first key that no longer belongs to it. */
  readonly to: Buffer;
  /** Entries; 0: all. */
  readonly limit: number;
  /** undefined: the newest. */
  readonly revision?: bigint | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
}

/** Key and value are views of the whole answer: who keeps one keeps them all. */
export interface EtcdEntry {
  readonly key: Buffer;
  /** Empty when only keys were asked for. */
  readonly value: Buffer;
  /** The store's revision at the last write of this key. */
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  /** Writes since it was created. */
  readonly version: bigint;
}

export interface RangePage {
  /** The store's revision when it answered, also where an older one was asked for. */
  readonly revision: bigint;
  readonly entries: readonly EtcdEntry[];
  readonly more: boolean;
  /** Keys in the range, whatever the limit was. */
  readonly count: bigint;
}

export interface EndpointStatus {
  /** Of the program: `3.7.3`. */
  readonly version: string;
  /** Bytes. */
  readonly dbSize: bigint;
  readonly dbSizeInUse: bigint;
  readonly isLeader: boolean;
  readonly isLearner: boolean;
  /** 16 hex digits, as etcdctl prints it. */
  readonly memberId: string;
  readonly clusterId: string;
  readonly revision: bigint;
  /** etcd's own words: alarms, no leader. */
  readonly errors: readonly string[];
}

export interface EtcdMember {
  readonly id: string;
  /** Empty as long as it has not started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface EtcdAlarm {
  readonly memberId: string;
  readonly alarm: 'no-space' | 'corrupt' | 'unknown';
}

export interface SnapshotPiece {
  readonly blob: Buffer;
  /** Bytes of the snapshot that are still to come. */
  readonly remaining: bigint;
}

/** Linearizable, as etcd reads by itself: a member that lags behind its leader is never believed. */
export function writeRangeRequest({ from, to, limit, revision, keysOnly = false, countOnly = false }: RangeRequest): Buffer {
  return message([
    [1, from],
    [2, to],
    [3, BigInt(limit)],
    [4, revision],
    [8, keysOnly],
    [9, countOnly],
  ]);
}

/** Asks the members for what all of them agree on. */
export const memberListRequest = message([[1, true]]);

/** Action GET of all members. */
export const emptyRequest = message([]);

interface Header {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
}

function readHeader(bytes: Buffer): Header {
  const wholes = new Map<number, bigint>();
  readFields(bytes, { whole: (number, value) => wholes.set(number, value) });
  return { clusterId: wholes.get(1) ?? 0n, memberId: wholes.get(2) ?? 0n, revision: signed(wholes.get(3)) };
}

/** All readers throw Fault `corrupted`. */
export function readRangeResponse(bytes: Buffer): RangePage {
  const entries: EtcdEntry[] = [];
  let [header, more, count]: [Header | undefined, boolean, bigint] = [undefined, false, 0n];
  readFields(bytes, {
    whole(number, value) {
      if (number === 3) more = value !== 0n;
      else if (number === 4) count = signed(value);
    },
    bytes(number, value) {
      if (number === 1) header = readHeader(value);
      else if (number === 2) entries.push(readKeyValue(value));
    },
  });
  if (header === undefined) throw new Fault('corrupted', 'etcd answered without saying at which revision');
  const { revision }: Header = header;
  return { revision, entries, more, count };
}

const none: Buffer = Buffer.alloc(0);

/** `mvccpb.KeyValue`, which also lies in etcd's database file. */
export function readKeyValue(bytes: Buffer): EtcdEntry {
  const entry = { key: none, value: none, modRevision: 0n, createRevision: 0n, version: 0n };
  readFields(bytes, {
    whole(number, value) {
      if (number === 2) entry.createRevision = signed(value);
      else if (number === 3) entry.modRevision = signed(value);
      else if (number === 4) entry.version = signed(value);
    },
    bytes(number, value) {
      if (number === 1) entry.key = value;
      else if (number === 5) entry.value = value;
    },
  });
  return entry;
}

export function readStatusResponse(bytes: Buffer): EndpointStatus {
  const wholes = new Map<number, bigint>();
  const errors: string[] = [];
  let [header, version]: [Header, string] = [readHeader(none), ''];
  readFields(bytes, {
    whole: (number, value) => wholes.set(number, value),
    bytes(number, value) {
      if (number === 1) header = readHeader(value);
      else if (number === 2) version = value.toString();
      else if (number === 8) errors.push(value.toString());
    },
  });
  return {
    version,
    dbSize: signed(wholes.get(3)),
    dbSizeInUse: signed(wholes.get(9)),
    isLeader: header.memberId !== 0n && wholes.get(4) === header.memberId,
    isLearner: (wholes.get(10) ?? 0n) !== 0n,
    memberId: idOf(header.memberId),
    clusterId: idOf(header.clusterId),
    revision: header.revision,
    errors,
  };
}

export function readMembers(bytes: Buffer): readonly EtcdMember[] {
  return readRepeated(bytes, (member) => {
    const [peerUrls, clientUrls]: [string[], string[]] = [[], []];
    let [id, name, isLearner] = [0n, '', false];
    readFields(member, {
      whole(number, value) {
        if (number === 1) id = value;
        else if (number === 5) isLearner = value !== 0n;
      },
      bytes(number, value) {
        if (number === 2) name = value.toString();
        else if (number === 3) peerUrls.push(value.toString());
        else if (number === 4) clientUrls.push(value.toString());
      },
    });
    return { id: idOf(id), name, peerUrls, clientUrls, isLearner };
  });
}

const alarms: readonly (EtcdAlarm['alarm'] | undefined)[] = [undefined, 'no-space', 'corrupt'];

export function readAlarms(bytes: Buffer): readonly EtcdAlarm[] {
  return readRepeated(bytes, (member) => {
    const wholes = new Map<number, bigint>();
    readFields(member, { whole: (number, value) => wholes.set(number, value) });
    return { memberId: idOf(wholes.get(1) ?? 0n), alarm: alarms[Number(wholes.get(2) ?? 0n)] ?? 'unknown' };
  });
}

export function readSnapshotResponse(bytes: Buffer): SnapshotPiece {
  let [remaining, blob] = [0n, none];
  readFields(bytes, {
    whole(number, value) {
      if (number === 2) remaining = value;
    },
    bytes(number, value) {
      if (number === 3) blob = value;
    },
  });
  return { blob, remaining };
}

/** Field 2 of MemberListResponse and AlarmResponse. */
function readRepeated<T>(bytes: Buffer, read: (one: Buffer) => T): readonly T[] {
  const all: T[] = [];
  readFields(bytes, {
    bytes(number, value) {
      if (number === 2) all.push(read(value));
    },
  });
  return all;
}

function signed(value = 0n): bigint {
  return BigInt.asIntN(64, value);
}

function idOf(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
