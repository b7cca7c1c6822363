// casemate auth list: the auth methods that are enabled.

import { isObject } from '../../../client/secret.ts';
import { command } from '../../command.ts';
import { type Row, table } from '../../output/columns.ts';
import { goText } from '../../output/go-value.ts';
import { type Mount, type Mounts, mountStruct, mountsOf } from '../secrets/mount-view.ts';

export const list = command({
  synopsis: 'List the auth methods',
  usage: '[options]',
  help: 'Lists the auth methods with the paths that they are enabled at.',
  examples: {
    'See what one can log in with': 'auth list',
    'See how the methods are set': 'auth list -detailed',
  },
  output: { detailed: true },
  async run(context) {
    context.expect(0);
    const secret = await context.calling('Error listing enabled authentications', context.client().read('sys/auth'));
    if (secret?.wrap_info !== undefined) return context.showSecret(secret);
    const mounts = mountsOf(secret?.data ?? {});
    const structs = Object.fromEntries(mounts.map(([path, mount]) => [path, mountStruct(mount)]));
    return context.show(structs, () => context.say(table(context.detailed ? detailedRows(mounts) : plainRows(mounts))));
  },
});

const textOf = (mount: Mount, name: string): string => (typeof mount[name] === 'string' ? mount[name] : '');
const configOf = (mount: Mount): Mount => (isObject(mount['config']) ? mount['config'] : {});

function plainRows(mounts: Mounts): readonly Row[] {
  const rows = mounts.map(([path, mount]) => [
    path,
    ...['type', 'accessor', 'description', 'plugin_version'].map((name) => textOf(mount, name)),
  ]);
  return [['Path', 'Type', 'Accessor', 'Description', 'Version'], ...rows];
}

const header =
  'Path|Plugin|Accessor|Default TTL|Max TTL|Token Type|Replication|Seal Wrap|External Entropy Access|Options|Description|UUID|Version|Running Version|Running SHA256|Deprecation Status';

function detailedRows(mounts: Mounts): readonly Row[] {
  const rows = mounts.map(([path, mount]) => [
    path,
    textOf(mount, 'type'),
    textOf(mount, 'accessor'),
    ttlOf(mount, 'default_lease_ttl'),
    ttlOf(mount, 'max_lease_ttl'),
    textOf(configOf(mount), 'token_type'),
    mount['local'] === true ? 'local' : 'replicated',
    String(mount['seal_wrap'] === true),
    String(mount['external_entropy_access'] === true),
    goText(mount['options'] ?? {}),
    ...['description', 'uuid', 'plugin_version', 'running_plugin_version', 'running_sha256', 'deprecation_status'].map((name) =>
      textOf(mount, name),
    ),
  ]);
  return [header.split('|'), ...rows];
}

/** `system` where the server's setting holds. */
function ttlOf(mount: Mount, name: string): string {
  const seconds = configOf(mount)[name];
  return seconds === undefined || seconds === 0 ? 'system' : goText(seconds);
}
