// casemate secrets move: puts a mount at another path.

import { setTimeout as delay } from 'node:timers/promises';
import { isObject } from '../../../client/secret.ts';
import { apiPath, type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';

/** Milliseconds between two questions whether the move has ended. */
const pause = 1000;

export const move = command({
  synopsis: 'Move a mount to another path',
  usage: '[options] SOURCE DESTINATION',
  help: 'Moves a mounted secrets engine to another path, with all that it stored, and waits until that is done. Policies that name the old path do not follow.',
  examples: { 'Move a mount': 'secrets move secret archive/secret' },
  output: { format: false },
  async run(context) {
    const [source, destination] = context.expect(2).map((argument) => `${apiPath(argument)}/`) as [string, string];
    return moveMount(context, 'secrets engine', source, destination);
  },
});

/** Both paths as sys/remount takes them, with a slash at the end; `what` is the mount's kind in sentences. */
export async function moveMount(context: CommandContext, what: string, source: string, destination: string): Promise<number> {
  const body = { from: source, to: destination };
  const moved = await context.calling(
    `Error moving ${what} ${source} to ${destination}`,
    context.client().request('POST', 'sys/remount', body),
  );
  const id = textIn(dataOf(moved.body), 'migration_id');
  context.success(`Started moving ${what} ${source} to ${destination}, with migration ID ${id}`);
  const between = `${what} ${source} to ${destination}, with migration ID ${id}`;
  for (;;) {
    const state = await stateOf(context, id, `Error checking migration status of ${what} ${source} to ${destination}`);
    if (state === 'failure') throw new Ending(`Failure! The server could not move ${between}`, 2);
    if (state !== 'in-progress') break;
    context.success(`Waiting for the end of moving ${between}`);
    await delay(pause);
  }
  context.success(`Success! Finished moving ${between}`);
  return 0;
}

/** A server that does not know the question has moved the mount before it answered. */
async function stateOf(context: CommandContext, id: string, what: string): Promise<string> {
  const secret = await context.calling(what, context.client().read(`sys/remount/status/${id}`));
  return secret === undefined ? 'success' : textIn(secret.data?.['migration_info'], 'status');
}

function dataOf(body: unknown): unknown {
  return isObject(body) ? body['data'] : undefined;
}

function textIn(value: unknown, name: string): string {
  const member = isObject(value) ? value[name] : undefined;
  return typeof member === 'string' ? member : '';
}
