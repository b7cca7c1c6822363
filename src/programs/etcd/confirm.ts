// Asks on the terminal before a cluster is changed.

import { createInterface } from 'node:readline/promises';
import { Ending } from '../../cli/ending.ts';

/** Throws Ending when the answer is not yes, or nobody can answer. */
export async function confirmed(question: string, signal: AbortSignal): Promise<void> {
  if (process.stdin.isTTY !== true) throw new Ending('nobody can be asked here: say -yes, and look at -dry-run before');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new Ending('nothing was changed');
  } finally {
    lines.close();
  }
}
