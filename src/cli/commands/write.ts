// casemate write: puts data at a path.

import { ResponseFault } from '../../client/response-fault.ts';
import type { Secret } from '../../client/secret.ts';
import { apiPath, type CommandContext, command } from '../command.ts';
import { Ending } from '../ending.ts';
import { bool } from '../flags.ts';

export const forceFlag = {
  force: bool('Go on without any key=value, for paths that need none.', { aliases: ['f'] }),
} as const;

export const write = command({
  synopsis: 'Write data, configuration and secrets',
  usage: '[options] PATH [DATA K=V...]',
  help: 'Writes data to a path; what that does is up to what is mounted there. Data is given as key=value; a key that is given again becomes a list. A value @name is read from a file, a value - from stdin, and a value \\@name is @name itself. A word @name.json, or - alone, gives a whole JSON object.',
  examples: {
    'Write a secret': 'write cubbyhole/my-secret user=ann password=-',
    'Make a key without giving any data': 'write -f transit/keys/my-key',
    'Write a JSON file': 'write auth/approle/role/app @role.json',
  },
  flags: forceFlag,
  output: { field: true },
  async run(context) {
    const { path, data } = await writtenData(context, context.flags.force);
    return showWritten(context, path, () => context.client().write(path, data));
  },
});

/** Path and data of the arguments. Throws Ending when data is missing and not forced. */
export async function writtenData(
  context: CommandContext,
  force: boolean,
): Promise<{ readonly path: string; readonly data: Record<string, unknown> }> {
  const [argument, ...words] = context.args;
  if (argument === undefined) throw new Ending('Not enough arguments (expected 1, got 0)');
  if (words.length === 0 && !force) throw new Ending('Must supply data or use -force');
  return { path: apiPath(argument), data: await context.keyValues(words) };
}

/** Prints the answer, or that there was none to print. A 404 that says something is a refusal, and is printed too. */
export async function showWritten(
  context: CommandContext,
  path: string,
  work: () => Promise<Secret | undefined>,
  show: (secret: Secret) => number = context.showSecret,
): Promise<number> {
  try {
    const secret = await context.calling(`Error writing data to ${path}`, work());
    if (secret !== undefined) return show(secret);
    context.success(`Success! Data written to: ${path}`);
    return 0;
  } catch (thrown) {
    showRefused(context, thrown);
    throw thrown;
  }
}

/** Prints what came beside a refusal. */
export function showRefused(context: CommandContext, thrown: unknown): void {
  const refusal = thrown instanceof Ending ? thrown.cause : undefined;
  if (refusal instanceof ResponseFault && refusal.secret !== undefined) context.showSecret(refusal.secret);
}
