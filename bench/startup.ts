// How soon a server answers after its process was started, with many secrets stored.

import { Fault } from '../src/base/fault.ts';
import { type Api, openApi } from './api.ts';
import { mostStartMilliseconds } from './floors.ts';
import { startTarget } from './target.ts';
import { fill, moveIn, type Run } from './tenancy.ts';
import { firstSecret } from './workloads.ts';

export interface StartFigures {
  readonly secrets: number;
  /** From the start of the process, milliseconds, of the start in the middle. */
  readonly answers: number;
  /** From the start of the process to a secret that was read: unsealed over HTTP in between. */
  readonly reads: number;
  /** RSS after the last start, MB. */
  readonly megabytes: number | undefined;
  readonly holds: boolean;
}

const starts = 5;

export interface StartupOptions {
  readonly secrets: number;
  readonly core: number | undefined;
  readonly profiles: string | undefined;
}

export async function measureStartup(options: StartupOptions, run: Run, signal: AbortSignal): Promise<StartFigures> {
  const target = await startTarget({ core: options.core, profiles: options.profiles, audit: false, cache: true }, signal);
  try {
    const { lodging } = await moveIn(target.api, run, signal);
    await fill(lodging, options.secrets, run, signal);
    const answers: number[] = [];
    const reads: number[] = [];
    for (let start = 0; start < starts; start++) {
      const { place, startedAt } = await target.restart(signal);
      const api = openApi('Casemate', place, lodging.token, signal);
      await readHealth(api);
      answers.push(performance.now() - startedAt);
      await target.unseal(api);
      await api.call('GET', firstSecret(lodging.mount));
      reads.push(performance.now() - startedAt);
    }
    const [answered, read] = [middle(answers), middle(reads)];
    return { secrets: options.secrets, answers: answered, reads: read, megabytes: target.megabytes(), holds: read < mostStartMilliseconds };
  } finally {
    await target.end();
  }
}

/** Sealed is an answer too. */
async function readHealth(api: Api): Promise<void> {
  const { status } = await api.ask('GET', 'sys/health');
  if (status !== 503) throw new Fault('unavailable', `a server that was just started answered ${status} to sys/health, not 503`);
}

function middle(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] as number;
}
