// What a key backend needs of the process that it is part of.

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { RandomBytes } from '../base/random.ts';
import type { Environment } from './secret-source.ts';

export interface BackendParts {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Log;
  /** Where secrets may stand that the description names. */
  readonly environment: Environment;
}
