// The table of audit devices, and the trail that writes each request to all of them side by side.

import { isAbsolute, relative, resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { RandomBytes } from '../../base/random.ts';
import { type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { AuditTrail, Life } from '../core/life.ts';
import { auditLine, hashed, type LineOptions } from './line.ts';
import { openSink, type Sink } from './sink.ts';

export interface DeviceRecord {
  /** With the trailing slash. */
  readonly path: string;
  readonly type: 'file';
  readonly description: string;
  readonly options: Readonly<Record<string, string>>;
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
  readonly options: Readonly<Record<string, string>>;
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
    readonly options: Readonly<Record<string, string>>;
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
}

interface Device {
  readonly record: DeviceRecord;
  readonly sink: Sink;
  readonly salt: KeyObject;
  readonly line: Omit<LineOptions, 'headers'>;
}

const tableKey = 'core/audit';
const deadline = 5_000;
const empty: Table = { format: 1, devices: [], headers: {} };

export function createDevices(parts: DeviceParts): AuditDevices {
  const { storage, clock, log } = parts;
  let table = empty;
  let headers: ReadonlyMap<string, boolean> = new Map();
  let devices: Device[] = [];

  const write = async (type: 'request' | 'response', life: Life): Promise<void> => {
    const now = clock.now();
    const results = await Promise.allSettled(
      devices.map(async ({ sink, line }) => sink.append(auditLine(type, life, now, { ...line, headers }))),
    );
    const failed = results.flatMap((result, at) =>
      result.status === 'rejected' ? [{ device: devices[at]?.record.path, error: result.reason as unknown }] : [],
    );
    for (const failure of failed) log.error('an audit device did not take a line', failure);
    // Fails closed: what nobody could write down does not happen, or is not answered.
    if (devices.length > 0 && failed.length === devices.length) throw new Fault('internal', 'internal error');
  };
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
          devices.push(await openDevice(record));
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
      await Promise.allSettled(devices.map(({ sink }) => sink.reopen()));
    },
    list: () => table.devices,
    async enable(wanted) {
      if (wanted.type !== 'file')
        throw new Fault(
          'invalid-request',
          `unknown backend type: ${JSON.stringify(wanted.type)}: ${JSON.stringify(wanted.type)} is not supported yet, use file`,
        );
      if (table.devices.some(({ path }) => path.startsWith(wanted.path) || wanted.path.startsWith(path)))
        throw new Fault('invalid-request', 'path already in use');
      const options = { ...wanted.options, file_path: allowedPath(wanted.options, parts.directory) };
      const record: DeviceRecord = { ...wanted, type: 'file', options, salt: Buffer.from(parts.random(32)).toString('base64') };
      const device = await openDevice(record);
      try {
        await change((before) => ({ ...before, devices: [...before.devices, record] }));
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
    headers: () => table.headers,
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

async function openDevice(record: DeviceRecord): Promise<Device> {
  const { options } = record;
  const salt = keyFromBytes(Buffer.from(record.salt, 'base64'));
  const mode = options['mode'] === undefined ? 0o600 : Number.parseInt(options['mode'], 8);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
    throw new Fault('invalid-request', 'the option mode must be an octal number such as 0600');
  // OpenBao reads mode 0000 as "leave the file's mode as it is"; private is the safer reading.
  const sink = await openSink({ path: options['file_path'] ?? 'stdout', mode: mode === 0 ? 0o600 : mode, deadline });
  return {
    record,
    sink,
    salt,
    line: {
      salt,
      raw: options['log_raw'] === 'true',
      hmacAccessor: options['hmac_accessor'] !== 'false',
      elideListResponses: options['elide_list_responses'] === 'true',
      prefix: options['prefix'] ?? '',
    },
  };
}

/** Whoever may enable a device through the API must not get to write files anywhere (CVE-2025-54997). */
function allowedPath(options: Readonly<Record<string, string>>, directory: string | undefined): string {
  const wanted = options['file_path'] ?? options['path'];
  if (wanted === undefined || wanted === '') throw new Fault('invalid-request', 'file_path is required');
  if (wanted === 'stdout') return wanted;
  if (directory === undefined)
    throw new Fault(
      'invalid-request',
      'audit files can be enabled only where the configuration names a directory for them: set audit_directory, or use file_path=stdout',
    );
  const full = isAbsolute(wanted) ? resolve(wanted) : resolve(directory, wanted);
  const inside = relative(resolve(directory), full);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside))
    throw new Fault('invalid-request', 'the audit file must lie below the directory that the configuration names in audit_directory');
  return full;
}

function decode(bytes: Uint8Array): Table {
  const table = JSON.parse(Buffer.from(bytes).toString()) as Table;
  if (table.format !== 1)
    throw new Fault('corrupted', 'the table of audit devices was written by a newer version; start that version again');
  return table;
}
