// What `casemate etcd` prints while it works and at its end: for people on a terminal, in lines elsewhere, as JSON for machines.

import { Ending } from '../../cli/ending.ts';
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

const barWidth = 30;
const linesEvery = 2_000;

/** Progress goes to stderr and results to stdout, so that results can be piped. */
export function shownAs(format: Format): Shown {
  const terminal = process.stderr.isTTY === true && format === 'table';
  let open = false;
  let step = '';
  let last = 0;
  const line = (text: string) => {
    if (open) process.stderr.write('\r\u001b[K');
    open = false;
    process.stderr.write(`${text}\n`);
  };
  return {
    note: (text) => (format === 'json' ? line(JSON.stringify({ note: text })) : line(text)),
    report(progress) {
      const first = progress.step !== step;
      const counted = progress.done !== undefined;
      const now = performance.now();
      if (!first && counted && !terminal && now - last < linesEvery) return;
      step = progress.step;
      last = now;
      if (format === 'json') return line(JSON.stringify(progress));
      const text = textOf(progress);
      if (!terminal || !counted) return line(text);
      process.stderr.write(`\r\u001b[K${text}`);
      open = true;
    },
    result(value, people) {
      if (open) process.stderr.write('\n');
      open = false;
      process.stdout.write(`${format === 'json' ? JSON.stringify(value, undefined, 2) : people()}\n`);
    },
  };
}

function textOf({ step, note, done, total }: StepProgress): string {
  if (done === undefined) return `${step.padEnd(20)} ${note}`;
  if (total === undefined || total === 0) return `${step.padEnd(20)} ${done} ${note}`;
  const filled = Math.min(barWidth, Math.round((barWidth * done) / total));
  return `${step.padEnd(20)} [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${done}/${total} ${note}`;
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
