// casemate kv metadata: what is known about a secret beside its data.

import { isObject, type Secret } from '../../../client/secret.ts';
import { type CommandContext, command, type Group } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { showDeleted } from '../delete.ts';
import { patch, put } from './metadata-write.ts';
import { metadataPath, mountFlag } from './place.ts';
import { isTitled, sayPath, sayTable } from './titled.ts';

const get = command({
  synopsis: 'Read the metadata of a secret',
  usage: '[options] PATH',
  help: 'Reads what is known about a secret beside its data: its settings, what people wrote about it, and when each version came and went.',
  examples: { 'See which versions there are': 'kv metadata get -mount=secret app' },
  flags: mountFlag,
  output: { field: true },
  async run(context) {
    const [argument] = context.expect(1);
    const path = await metadataPath(context, argument, context.flags.mount);
    const secret = await context.calling(`Error reading ${path}`, context.client().read(path));
    if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
    return isTitled(context, secret) ? showTitled(context, path, secret) : context.showSecret(secret);
  },
});

const remove = command({
  synopsis: 'Delete a secret with all its versions',
  usage: '[options] PATH',
  help: 'Deletes all versions of a secret and its metadata for ever.',
  examples: { 'Delete a secret for ever': 'kv metadata delete -mount=secret app' },
  flags: mountFlag,
  async run(context) {
    const [argument] = context.expect(1);
    const path = await metadataPath(context, argument, context.flags.mount);
    return showDeleted(context, path, () => context.client().delete(path));
  },
});

export const metadata: Group = {
  synopsis: 'Read, write and delete the metadata of secrets',
  help: 'Metadata is what is known about a secret beside its data. Only version 2 of KV has it.',
  examples: {
    'See which versions there are': 'kv metadata get -mount=secret app',
    'Keep five versions': 'kv metadata put -mount=secret -max-versions=5 app',
  },
  commands: { delete: remove, get, patch, put },
};

function showTitled(context: CommandContext, path: string, secret: Secret): number {
  const { versions, ...facts } = secret.data ?? {};
  if (!isObject(versions)) throw new Ending(`No value found at ${path}`, 2);
  context.showWarnings(secret);
  sayPath(context, 'Metadata Path', path);
  sayTable(context, 'Metadata', facts);
  for (const number of Object.keys(versions).toSorted((a, b) => Number(a) - Number(b))) {
    const version = versions[number];
    context.say('');
    sayTable(context, `Version ${number}`, isObject(version) ? version : {});
  }
  return 0;
}
