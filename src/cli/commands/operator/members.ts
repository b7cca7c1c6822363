// casemate operator members: the servers that share the store.

import { isObject } from '../../../client/secret.ts';
import { command } from '../../command.ts';
import { table } from '../../output/columns.ts';

type Node = Readonly<Record<string, unknown>>;

export const members = command({
  synopsis: 'List the servers that share the store',
  usage: '[options]',
  help: 'Lists the servers that share the store, with their addresses and versions, and whether they are active.',
  examples: { 'List the servers': 'operator members' },
  async run(context) {
    context.expect(0);
    const secret = await context.calling('Error listing members', context.client().read('sys/ha-status'));
    const listed = secret?.data?.['nodes'];
    const nodes = Array.isArray(listed) ? listed.filter(isObject) : [];
    return context.show({ Nodes: nodes.map(struct) }, () => {
      const header = ['Host Name', 'API Address', 'Cluster Address', 'Active Node', 'Version', 'Upgrade Version', 'Last Echo'];
      const names = ['hostname', 'api_address', 'cluster_address', 'active_node', 'version', 'upgrade_version', 'last_echo'];
      context.say(table([header, ...nodes.map((node) => names.map((name) => String(node[name] ?? '')))]));
    });
  },
});

/** In the order of Go's struct. */
function struct(node: Node): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([
    ['hostname', node['hostname'] ?? ''],
    ['api_address', node['api_address'] ?? ''],
    ['cluster_address', node['cluster_address'] ?? ''],
    ['active_node', node['active_node'] === true],
    ['last_echo', node['last_echo'] ?? null],
    ['version', node['version'] ?? ''],
    ['upgrade_version', node['upgrade_version'] === '' ? undefined : node['upgrade_version']],
  ]);
}
