// The table of audit devices, and the trail that writes each request to all of them side by side.

import type { Clock } from '../../base/clock.ts';
import { asFault, Fault } from '../../base/fault.ts';
import type { Log } from '../../base/log.ts';
import type { RandomBytes } from '../../base/random.ts';
import { type KeyObject, keyFromBytes } from '../../crypto/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Cached } from '../core/engine.ts';
import type { AuditTrail, Life } from '../core/life.ts';
import type { Metrics } from '../core/metrics.ts';
import { auditLine, hashed, type LineOptions, testLine } from './line.ts';
import type { Reveal } from './network-options.ts';
import { deviceType, type OpeningParts, openSinkOf } from './opening.ts';
import { allowedPath, readLineForm } from './options.ts';
import type { Sink } from './sink.ts';
import {
  checkFree,
  type DeclaredDevice,
  type DeviceRecord,
  decodeTable,
  emptyTable,
  seenFrom,
  type Table,
  tableKey,
  withDeclared,
} from './table.ts';

export interface AuditDevices extends AuditTrail {
  /** Takes over what the configuration declares and opens all devices. Throws Fault `unavailable` when none can be opened. */
  start(declared: readonly DeclaredDevice[]): Promise<void>;
  stop(): Promise<void>;
  /** Opens files and connections anew, and tries those that could not be opened before. */
  reopen(): Promise<void>;
  /** Takes over what another process has changed. The change feed has been compared before. */
  follow(): void | Promise<void>;
  list(): readonly DeviceRecord[];
  enable(device: Omit<DeclaredDevice, 'reveal'> & { readonly local: boolean }): Promise<void>;
  disable(path: string): Promise<void>;
  /** Throws Fault `invalid-request` for a device that is not there. */
  hash(path: string, input: string): string;
  headers(): Readonly<Record<string, boolean>>;
  setHeader(name: string, hmac: boolean | undefined): Promise<void>;
}

export interface DeviceParts {
  readonly storage: Storage;
  readonly cached: Cached;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'recorder' | 'increment'>;
  /** Files may be made below it through the API; undefined: nowhere but standard output. */
  readonly directory: string | undefined;
  /** Milliseconds that a file may take for a line. */
  readonly deadline?: number;
  /** Opens what file devices write to, for tests. */
  readonly openTarget?: OpeningParts['openTarget'];
}

interface Device {
  readonly record: DeviceRecord;
  readonly sink: Sink;
  readonly salt: KeyObject;
  readonly line: Omit<LineOptions, 'headers'>;
  readonly observe: (milliseconds: number) => void;
  /** Lines that it did not take since it last took one. */
  missed: number;
}

const defaultDeadline = 5_000;

