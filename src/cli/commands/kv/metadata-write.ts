// casemate kv metadata put and patch: the settings of a secret, and what people write about it.

import { type CommandContext, command } from '../../command.ts';
import { duration, type Flag, type FlagValues, integer, pairs, texts } from '../../flags.ts';
import { showWritten } from '../write.ts';
import { metadataPath, mountFlag } from './place.ts';

/** Absent is neither yes nor no: the setting stays as it is. */
const casRequired: Flag<boolean | undefined> = {
  kind: 'bool',
  help: 'Whether writes of this secret must say which version they expect (-cas).',
};

const settingFlags = {
  ...mountFlag,
  'cas-required': casRequired,
  'custom-metadata': pairs('What people want to know about the secret, as key=value. Not secret. Can be given several times.'),
  'delete-version-after': duration('How long a version is kept before it is deleted; 0 for as long as the mount says.'),
  'max-versions': integer('How many versions are kept; 0 for as many as the mount says.'),
} as const;

export const put = command({
  synopsis: 'Write the settings of a secret',
  usage: '[options] PATH',
  help: 'Writes the settings of a secret, which need not exist yet. Settings that are not given stay as they are, but -custom-metadata replaces all that was there.',
  examples: {
    'Keep five versions': 'kv metadata put -mount=secret -max-versions=5 app',
    'Say whom a secret belongs to': 'kv metadata put -mount=secret -custom-metadata=owner=ann app',
  },
  flags: settingFlags,
  async run(context) {
    const path = await pathOf(context);
    const custom = context.flags['custom-metadata'];
    const body = { ...settingsOf(context.flags), ...(Object.keys(custom).length === 0 ? {} : { custom_metadata: custom }) };
    return showWritten(context, path, () => context.client().write(path, body));
  },
});

export const patch = command({
  synopsis: 'Change settings of a secret',
  usage: '[options] PATH',
  help: 'Changes the settings that are given, and -custom-metadata key by key. The secret must exist.',
  examples: {
    'Add to what is known': 'kv metadata patch -mount=secret -custom-metadata=team=web app',
    'Take something out': 'kv metadata patch -mount=secret -remove-custom-metadata=team app',
  },
  flags: { ...settingFlags, 'remove-custom-metadata': texts('Key of the custom metadata to take out. Can be given several times.') },
  async run(context) {
    const path = await pathOf(context);
    const { 'custom-metadata': custom, 'remove-custom-metadata': removed } = context.flags;
    const changed = { ...custom, ...Object.fromEntries(removed.map((key) => [key, null])) };
    const body = { ...settingsOf(context.flags), custom_metadata: changed };
    return showWritten(context, path, () => context.client().patch(path, body));
  },
});

type Settings = Omit<FlagValues<typeof settingFlags>, 'custom-metadata'>;

async function pathOf(context: CommandContext<typeof settingFlags>): Promise<string> {
  const [argument] = context.expect(1);
  return metadataPath(context, argument, context.flags.mount);
}

function settingsOf(flags: Settings): Readonly<Record<string, unknown>> {
  const { 'cas-required': required, 'delete-version-after': after, 'max-versions': most } = flags;
  return {
    ...(required === undefined ? {} : { cas_required: required }),
    ...(after === undefined || after < 0 ? {} : { delete_version_after: `${after}s` }),
    ...(most === undefined || most < 0 ? {} : { max_versions: most }),
  };
}
