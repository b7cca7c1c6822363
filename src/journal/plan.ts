// A long change as a list of steps that can be interrupted anywhere: each asks the world whether it is done, never the journal.

/** Told while a step runs. */
export interface StepProgress {
  readonly step: string;
  /** What happens, for people. */
  readonly note: string;
  /** Where the step counts something. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
}

export type Report = (progress: StepProgress) => void;

export interface Step {
  /** Stands in the journal, and names the step in one plan: `write/cp1`. */
  readonly name: string;
  /** One sentence for people, without a full stop. */
  readonly title: string;
  /** What a preview says it takes, in seconds. */
  readonly seconds?: number | undefined;
  /** Looks at the world. Doing a step that is done must be the same as not doing it. */
  done(signal: AbortSignal): Promise<boolean>;
  /** Resolves when the world has taken it. A Fault stops the plan here; `resume` goes on with this very step. */
  run(report: Report, signal: AbortSignal): Promise<void>;
  /** Puts back what the step has changed, as far as it was done, if at all; steps without it change nothing that must be put back. */
  undo?(report: Report, signal: AbortSignal): Promise<void>;
  /** From its beginning on the plan can only go forward. */
  readonly pointOfNoReturn?: true | undefined;
}

export interface Plan {
  /** Names this run for ever. */
  readonly id: string;
  /** `rotate the key of secrets`. */
  readonly title: string;
  readonly steps: readonly Step[];
}
