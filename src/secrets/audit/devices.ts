// The table of audit devices, and the trail that writes each request to all of them side by side.

import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { RandomBytes } from '../../base/random.ts';
import { type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AuditTrail, Life } from '../core/life.ts';
import { auditLine, hashed, type LineOptions, testLine } from './line.ts';
import { allowedPath, type DeviceOptions, readOptions } from './options.ts';
import { openSink, type Sink, type SinkOptions } from './sink.ts';

export interface DeviceRecord {
  /** With the trailing slash. */
  readonly path: string;
  readonly type: 'file';
  readonly description: string;
  readonly options: DeviceOptions;
  readonly local: boolean;
  /** Base64; keys the hashes of this device. */
  readonly salt: string;
  /** It comes from the configuration, and goes with it. */
  readonly declared?: true;
}

/** A device that the configuration names: the operator's own, so its file may lie anywhere. */
export interface DeclaredDevice {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly options: DeviceOptions;
}

interface Table {
  readonly format: 1;
  readonly devices: readonly DeviceRecord[];
  /** Lower-case header names; true: hashed. */
  readonly headers: Readonly<Record<string, boolean>>;
}

export interface AuditDevices extends AuditTrail {
  /** Takes over what the configuration declares and opens all devices. Throws Fault `unavailable` when none can be opened. */
  start(declared: readonly DeclaredDevice[]): Promise<void>;
  stop(): Promise<void>;
  reopen(): Promise<void>;
  list(): readonly DeviceRecord[];
  enable(device: {
    readonly path: string;
    readonly type: string;
    readonly description: string;
    readonly options: DeviceOptions;
    readonly local: boolean;
  }): Promise<void>;
  disable(path: string): Promise<void>;
  /** Throws Fault `invalid-request` for a device that is not there. */
  hash(path: string, input: string): string;
  headers(): Readonly<Record<string, boolean>>;
  setHeader(name: string, hmac: boolean | undefined): Promise<void>;
}

export interface DeviceParts {
  readonly storage: Storage;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly log: Log;
  /** Files may be made below it through the API; undefined: nowhere but standard output. */
  readonly directory: string | undefined;
  /** Milliseconds that a device may take for a line. */
  readonly deadline?: number;
  /** Opens what devices write to; files, but for tests. */
  readonly openTarget?: SinkOptions['open'];
}

interface Device {
  readonly record: DeviceRecord;
  readonly sink: Sink;
  readonly salt: KeyObject;
  readonly line: Omit<LineOptions, 'headers'>;
  /** Lines that it did not take since it last took one. */
  missed: number;
}

const tableKey = 'core/audit';
const defaultDeadline = 5_000;
const empty: Table = { format: 1, devices: [], headers: {} };

