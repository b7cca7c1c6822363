// What the server tells of its mounts, as rows of a table and as the JSON of Go's structs.

import { isObject } from '../../../client/secret.ts';
import type { Row } from '../../output/columns.ts';
import { goText } from '../../output/go-value.ts';

export type Mount = Readonly<Record<string, unknown>>;
export type Mounts = readonly (readonly [path: string, mount: Mount])[];

/** Sorted by path. */
export function mountsOf(data: Mount): Mounts {
  return Object.entries(data)
    .flatMap(([path, mount]) => (isObject(mount) ? [[path, mount] as const] : []))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

const textOf = (mount: Mount, name: string): string => (typeof mount[name] === 'string' ? mount[name] : '');
const boolOf = (mount: Mount, name: string): boolean => mount[name] === true;
const configOf = (mount: Mount): Mount => (isObject(mount['config']) ? mount['config'] : {});

export function plainRows(mounts: Mounts): readonly Row[] {
  const rows = mounts.map(([path, mount]) => [path, textOf(mount, 'type'), textOf(mount, 'accessor'), textOf(mount, 'description')]);
  return [['Path', 'Type', 'Accessor', 'Description'], ...rows];
}

const detailedHeader =
  'Path|Plugin|Accessor|Default TTL|Max TTL|Force No Cache|Replication|Seal Wrap|External Entropy Access|Options|Description|UUID|Version|Running Version|Running SHA256|Deprecation Status';

export function detailedRows(mounts: Mounts): readonly Row[] {
  const rows = mounts.map(([path, mount]) => [
    path,
    textOf(mount, 'type'),
    textOf(mount, 'accessor'),
    ttlOf(mount, 'default_lease_ttl'),
    ttlOf(mount, 'max_lease_ttl'),
    String(boolOf(configOf(mount), 'force_no_cache')),
    boolOf(mount, 'local') ? 'local' : 'replicated',
    String(boolOf(mount, 'seal_wrap')),
    String(boolOf(mount, 'external_entropy_access')),
    goText(mount['options'] ?? {}),
    ...['description', 'uuid', 'plugin_version', 'running_plugin_version', 'running_sha256', 'deprecation_status'].map((name) =>
      textOf(mount, name),
    ),
  ]);
  return [detailedHeader.split('|'), ...rows];
}

/** Nothing for engines that lend nothing, `system` where the server's setting holds. */
function ttlOf(mount: Mount, name: string): string {
  if (['system', 'cubbyhole'].includes(textOf(mount, 'type'))) return '';
  const seconds = configOf(mount)[name];
  return seconds === undefined || seconds === 0 ? 'system' : goText(seconds);
}

/** In the order of Go's struct, which programs that compare texts know. */
export function mountStruct(mount: Mount): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([
    ['uuid', textOf(mount, 'uuid')],
    ['type', textOf(mount, 'type')],
    ['description', textOf(mount, 'description')],
    ['accessor', textOf(mount, 'accessor')],
    ['config', configStruct(configOf(mount))],
    ['options', mount['options'] ?? null],
    ['local', boolOf(mount, 'local')],
    ['seal_wrap', boolOf(mount, 'seal_wrap')],
    ['external_entropy_access', boolOf(mount, 'external_entropy_access')],
    ['plugin_version', textOf(mount, 'plugin_version')],
    ['running_plugin_version', textOf(mount, 'running_plugin_version')],
    ['running_sha256', textOf(mount, 'running_sha256')],
    ['deprecation_status', textOf(mount, 'deprecation_status')],
  ]);
}

const optionalSettings = [
  'audit_non_hmac_request_keys',
  'audit_non_hmac_response_keys',
  'listing_visibility',
  'passthrough_request_headers',
  'allowed_response_headers',
  'token_type',
  'allowed_managed_keys',
  'user_lockout_config',
] as const;

function configStruct(config: Mount): ReadonlyMap<string, unknown> {
  const isSet = (value: unknown) => value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
  return new Map<string, unknown>([
    ['default_lease_ttl', config['default_lease_ttl'] ?? 0],
    ['max_lease_ttl', config['max_lease_ttl'] ?? 0],
    ['force_no_cache', boolOf(config, 'force_no_cache')],
    ...optionalSettings.flatMap((name) => (isSet(config[name]) ? [[name, config[name]] as const] : [])),
  ]);
}
