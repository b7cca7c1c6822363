// A secret as an argument: as it stands, or `-` for a line of stdin, so that it need not stand in the list of processes.

import type { CommandContext } from './command.ts';
import { Ending } from './ending.ts';

/** Without blanks around it; undefined for an argument that is absent. Throws Ending when stdin gives nothing. */
export async function secretArgument(context: CommandContext, argument: string | undefined): Promise<string | undefined> {
  if (argument?.trim() !== '-') return argument?.trim();
  const { stdin } = context.io;
  const hidden = { hidden: true };
  const line = stdin.isTerminal ? await context.ask('Value of - (will be hidden):', hidden) : ((await stdin.line(hidden)) ?? '').trim();
  if (line === '') throw new Ending('stdin gave nothing where "-" stands');
  return line;
}