export function createDevices(parts: DeviceParts): AuditDevices {
  const { storage, clock, log } = parts;
  let table = empty;
  let headers: ReadonlyMap<string, boolean> = new Map();
  let devices: Device[] = [];

  /** Resolves to whether it took the line. Says so in the log when that changes, not at each line. */
  const writeTo = async (device: Device, line: string): Promise<boolean> => {
    const { record, sink } = device;
    try {
      await sink.append(line);
    } catch (thrown) {
      if (device.missed === 0) log.error('an audit device does not take lines', { device: record.path, error: thrown });
      device.missed += 1;
      return false;
    }
    if (device.missed > 0) log.info('an audit device takes lines again', { device: record.path, missed: device.missed });
    device.missed = 0;
    return true;
  };
  const write = async (type: 'request' | 'response', life: Life): Promise<void> => {
    const now = clock.now();
    const taken = await Promise.all(devices.map((device) => writeTo(device, auditLine(type, life, now, { ...device.line, headers }))));
    // Fails closed: what nobody could write down does not happen, or is not answered.
    if (taken.length > 0 && !taken.includes(true)) throw new Fault('internal', 'internal error');
  };
  const open = (record: DeviceRecord) => openDevice(record, parts);
  const change = async (edit: (before: Table) => Table): Promise<void> => {
    table = await storage.transact(async (transaction) => {
      const stored = await transaction.get(tableKey);
      const after = edit(stored === undefined ? empty : decode(stored));
      transaction.put(tableKey, Buffer.from(JSON.stringify(after)));
      return after;
    });
    headers = new Map(Object.entries(table.headers));
  };

  return {
    get active() {
      return devices.length > 0;
    },
    request: (life) => write('request', life),
    response: (life) => write('response', life),
    async start(declared) {
      const stored = await storage.get(tableKey);
      table = stored === undefined ? empty : decode(stored);
      headers = new Map(Object.entries(table.headers));
      if (declared.length > 0 || table.devices.some((record) => record.declared === true))
        await change((before) => ({ ...before, devices: withDeclared(before.devices, declared, parts.random) }));
      for (const record of table.devices) {
        try {
          devices.push(await open(record));
        } catch (thrown) {
          log.error('an audit device cannot be opened', { device: record.path, error: thrown });
        }
      }
      if (table.devices.length > 0 && devices.length === 0)
        throw new Fault('unavailable', 'none of the audit devices can be opened, so nothing may be answered; the log says why');
    },
    async stop() {
      const before = devices;
      devices = [];
      await Promise.allSettled(before.map(({ sink }) => sink.close()));
    },
    async reopen() {
      const results = await Promise.allSettled(devices.map(({ sink }) => sink.reopen()));
      const failed = results.flatMap((result, at) =>
        result.status === 'rejected' ? [{ device: devices[at]?.record.path, error: result.reason as unknown }] : [],
      );
      for (const failure of failed) log.error('an audit file cannot be opened anew; its lines go to the old one', failure);
      if (failed.length > 0) throw new Fault('unavailable', 'not all audit files could be opened anew; the log says which and why');
    },
    list: () => table.devices,
    async enable(wanted) {
      if (wanted.type !== 'file')
        throw new Fault(
          'invalid-request',
          `unknown backend type: ${JSON.stringify(wanted.type)}: ${JSON.stringify(wanted.type)} is not supported yet, use file`,
        );
      if (wanted.path === '/') throw new Fault('invalid-request', 'backend path must be specified');
      checkFree(table.devices, wanted.path);
      const options = { ...wanted.options, file_path: await allowedPath(wanted.options, parts.directory) };
      const record: DeviceRecord = { ...wanted, type: 'file', options, salt: Buffer.from(parts.random(32)).toString('base64') };
      const device = await open(record);
      try {
        await probe(device, clock.now());
        await change((before) => {
          checkFree(before.devices, record.path);
          return { ...before, devices: [...before.devices, record] };
        });
      } catch (thrown) {
        await device.sink.close();
        throw thrown;
      }
      devices = [...devices, device];
    },
    async disable(path) {
      const gone = devices.find(({ record }) => record.path === path);
      const known = table.devices.find((record) => record.path === path);
      if (known === undefined) return;
      if (known.declared === true)
        throw new Fault('invalid-request', 'this device is declared in the configuration; take it out there and start again');
      await change((before) => ({ ...before, devices: before.devices.filter((record) => record.path !== path) }));
      devices = devices.filter((device) => device !== gone);
      await gone?.sink.close();
    },
    hash(path, input) {
      const device = devices.find(({ record }) => record.path === path);
      if (device === undefined) throw new Fault('invalid-request', `unknown audit backend: ${JSON.stringify(path)}`);
      return hashed(device.salt, input);
    },
    // Without a prototype: whoever looks a name up finds what is there, and not `constructor`.
    headers: () => Object.assign(Object.create(null) as Record<string, boolean>, table.headers),
    setHeader: (name, hmac) =>
      change((before) => {
        const { [name.toLowerCase()]: _gone, ...others } = before.headers;
        return { ...before, headers: hmac === undefined ? others : { ...others, [name.toLowerCase()]: hmac } };
      }),
  };
}

/** Those of the API stay; declared ones keep the salt they had, so that old hashes can still be compared. */
function withDeclared(before: readonly DeviceRecord[], declared: readonly DeclaredDevice[], random: RandomBytes): DeviceRecord[] {
  const names = new Set(declared.map(({ path }) => path));
  const others = before.filter((record) => record.declared !== true && !names.has(record.path));
  return [
    ...others,
    ...declared.map(({ path, type, description, options }): DeviceRecord => {
      if (type !== 'file') throw new Fault('usage', `the audit device ${path} has type ${type}; there is file`);
      const salt = before.find((record) => record.path === path)?.salt ?? Buffer.from(random(32)).toString('base64');
      return { path, type, description, options, local: false, salt, declared: true };
    }),
  ];
}

function checkFree(devices: readonly DeviceRecord[], wanted: string): void {
  if (devices.some(({ path }) => path.startsWith(wanted) || wanted.startsWith(path)))
    throw new Fault('invalid-request', 'path already in use');
}

async function openDevice(record: DeviceRecord, { deadline = defaultDeadline, openTarget }: DeviceParts): Promise<Device> {
  const { path, mode, ...line } = readOptions(record.options);
  const salt = keyFromBytes(Buffer.from(record.salt, 'base64'));
  const sink = await openSink({ path, mode, deadline, open: openTarget, followLinks: record.declared === true });
  return { record, sink, salt, line: { ...line, salt }, missed: 0 };
}

/** Once it is enabled, nothing works without it, not even to disable it: so it has to take a line before. */
async function probe({ sink, line }: Device, now: number): Promise<void> {
  try {
    await sink.append(testLine(now, line));
  } catch (thrown) {
    throw new Fault('invalid-request', 'audit backend failed test message', { cause: thrown });
  }
}

function decode(bytes: Uint8Array): Table {
  const table = JSON.parse(Buffer.from(bytes).toString()) as Table;
  if (table.format !== 1)
    throw new Fault('corrupted', 'the table of audit devices was written by a newer version; start that version again');
  return table;
}
