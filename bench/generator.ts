// Starts the load generator on a core of its own and hands it loads.

import { fileURLToPath } from 'node:url';
import { Fault } from '../src/base/fault.ts';
import { nextMessage, startChild } from './children.ts';
import type { Load, Measured } from './load.ts';
import type { LoadReport } from './load-process.ts';

export interface Generator {
  /** One load at a time. Rejects as `runLoad` does. */
  run(load: Load, signal: AbortSignal): Promise<Measured>;
  end(): Promise<void>;
}

const program = fileURLToPath(new URL('./load-process.ts', import.meta.url));

export function startGenerator(core: number | undefined): Generator {
  const child = startChild('the load generator', [process.execPath, program], { core, speaks: 'messages' });
  return {
    async run(load, signal) {
      signal.throwIfAborted();
      const reported = nextMessage<LoadReport>(child, signal);
      child.process.send(load);
      const report = await reported;
      if ('failed' in report) throw new Fault('unavailable', report.failed);
      return report.measured;
    },
    end: () => child.end(),
  };
}