export function createDevices(parts: DeviceParts): AuditDevices {
  const { storage, clock, log, metrics } = parts;
  let table = emptyTable;
  /** The table as the cache gave it last: the same object until it changes. */
  let seen: Table | undefined;
  let headers: ReadonlyMap<string, boolean> = new Map();
  let devices: Device[] = [];
  /** Paths of the devices that this process's configuration declares. */
  let own: ReadonlySet<string> = new Set();
  let reveals: ReadonlyMap<string, Reveal> = new Map();
  let following: Promise<void> | undefined;
  const observe = { request: metrics.recorder('vault_audit_log_request'), response: metrics.recorder('vault_audit_log_response') };

  /** Resolves to whether it took the line. Says so in the log when that changes, not at each line. */
  const writeTo = async (device: Device, line: string): Promise<boolean> => {
    const { record, sink } = device;
    const started = clock.monotonic();
    try {
      await sink.append(line);
    } catch (thrown) {
      if (device.missed === 0) log.error('an audit device does not take lines', { device: record.path, error: thrown });
      device.missed += 1;
      metrics.increment('vault_audit_device_failure', { device: record.path });
      return false;
    }
    device.observe(clock.monotonic() - started);
    if (device.missed > 0) log.info('an audit device takes lines again', { device: record.path, missed: device.missed });
    device.missed = 0;
    return true;
  };
  const write = async (type: 'request' | 'response', life: Life): Promise<void> => {
    const now = clock.now();
    const started = clock.monotonic();
    const taken = await Promise.all(devices.map((device) => writeTo(device, auditLine(type, life, now, { ...device.line, headers }))));
    observe[type](clock.monotonic() - started);
    // Fails closed: what nobody could write down does not happen, or is not answered.
    if (taken.includes(true) || table.devices.length === 0) return;
    metrics.increment(`vault_audit_log_${type}_failure`);
    throw new Fault('internal', 'internal error');
  };
  const open = async (record: DeviceRecord): Promise<Device> => {
    const { deadline = defaultDeadline, openTarget } = parts;
    const reveal = reveals.get(record.path) ?? asWritten;
    const salt = keyFromBytes(Buffer.from(record.salt, 'base64'));
    const line = { ...readLineForm(record.options), salt };
    const sink = await openSinkOf(record, { clock, deadline, reveal, openTarget });
    return { record, sink, salt, line, observe: metrics.recorder('vault_audit_device_log', { device: record.path }), missed: 0 };
  };
  const openOrSay = async (record: DeviceRecord): Promise<Device | undefined> => {
    try {
      return await open(record);
    } catch (thrown) {
      log.error('an audit device cannot be opened', { device: record.path, error: thrown });
      return undefined;
    }
  };
  const openMissing = async (): Promise<void> => {
    for (const record of table.devices) {
      if (devices.some((device) => device.record.salt === record.salt)) continue;
      const opened = await openOrSay(record);
      if (opened !== undefined) devices = [...devices, opened];
    }
  };
  const adopt = (after: Table): void => {
    table = seenFrom(after, own);
    headers = new Map(Object.entries(after.headers));
  };
  const change = async (edit: (before: Table) => Table): Promise<void> => {
    adopt(
      await storage.transact(async (transaction) => {
        const stored = await transaction.get(tableKey);
        const after = edit(stored === undefined ? emptyTable : decodeTable(stored));
        transaction.put(tableKey, Buffer.from(JSON.stringify(after)));
        return after;
      }),
    );
  };
  const takeOver = async (after: Table): Promise<void> => {
    seen = after;
    adopt(after);
    // A device that was disabled and enabled anew has another salt, and is another one.
    const gone = devices.filter((device) => !table.devices.some(({ salt }) => salt === device.record.salt));
    devices = devices.filter((device) => !gone.includes(device));
    await openMissing();
    await Promise.allSettled(gone.map(({ sink }) => sink.close()));
  };
  const followTo = (stored: Table | undefined): void | Promise<void> => {
    if (stored === undefined || stored === seen) return following;
    following = (following ?? Promise.resolve())
      .then(() => (stored === seen ? undefined : takeOver(stored)))
      .finally(() => {
        following = undefined;
      });
    return following;
  };

  return {
    get active() {
      return table.devices.length > 0;
    },
    request: (life) => write('request', life),
    response: (life) => write('response', life),
    follow() {
      const stored = parts.cached(tableKey, decodeTable);
      return stored instanceof Promise ? stored.then(followTo) : followTo(stored);
    },
    async start(declared) {
      reveals = new Map(declared.flatMap(({ path, reveal }) => (reveal === undefined ? [] : [[path, reveal] as const])));
      // Written even when it is empty: only what is there is remembered by the cache.
      own = new Set(declared.map(({ path }) => path));
      await change((before) => withDeclared(before, declared, parts.random));
      await openMissing();
      if (table.devices.length > 0 && devices.length === 0)
        throw new Fault('unavailable', 'none of the audit devices can be opened, so nothing may be answered; the log says why');
    },
    async stop() {
      const before = devices;
      devices = [];
      adopt(emptyTable);
      await Promise.allSettled(before.map(({ sink }) => sink.close()));
    },
    async reopen() {
      const before = devices;
      const results = await Promise.allSettled(before.map(({ sink }) => sink.reopen()));
      await openMissing();
      const failed = results.flatMap((result, at) =>
        result.status === 'rejected' ? [{ device: before[at]?.record.path, error: result.reason as unknown }] : [],
      );
      for (const failure of failed) log.error('an audit file cannot be opened anew; its lines go to the old one', failure);
      if (failed.length > 0 || devices.length < table.devices.length)
        throw new Fault('unavailable', 'not all audit devices could be opened anew; the log says which and why');
    },
    list: () => table.devices,
    async enable(wanted) {
      const type = deviceType(wanted.type);
      // Whoever may enable a device must not get to make the server speak to hosts of their choice.
      if (type !== 'file')
        throw new Fault(
          'invalid-request',
          `an audit device of type ${JSON.stringify(type)} cannot be enabled through the API; declare it in the configuration`,
        );
      if (wanted.path === '/') throw new Fault('invalid-request', 'backend path must be specified');
      checkFree(table.devices, wanted.path);
      const options = { ...wanted.options, file_path: await allowedPath(wanted.options, parts.directory) };
      const record: DeviceRecord = { ...wanted, type, options, salt: Buffer.from(parts.random(32)).toString('base64') };
      const device = await open(record);
      try {
        await probe(device, clock.now());
        devices = [...devices, device];
        await change((before) => {
          checkFree(seenFrom(before, own).devices, record.path);
          return { ...before, devices: [...before.devices, record] };
        });
      } catch (thrown) {
        devices = devices.filter((one) => one !== device);
        await device.sink.close();
        throw thrown;
      }
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
      const record = table.devices.find((one) => one.path === path);
      if (record === undefined) throw new Fault('invalid-request', `unknown audit backend: ${JSON.stringify(path)}`);
      return hashed(keyFromBytes(Buffer.from(record.salt, 'base64')), input);
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

function asWritten(text: string): string {
  return text;
}

/** Once it is enabled, nothing works without it, not even to disable it: so it has to take a line before. */
async function probe({ sink, line }: Device, now: number): Promise<void> {
  try {
    await sink.append(testLine(now, line));
  } catch (thrown) {
    throw new Fault('invalid-request', 'audit backend failed test message', { cause: asFault(thrown) });
  }
}
