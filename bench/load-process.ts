// The load generator as a process: takes one load after another over its channel and answers what it measured.

import { asFault } from '../src/base/fault.ts';
import { type Load, type Measured, runLoad } from './load.ts';

export type LoadReport = { readonly measured: Measured } | { readonly failed: string };

const ended = new AbortController();

process.on('message', (load: Load) => {
  const tell = (report: LoadReport) => void process.send?.(report);
  runLoad(load, ended.signal).then(
    (measured) => tell({ measured }),
    (thrown: unknown) => tell({ failed: asFault(thrown).message }),
  );
});
// Whoever started it is gone: nobody would end it otherwise.
process.on('disconnect', () => process.exit());
