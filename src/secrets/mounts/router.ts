// Finds the mount of a request path and keeps its engine open: one engine per mount, opened at first use.

import { Fault } from '../../base/fault.ts';
import type { Contract } from '../../schema/contract.ts';
import { type CompiledContract, compileContract } from '../../schema/routes.ts';
import type { EngineKind, Host, OpenEngine } from '../core/engine.ts';
import { type MountRecord, type MountTable, requestPath } from './record.ts';

export interface Mounted {
  readonly record: MountRecord;
  /** As requests name it: `auth/token/`, `secret/`. */
  readonly path: string;
  readonly engine: OpenEngine;
  readonly routes: CompiledContract;
}

export interface Router {
  /** undefined when nothing is mounted there. The path may lack the mount's trailing slash. */
  find(table: MountTable, path: string): Mounted | undefined | Promise<Mounted>;
  /** The engine of a record that may no longer be in the table. */
  open(record: MountRecord): Promise<Mounted>;
  /** The record alone, without opening its engine. */
  locate(table: MountTable, path: string): MountRecord | undefined;
  /** Closes every engine; the next request opens it again. */
  close(): Promise<void>;
}

export interface RouterParts {
  readonly kinds: ReadonlyMap<string, EngineKind>;
  /** `current` gives the record as requests saw it last: tuning and moving replace it. */
  readonly hostFor: (current: () => MountRecord) => Host;
}

interface Opened {
  readonly mounted: Mounted;
  /** Which version of the engine was opened. */
  readonly options: string;
}

export function createRouter({ kinds, hostFor }: RouterParts): Router {
  const byTable = new WeakMap<MountTable, ReadonlyMap<string, MountRecord>>();
  const open = new Map<string, Promise<Opened>>();
  /** What a record became last: saves two lookups and an await on the way of each request. */
  const settled = new WeakMap<MountRecord, Mounted>();

  const latest = new Map<string, MountRecord>();

  const indexed = (table: MountTable): ReadonlyMap<string, MountRecord> => {
    const known = byTable.get(table);
    if (known !== undefined) return known;
    const index = new Map(table.mounts.map((record) => [requestPath(record), record]));
    byTable.set(table, index);
    return index;
  };

  const openEngine = async (record: MountRecord, options: string): Promise<Opened> => {
    const kind = kinds.get(record.type);
    if (kind === undefined) throw new Fault('unavailable', `the engine type of ${requestPath(record)} is not built into this server`);
    const engine = await kind.open(hostFor(() => latest.get(record.uuid) ?? record));
    return { mounted: { record, path: requestPath(record), engine, routes: compiled(engine.contract) }, options };
  };

  const settle = async (record: MountRecord): Promise<Mounted> => {
    latest.set(record.uuid, record);
    const options = JSON.stringify(record.options);
    let opened = open.get(record.uuid);
    if (opened !== undefined && (await opened).options !== options) {
      await (await opened).mounted.engine.close?.();
      opened = undefined;
    }
    if (opened === undefined) {
      opened = openEngine(record, options);
      open.set(record.uuid, opened);
      opened.catch(() => open.delete(record.uuid));
    }
    const mounted = { ...(await opened).mounted, record, path: requestPath(record) };
    settled.set(record, mounted);
    return mounted;
  };

  const locate = (table: MountTable, path: string): MountRecord | undefined => {
    const index = indexed(table);
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const record = index.get(path.slice(0, slash + 1));
      if (record !== undefined) return record;
    }
    return index.get(`${path}/`);
  };

  return {
    locate,
    find(table, path) {
      const record = locate(table, path);
      return record === undefined ? undefined : (settled.get(record) ?? settle(record));
    },
    open: async (record) => settled.get(record) ?? settle(record),
    async close() {
      const all = [...open.values()];
      open.clear();
      for (const opened of all) await (await opened).mounted.engine.close?.();
    },
  };
}

/** Contracts are few and never change; compiling one takes longer than a request. */
const contracts = new WeakMap<Contract, CompiledContract>();

function compiled(contract: Contract): CompiledContract {
  const known = contracts.get(contract);
  if (known !== undefined) return known;
  const made = compileContract(contract);
  contracts.set(contract, made);
  return made;
}
