// casemate audit list: the enabled audit devices.

import { isObject } from '../../../client/secret.ts';
import { type CommandContext, command } from '../../command.ts';
import { type Row, table } from '../../output/columns.ts';
import { goText } from '../../output/go-value.ts';

interface Device {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly local: boolean;
  readonly options: Readonly<Record<string, unknown>>;
}

export const list = command({
  synopsis: 'List the enabled audit devices',
  usage: '[options]',
  help: 'Lists the devices that the server writes its audit lines to. The exit code is 2 when there are none.',
  examples: {
    'See where audit lines go': 'audit list',
    'See how the devices are set': 'audit list -detailed',
  },
  output: { detailed: true },
  async run(context) {
    context.expect(0);
    const secret = await context.calling('Error listing audits', context.client().read('sys/audit'));
    if (secret?.wrap_info !== undefined) return context.showSecret(secret);
    const devices = devicesOf(secret?.data ?? {});
    const shown = context.show(Object.fromEntries(devices.map((device) => [device.path, struct(device)])), () =>
      sayDevices(context, devices),
    );
    return context.format === 'table' && devices.length === 0 ? 2 : shown;
  },
});

function sayDevices(context: CommandContext, devices: readonly Device[]): void {
  if (devices.length === 0) context.say('No audit devices are enabled.');
  else context.say(table(context.detailed ? detailedRows(devices) : plainRows(devices)));
}

function devicesOf(data: Readonly<Record<string, unknown>>): readonly Device[] {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return Object.entries(data)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([path, device]) =>
      isObject(device)
        ? [
            {
              path,
              type: text(device['type']),
              description: text(device['description']),
              local: device['local'] === true,
              options: isObject(device['options']) ? device['options'] : {},
            },
          ]
        : [],
    );
}

function plainRows(devices: readonly Device[]): readonly Row[] {
  return [['Path', 'Type', 'Description'], ...devices.map(({ path, type, description }) => [path, type, description])];
}

function detailedRows(devices: readonly Device[]): readonly Row[] {
  const rows = devices.map(({ path, type, description, local, options }) => [
    path,
    type,
    description,
    local ? 'local' : 'replicated',
    Object.keys(options)
      .sort()
      .map((name) => `${name}=${goText(options[name])}`)
      .join(' '),
  ]);
  return [['Path', 'Type', 'Description', 'Replication', 'Options'], ...rows];
}

/** In the order of Go's struct. */
function struct({ type, description, options, local, path }: Device): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(Object.entries({ type, description, options, local, path }));
}
