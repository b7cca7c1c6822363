// Takes a plan through its steps, from wherever it was left: written down before it is done, and looked at after.

import { Fault } from '../base/fault.ts';
import type { Journal, JournalRecord, JournalState } from './journal.ts';
import type { Plan, Report, Step } from './plan.ts';

export interface RunOptions {
  readonly journal: Journal;
  readonly kind: string;
  /** What the plan is made of again; JSON. */
  readonly change: unknown;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  readonly report: Report;
}

/** What a step may keep for the time after an interruption. */
export interface Marks {
  /** Of the step that was under way when the plan was left; undefined for any other. */
  of(step: string): unknown;
  /** Durable when it resolves. */
  keep(step: string, mark: unknown, signal: AbortSignal): Promise<void>;
}

/** `seen`: what was there already, without anything being done. */
export interface Outcome {
  readonly step: string;
  readonly outcome: 'done' | 'seen';
}

/**
 * Runs what is not done yet. Rejects with the Fault of the step that could not go on; calling it again with the same plan goes on
 * there. Throws Fault `conflict` when a step says that it has run and the world says that it has not.
 */
export async function resume(plan: Plan, options: RunOptions, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { journal, report } = options;
  const outcomes: Outcome[] = [];
  const last = plan.steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn === true);
  await enter(options, plan, 'running', undefined, signal);
  for (const [index, step] of plan.steps.entries()) {
    signal.throwIfAborted();
    if (await step.done(signal)) {
      report({ step: step.name, note: 'is done' });
      outcomes.push({ step: step.name, outcome: 'seen' });
      continue;
    }
    const before = await journal.read(signal);
    const own = before?.id === plan.id ? before : undefined;
    const mark = own?.step === step.name ? own.mark : undefined;
    const forward = own?.forward === true || (last !== -1 && index >= last) || isPast(plan, own?.step, last) ? true : undefined;
    await enter(options, plan, 'running', { step: step.name, mark, forward }, signal);
    report({ step: step.name, note: step.title });
    await step.run(report, signal);
    if (!(await step.done(signal)))
      throw new Fault('conflict', `the step ${step.name} ran, and what it did is gone again: somebody else changes the same thing`);
    outcomes.push({ step: step.name, outcome: 'done' });
  }
  await enter(options, plan, 'finished', undefined, signal);
  return outcomes;
}

/**
 * Undoes what was done, the last step first. Throws Fault `usage` when the plan is past the point from which it can only go
 * forward, or when the journal stands at a step that the plan does not have; nothing is changed then.
 */
export async function abort(plan: Plan, options: RunOptions, signal: AbortSignal): Promise<void> {
  const { journal, report } = options;
  const record = await journal.read(signal);
  const at = record?.id === plan.id ? record.step : undefined;
  const reached = plan.steps.findIndex(({ name }) => name === at);
  const last = plan.steps.findIndex(({ pointOfNoReturn }) => pointOfNoReturn === true);
  if (at !== undefined && reached === -1)
    throw new Fault('usage', `the journal stands at ${at}, which is no step of this plan, so nobody knows whether it may be taken back`);
  const forward = record?.id === plan.id && record.forward === true;
  if (record?.state !== 'aborting' && last !== -1 && (forward || reached >= last))
    throw new Fault('usage', `it is too late to abort: ${lastTitle(plan.steps[last])} has begun; resume it, and then change back`);
  await enter(options, plan, 'aborting', at === undefined ? undefined : { step: at }, signal);
  // Not only up to the step of the journal: a copy of it may be older than what was done.
  for (const step of plan.steps.slice(0, last === -1 ? undefined : last).toReversed()) {
    signal.throwIfAborted();
    if (step.undo === undefined) continue;
    report({ step: step.name, note: `undoing: ${step.title}` });
    await step.undo(report, signal);
  }
  await enter(options, plan, 'aborted', undefined, signal);
}

/** Marks of one journal, for the steps of a plan that runs on it. */
export function marksIn({ journal, kind, change, now }: Omit<RunOptions, 'report'>, id: string, first: JournalRecord | undefined): Marks {
  return {
    of: (step) => (first?.id === id && first.step === step ? first.mark : undefined),
    async keep(step, mark, signal) {
      const record = await journal.read(signal);
      const forward = record?.id === id ? record.forward : undefined;
      await journal.write({ version: 1, id, kind, state: 'running', change, step, mark, forward, at: timeOf(now) }, signal);
    },
  };
}

/** Journals that were written before `forward` was have their step alone. */
function isPast({ steps }: Plan, step: string | undefined, last: number): boolean {
  return last !== -1 && steps.findIndex(({ name }) => name === step) >= last;
}

function lastTitle(step: Step | undefined): string {
  return JSON.stringify(step?.title ?? '');
}

async function enter(
  { journal, kind, change, now }: RunOptions,
  { id }: Plan,
  state: JournalState,
  at: Pick<JournalRecord, 'step' | 'mark' | 'forward'> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const previous = at ?? (await keptPlace(journal, id, state, signal));
  await journal.write({ version: 1, id, kind, state, change, ...previous, at: timeOf(now) }, signal);
}

/** A plan that is taken up keeps its place until a step begins: an abort must know how far it came. */
async function keptPlace(journal: Journal, id: string, state: JournalState, signal: AbortSignal) {
  if (state === 'finished' || state === 'aborted') return {};
  const record = await journal.read(signal);
  return record?.id === id ? { step: record.step, mark: record.mark, forward: record.forward } : {};
}

function timeOf(now: () => number): string {
  return new Date(now()).toISOString();
}
