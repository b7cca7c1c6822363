// A journal's record as text, and back: strict, since what stands in it decides over keys.

import { Fault } from '../base/fault.ts';
import type { JournalRecord, JournalState } from './journal.ts';

const states: readonly JournalState[] = ['running', 'aborting', 'finished', 'aborted'];

export function textOfRecord(record: JournalRecord): string {
  return `${JSON.stringify(record, undefined, 1)}\n`;
}

/** Throws Fault `corrupted` with the place, and `usage` for one that a newer version wrote. */
export function recordOfText(text: string, place: string): JournalRecord {
  const record = parsed(text, place);
  if (record.version !== 1)
    throw new Fault(
      'usage',
      `the journal ${place} is of format ${JSON.stringify(record.version)}: a newer Casemate wrote it, use that one`,
    );
  const { id, kind, state, change, at } = record;
  const whole = typeof id === 'string' && typeof kind === 'string' && typeof at === 'string' && change !== undefined;
  if (!whole || !states.includes(state as JournalState)) throw new Fault('corrupted', `the journal ${place} is damaged`);
  return record as JournalRecord;
}

function parsed(text: string, place: string): Partial<Record<keyof JournalRecord, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told in one way, whatever is wrong with it; a parser's message could show what stands in it.
  }
  throw new Fault('corrupted', `the journal ${place} is damaged`);
}
