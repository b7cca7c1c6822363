// The bytes of a key that is imported: base64 in an argument, in a file or on stdin.

import { readFile } from 'node:fs/promises';
import { wipe } from '../../../crypto/wipe.ts';
import type { CommandContext } from '../../command.ts';
import { Ending } from '../../ending.ts';

/** The caller's to wipe. Throws Ending, without what the argument or the file holds. */
export async function keyMaterial(context: CommandContext, argument: string): Promise<Buffer> {
  const { source, text } = await given(context, argument);
  const compact = text.replace(/\s/g, '');
  if (compact === '') throw new Ending(`${source} is empty`);
  const bytes = Buffer.from(compact, 'base64');
  // Node passes over what is no base64.
  if (bytes.toString('base64') === compact) return bytes;
  wipe(bytes);
  throw new Ending(`error base64 decoding source key material: ${source} is no base64`);
}

async function given(context: CommandContext, argument: string): Promise<{ readonly source: string; readonly text: string }> {
  if (argument.startsWith('@')) return { source: argument.slice(1), text: await contentsOf(argument.slice(1)) };
  if (argument.trim() !== '-') return { source: 'KEY', text: argument };
  const { stdin } = context.io;
  const text = stdin.isTerminal ? await context.ask('Key in base64 (will be hidden):', { hidden: true }) : await stdin.text();
  return { source: 'stdin', text };
}

async function contentsOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new Ending(`error reading key material file: ${path}: ${code ?? 'unknown error'}`, 1, { cause: thrown });
  }
}
