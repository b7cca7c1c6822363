// Tables under titles, as the kv commands print them: `==== Data ====`, as wide as what stands below.

import type { Secret } from '../../../client/secret.ts';
import type { CommandContext } from '../../command.ts';
import { table } from '../../output/columns.ts';
import { dataRows } from '../../output/secret-view.ts';

type Data = Readonly<Record<string, unknown>>;

/** Whether an answer is printed under titles: where people read, all of it, and nothing is wrapped. */
export function isTitled(context: CommandContext, secret: Secret): boolean {
  return context.format === 'table' && (context.common.field ?? '') === '' && secret.wrap_info === undefined;
}

/** A path under its title, with an empty line behind it. */
export function sayPath(context: CommandContext, title: string, path: string): void {
  context.say(`${titleOver(title, widthOf(path))}\n${path}\n`);
}

/** A table under its title; the title alone when there are no rows. */
export function sayTable(context: CommandContext, title: string, data: Data): void {
  const rows = dataRows(data);
  // Four blanks and the header of the second column stand behind the longest key.
  const width = Math.max(0, ...Object.keys(data).map(widthOf)) + '    Value'.length;
  context.say([titleOver(title, width), ...(rows.length === 0 ? [] : [table([['Key', 'Value'], ...rows])])].join('\n'));
}

/** The facts of a version that was written. Returns the exit code. */
export function showVersion(context: CommandContext, path: string, secret: Secret): number {
  if (!isTitled(context, secret)) return context.showSecret(secret);
  context.showWarnings(secret);
  sayPath(context, 'Secret Path', path);
  sayTable(context, 'Metadata', secret.data ?? {});
  return 0;
}

/** Both sides alike, at least two signs each, and rather one too many than one too few. */
function titleOver(title: string, width: number): string {
  const free = width - title.length - 2;
  const signs = '='.repeat(free <= 0 ? 2 : Math.ceil(free / 2));
  return `${signs} ${title} ${signs}`;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}
