// The stored table of audit devices and request headers, and how declared devices get into it.

import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import type { Reveal } from './network-options.ts';
import { type DeviceType, deviceType } from './opening.ts';
import type { DeviceOptions } from './options.ts';

export interface DeviceRecord {
  /** With the trailing slash. */
  readonly path: string;
  readonly type: DeviceType;
  readonly description: string;
  readonly options: DeviceOptions;
  readonly local: boolean;
  /** Base64; keys the hashes of this device. */
  readonly salt: string;
  /** It comes from the configuration, and goes with it. */
  readonly declared?: true;
}

/** A device that the configuration names: the operator's own, so it may write anywhere. */
export interface DeclaredDevice {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly options: DeviceOptions;
  /** Follows `env://NAME` and `file:///PATH` in options that may be secrets; what it gives is never stored. */
  readonly reveal?: Reveal;
}

export interface Table {
  readonly format: 1;
  readonly devices: readonly DeviceRecord[];
  /** Lower-case header names; true: hashed. */
  readonly headers: Readonly<Record<string, boolean>>;
}

export const tableKey = 'core/audit';
export const emptyTable: Table = { format: 1, devices: [], headers: {} };

/** Throws Fault `corrupted`. */
export function decodeTable(bytes: Uint8Array): Table {
  const table = JSON.parse(Buffer.from(bytes).toString()) as Table;
  if (table.format !== 1)
    throw new Fault('corrupted', 'the table of audit devices was written by a newer version; start that version again');
  return table;
}

/**
 * Those of the API stay; declared ones keep the salt they had, so that old hashes can still be compared. What another
 * configuration declares stays for that reason too. Throws Fault `invalid-request` for a type that there is not.
 */
export function withDeclared(table: Table, declared: readonly DeclaredDevice[], random: RandomBytes): Table {
  const names = new Set(declared.map(({ path }) => path));
  const others = table.devices.filter(({ path }) => !names.has(path));
  const own = declared.map(({ path, type, description, options }): DeviceRecord => {
    const salt = table.devices.find((record) => record.path === path)?.salt ?? Buffer.from(random(32)).toString('base64');
    return { path, type: deviceType(type), description, options, local: false, salt, declared: true };
  });
  return { ...table, devices: [...others, ...own] };
}

/** The table as one process sees it: what other configurations declare is for their processes. */
export function seenFrom(table: Table, own: ReadonlySet<string>): Table {
  return { ...table, devices: table.devices.filter(({ path, declared }) => declared !== true || own.has(path)) };
}

/** Throws Fault `invalid-request` where one path lies in the other. */
export function checkFree(devices: readonly DeviceRecord[], wanted: string): void {
  if (devices.some(({ path }) => path.startsWith(wanted) || wanted.startsWith(path)))
    throw new Fault('invalid-request', 'path already in use');
}
