// What is written down before it is done: which change is under way, all that is needed to take it up again, and how far it came.

/** `running` is the only state in which there is something to do. */
export type JournalState = 'running' | 'aborting' | 'finished' | 'aborted';

export interface JournalRecord {
  /** Format version. */
  readonly version: 1;
  /** Of the plan. */
  readonly id: string;
  /** Which program reads `change`: `etcd-encryption`. */
  readonly kind: string;
  readonly state: JournalState;
  /** All that the plan is made of again; JSON. May hold keys. */
  readonly change: unknown;
  /** Name of the step that was begun last. */
  readonly step?: string | undefined;
  /** Of that step alone: where it goes on, a cursor for one; JSON. */
  readonly mark?: unknown;
  /** A step from which on it can only go forward was begun once: the plan may stand at an earlier one again, to do it anew. */
  readonly forward?: true | undefined;
  /** RFC 3339, of the last entry; for people, nothing is decided by it. */
  readonly at: string;
}

/** The newest record counts. */
export interface Journal {
  /** undefined when there never was one. Throws Fault `corrupted` for what is no record, `storage-failed` when it cannot be read. */
  read(signal: AbortSignal): Promise<JournalRecord | undefined>;
  /** Durable when it resolves. Throws Fault `storage-failed` or `unavailable`. */
  write(record: JournalRecord, signal: AbortSignal): Promise<void>;
}

export function memoryJournal(first?: JournalRecord): Journal {
  let record = first;
  return {
    read: async () => record,
    write: async (next) => {
      record = structuredClone(next);
    },
  };
}
