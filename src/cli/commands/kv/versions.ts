// casemate kv delete, undelete and destroy: what is taken away of a secret and of its versions, and what comes back.

import { type Command, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { texts } from '../../flags.ts';
import { showDeleted } from '../delete.ts';
import { showWritten } from '../write.ts';
import { findPlace, findVersioned, mountFlag } from './place.ts';

const versionsFlag = (help: string) => ({ versions: texts(`${help} Numbers with commas between them; can be given several times.`) });

export const remove = command({
  synopsis: 'Delete a secret, or versions of it',
  usage: '[options] PATH',
  help: 'Deletes the newest version of a secret, or those that -versions names. What is deleted can be brought back with "kv undelete", until it is destroyed. In version 1 of KV the secret is gone for ever.',
  examples: {
    'Delete the newest version': 'kv delete -mount=secret app',
    'Delete two older ones': 'kv delete -mount=secret -versions=1,2 app',
  },
  flags: { ...mountFlag, ...versionsFlag('Versions to delete.') },
  output: { field: true },
  async run(context) {
    const [argument] = context.expect(1);
    const { mount, versions } = context.flags;
    const place = await findPlace(context, argument, mount);
    const path = place.path('data');
    const named = place.version === 2 && versions.length > 0;
    return showDeleted(context, path, () =>
      named ? context.client().write(place.path('delete'), { versions: numbersOf(versions) }) : context.client().delete(path),
    );
  },
});

export const undelete = versionsCommand('undelete', 'Undelete', {
  synopsis: 'Bring deleted versions back',
  help: 'Brings versions of a secret back that were deleted and not destroyed.',
  examples: { 'Bring a version back': 'kv undelete -mount=secret -versions=3 app' },
});

export const destroy = versionsCommand('destroy', 'Destroy', {
  synopsis: 'Destroy versions for ever',
  help: 'Removes the data of versions of a secret for ever. Their metadata stays.',
  examples: { 'Destroy two versions': 'kv destroy -mount=secret -versions=1,2 app' },
});

function versionsCommand(
  kind: 'undelete' | 'destroy',
  title: string,
  texts: Required<Pick<Command, 'synopsis' | 'help' | 'examples'>>,
): Command {
  return command({
    ...texts,
    usage: '[options] PATH',
    flags: { ...mountFlag, ...versionsFlag(`Versions to ${kind}.`) },
    async run(context) {
      const [argument] = context.expect(1);
      const { mount, versions } = context.flags;
      if (versions.length === 0) throw new Ending(`No versions provided, use the "-versions" flag to specify the version to ${kind}.`);
      const place = await findVersioned(context, argument, mount, { sentence: `${title} not supported on KV Version 1`, exit: 1 });
      const path = place.path(kind);
      return showWritten(context, path, () => context.client().write(path, { versions: numbersOf(versions) }));
    },
  });
}

/** The server reads numbers that are written as texts, and says which is none. */
function numbersOf(versions: readonly string[]): readonly string[] {
  return versions.flatMap((given) => given.split(',').map((version) => version.trim()));
}
