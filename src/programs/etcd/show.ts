// What `casemate etcd` prints while it works and at its end: for people on a terminal, in lines elsewhere, as JSON for machines.

import { Ending } from '../../cli/ending.ts';
import { createProgress, type Progress } from '../../cli/output/progress.ts';
import type { EncryptionChange } from '../../etcd/manager/change.ts';
import { phases } from '../../etcd/manager/change.ts';
import type { Plan, StepProgress } from '../../journal/plan.ts';

export type Format = 'table' | 'json';

export function formatOf(given: string | undefined): Format {
  if (given === 'table' || given === 'json') return given;
  throw new Ending(`there is no format ${JSON.stringify(given)} here; use table or json`);
}

export interface Shown {
  report(progress: StepProgress): void;
  note(text: string): void;
  /** A result: one JSON document, or what `people` prints. */
  result(value: unknown, people: () => string): void;
}

/** Milliseconds between two JSON lines of one step. */
const linesEvery = 2_000;

/** Progress goes to stderr and results to stdout, so that results can be piped. */
export function shownAs(format: Format): Shown {
  const bars = stepBars();
  let step = '';
  let last = 0;
  const line = (text: string) => {
    bars.clear();
    process.stderr.write(`${text}\n`);
  };
  return {
    note: (text) => (format === 'json' ? line(JSON.stringify({ note: text })) : line(text)),
    report(progress) {
      const first = progress.step !== step;
      const counted = progress.done !== undefined;
      step = progress.step;
      if (first || !counted) bars.end();
      if (format === 'table') return counted ? bars.advance(progress) : line(`${progress.step.padEnd(stepWidth)} ${progress.note}`);
      const now = performance.now();
      if (!first && counted && now - last < linesEvery) return;
      last = now;
      line(JSON.stringify(progress));
    },
    result(value, people) {
      bars.end();
      process.stdout.write(`${format === 'json' ? JSON.stringify(value, undefined, 2) : people()}\n`);
    },
  };
}

const stepWidth = 20;

/** One bar after the other: each step that counts has its own. */
function stepBars() {
  const output = { isTerminal: process.stderr.isTTY === true, write: (text: string | Uint8Array) => void process.stderr.write(text) };
  // A terminal of no known width has 0.
  const width = () => process.stderr.columns || 80;
  let bar: Progress | undefined;
  let complete = false;
  return {
    advance({ step, note, done = 0, total }: StepProgress) {
      bar ??= createProgress({ output, format: 'text', title: step, now: () => performance.now(), width });
      complete = total === undefined || done >= total;
      bar.advance({ done, total, note });
    },
    clear: () => bar?.clear(),
    /** What was waited for leaves no bar behind: it would stay at what was not there yet. */
    end() {
      if (complete) bar?.end();
      else bar?.clear();
      bar = undefined;
    },
  };
}

/** Keys are shown by their name alone. */
export function maskedConfig(text: string): string {
  return text.replace(/^(\s*(?:- )?"?secret"?:\s*).*$/gm, '$1"<32 bytes>"');
}

export function planText(plan: Plan, change: EncryptionChange): string {
  const seconds = plan.steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0);
  const steps = plan.steps.map(({ name, title, seconds: each, pointOfNoReturn }, index) => {
    const mark = pointOfNoReturn === true ? '  (from here on it can only go forward)' : '';
    return `${String(index + 1).padStart(3)}. ${name.padEnd(22)} ${title}${each === undefined ? '' : `, about ${each} s`}${mark}`;
  });
  const configs =
    change.kind === 'key-encryption-key'
      ? []
      : phases.map(
          (phase) => `The configuration in the phase ${phase}:\n\n${maskedConfig(change.configs[phase]).replace(/^/gm, '  ').trimEnd()}`,
        );
  return [`To ${plan.title}:`, steps.join('\n'), `About ${seconds} s, and the time of the rewrite.`, ...configs].join('\n\n');
}

export function planValue(plan: Plan, change: EncryptionChange): unknown {
  return {
    id: plan.id,
    title: plan.title,
    seconds: plan.steps.reduce((sum, step) => sum + (step.seconds ?? 0), 0),
    steps: plan.steps.map(({ name, title, seconds, pointOfNoReturn }) => ({
      name,
      title,
      seconds,
      point_of_no_return: pointOfNoReturn === true,
    })),
    configurations: Object.fromEntries(phases.map((phase) => [phase, maskedConfig(change.configs[phase])])),
  };
}
