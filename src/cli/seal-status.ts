// The state of the seal, as "status" and "operator unseal" print it.

import { ResponseFault } from '../client/response-fault.ts';
import { isObject } from '../client/secret.ts';
import type { CommandContext } from './command.ts';
import { type Row, table } from './output/columns.ts';

export type SealStatus = Readonly<Record<string, unknown>>;

/** Prints what sys/seal-status or sys/unseal answered, with what sys/leader tells. Returns 0. */
export async function showSealStatus(context: CommandContext, status: SealStatus): Promise<number> {
  const leader = await context.calling('Error checking leader status', leaderOf(context));
  const whole: SealStatus = { ...status, ...leader };
  return context.show(statusStruct(whole), () => context.say(table([['Key', 'Value'], ...statusRows(whole)])));
}

/** A sealed server with others beside it cannot tell who leads. */
async function leaderOf(context: CommandContext): Promise<SealStatus> {
  try {
    const { body } = await context.client().with({ namespace: undefined }).request('GET', 'sys/leader');
    return isObject(body) ? body : {};
  } catch (thrown) {
    if (thrown instanceof ResponseFault && thrown.status === 503) return { ha_enabled: true };
    throw thrown;
  }
}

/** In the order of Go's struct; members that may be left out are left out when empty. */
function statusStruct(status: SealStatus): ReadonlyMap<string, unknown> {
  const always = (name: string, otherwise: unknown) => [name, status[name] ?? otherwise] as const;
  const some = (name: string) => [name, isSet(status[name]) ? status[name] : undefined] as const;
  return new Map<string, unknown>([
    always('type', ''),
    always('initialized', false),
    always('sealed', false),
    always('t', 0),
    always('n', 0),
    always('progress', 0),
    always('nonce', ''),
    always('version', ''),
    always('commit_date', ''),
    always('migration', false),
    some('cluster_name'),
    some('cluster_id'),
    always('recovery_seal', false),
    some('storage_type'),
    some('recovery_seal_type'),
    some('warnings'),
    always('build_date', ''),
    always('ha_enabled', false),
    some('is_self'),
    some('active_time'),
    some('leader_address'),
    some('leader_cluster_address'),
    some('raft_committed_index'),
    some('raft_applied_index'),
  ]);
}

const noTime = '0001-01-01T00:00:00Z';

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false && value !== noTime;
}

function statusRows(status: SealStatus): readonly Row[] {
  const cell = (title: string, name: string): Row => [title, String(status[name] ?? '')];
  const ifSet = (title: string, name: string): readonly Row[] => (isSet(status[name]) ? [cell(title, name)] : []);
  const recovery = status['recovery_seal'] === true;
  const named = isSet(status['cluster_name']) && isSet(status['cluster_id']);
  return [
    cell('Seal Type', 'type'),
    ...(recovery ? [cell('Recovery Seal Type', 'recovery_seal_type')] : []),
    cell('Initialized', 'initialized'),
    cell('Sealed', 'sealed'),
    cell(recovery ? 'Total Recovery Shares' : 'Total Shares', 'n'),
    cell('Threshold', 't'),
    ...(status['sealed'] === true ? [['Unseal Progress', `${status['progress']}/${status['t']}`], cell('Unseal Nonce', 'nonce')] : []),
    ...ifSet('Seal Migration in Progress', 'migration'),
    ...ifSet('Version', 'version'),
    ...ifSet('Commit Date', 'commit_date'),
    ...ifSet('Storage Type', 'storage_type'),
    ...(named ? [cell('Cluster Name', 'cluster_name'), cell('Cluster ID', 'cluster_id')] : []),
    ['HA Enabled', String(status['ha_enabled'] === true)],
    ...(status['ha_enabled'] === true && status['sealed'] !== true ? haRows(status, cell) : []),
    ...ifSet('Raft Committed Index', 'raft_committed_index'),
    ...ifSet('Raft Applied Index', 'raft_applied_index'),
  ];
}

function haRows(status: SealStatus, cell: (title: string, name: string) => Row): readonly Row[] {
  const active = status['is_self'] === true;
  return [
    cell('HA Cluster', 'leader_cluster_address'),
    ['HA Mode', active ? 'active' : 'standby'],
    ...(active && isSet(status['active_time']) ? [cell('Active Since', 'active_time')] : []),
    ...(!active && isSet(status['leader_address']) ? [cell('Active Node Address', 'leader_address')] : []),
  ];
}
