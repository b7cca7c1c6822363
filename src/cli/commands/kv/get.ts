// casemate kv get: a secret, and in version 2 the facts of its version.

import { isObject, type Secret } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { Ending } from '../../ending.ts';
import { integer } from '../../flags.ts';
import { findPlace, mountFlag } from './place.ts';
import { isTitled, sayPath, sayTable } from './titled.ts';

export const get = command({
  synopsis: 'Read a secret',
  usage: '[options] PATH',
  help: 'Reads a secret, in version 2 the newest version of it. A version that was deleted still has its metadata, which is printed without data.',
  examples: {
    'Read a secret': 'kv get -mount=secret app',
    'Read an older version of it': 'kv get -mount=secret -version=1 app',
    'Hand a value to another program': 'kv get -mount=secret -field=password app',
  },
  flags: { ...mountFlag, version: integer('Which version; the newest when left out or 0. Without effect in version 1 of KV.') },
  output: { field: true },
  async run(context) {
    const [argument] = context.expect(1);
    const { mount, version = 0 } = context.flags;
    const place = await findPlace(context, argument, mount);
    const path = place.path('data');
    const query = place.version === 2 && version > 0 ? { version: String(version) } : {};
    const secret = await context.calling(`Error reading ${path}`, context.client().read(path, query));
    if (secret === undefined) throw new Ending(`No value found at ${path}`, 2);
    return place.version === 2 ? showVersioned(context, path, secret) : showPlain(context, secret);
  },
});

function showPlain(context: CommandContext, secret: Secret): number {
  if (!isTitled(context, secret)) return context.showSecret(secret);
  context.showWarnings(secret);
  if (secret.data !== null) sayTable(context, 'Data', secret.data);
  return 0;
}

function showVersioned(context: CommandContext, path: string, secret: Secret): number {
  const { data, metadata } = secret.data ?? {};
  const field = context.common.field ?? '';
  if (field !== '' && secret.wrap_info === undefined) return showValue(context, path, data, field);
  if (!isTitled(context, secret)) return context.showSecret(secret);
  context.showWarnings(secret);
  sayPath(context, 'Secret Path', path);
  if (isObject(metadata)) {
    sayTable(context, 'Metadata', metadata);
    context.say('');
  }
  if (isObject(data)) sayTable(context, 'Data', data);
  return 0;
}

/** The field `data` is the whole, unless the secret has one of that name. */
function showValue(context: CommandContext, path: string, data: unknown, field: string): number {
  if (!isObject(data)) throw new Ending(`No data found at ${path}`, 2);
  const value = Object.hasOwn(data, field) ? data[field] : field === 'data' ? data : undefined;
  return context.showField(field, value);
}
