// One audit line: what is known of a request, with every secret and every string of its data as a keyed hash.

import { rfc3339 } from '../../base/times.ts';
import { hmacSha256Hex } from '../../crypto/hash.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import type { AuthBlock } from '../core/engine.ts';
import type { Life, LifeToken } from '../core/life.ts';
import type { MountRecord } from '../mounts/record.ts';

export interface LineOptions {
  readonly salt: KeyObject;
  /** Shows values as they are. */
  readonly raw: boolean;
  readonly hmacAccessor: boolean;
  readonly elideListResponses: boolean;
  readonly prefix: string;
  /** Lower-case names of request headers to show; true: hashed. */
  readonly headers: ReadonlyMap<string, boolean>;
}

type Json = Record<string, unknown>;

export function hashed(salt: KeyObject, value: string): string {
  return `hmac-sha256:${hmacSha256Hex(salt, value)}`;
}

export function auditLine(type: 'request' | 'response', life: Life, now: number, options: LineOptions): string {
  const line: Json = { time: rfc3339(now), type, auth: auth(life, options), request: request(life, options) };
  if (type === 'response') line['response'] = response(life, options);
  if (life.error !== undefined) line['error'] = life.error;
  return `${options.prefix}${JSON.stringify(line)}\n`;
}

function auth({ token, wire, allowed, granting }: Life, options: LineOptions): Json {
  if (token === undefined) return { token_type: 'default' };
  return present({
    client_token: secret(wire.token, options),
    accessor: accessor(token.accessor, options),
    display_name: token.displayName,
    policies: token.policies,
    token_policies: token.policies,
    policy_results: allowed === undefined ? undefined : { allowed, granting_policies: granting },
    metadata: token.meta ?? undefined,
    entity_id: token.entityId,
    token_type: token.type,
    token_ttl: token.ttl,
    token_issue_time: rfc3339(token.created),
    remaining_uses: remaining(token),
  });
}

function remaining(token: LifeToken): number | undefined {
  return token.numUses > 0 ? token.numUses : undefined;
}

function request({ wire, operation, mount, token }: Life, options: LineOptions): Json {
  return present({
    id: wire.id,
    operation,
    ...mountFields(mount),
    client_token: secret(wire.token, options),
    client_token_accessor: token === undefined ? undefined : accessor(token.accessor, options),
    namespace: { id: 'root' },
    path: wire.path,
    data: hashedData(wire.data, mount?.config.audit_non_hmac_request_keys, options),
    wrap_ttl: wire.wrapTtl,
    remote_address: wire.remoteAddress,
    remote_port: wire.remotePort,
    headers: shownHeaders(wire.headers, options),
  });
}

function response({ outcome, mount, operation }: Life, options: LineOptions): Json {
  if (outcome === undefined) return present({ ...mountFields(mount) });
  const { data, auth: block, leaseId, warnings, wrapInfo } = outcome;
  return present({
    auth: block === null ? undefined : authBlock(block, options),
    ...mountFields(mount),
    secret: leaseId === '' ? undefined : { lease_id: leaseId },
    data:
      data === null
        ? undefined
        : operation === 'list' && options.elideListResponses
          ? elided(data)
          : hashedData(data, mount?.config.audit_non_hmac_response_keys, options),
    warnings: warnings ?? undefined,
    wrap_info:
      wrapInfo === null
        ? undefined
        : { ...wrapInfo, token: secret(wrapInfo.token, options), accessor: accessor(wrapInfo.accessor, options) },
  });
}

function authBlock(block: AuthBlock, options: LineOptions): Json {
  return present({
    client_token: secret(block.client_token, options),
    accessor: accessor(block.accessor, options),
    policies: block.policies,
    token_policies: block.token_policies,
    metadata: block.metadata ?? undefined,
    entity_id: block.entity_id,
    token_type: block.token_type,
    token_ttl: block.lease_duration,
    num_uses: block.num_uses,
  });
}

function mountFields(mount: MountRecord | undefined): Json {
  if (mount === undefined) return {};
  return {
    mount_point: mount.table === 'auth' ? `auth/${mount.path}` : mount.path,
    mount_type: mount.type,
    mount_accessor: mount.accessor,
    mount_class: mount.table,
  };
}

function secret(value: string | undefined, { raw, salt }: LineOptions): string | undefined {
  return value === undefined || value === '' ? undefined : raw ? value : hashed(salt, value);
}

function accessor(value: string, options: LineOptions): string {
  return options.raw || !options.hmacAccessor ? value : hashed(options.salt, value);
}

/** Keys, numbers and booleans stay; strings are hashed wherever they stand. */
function hashedData(data: Readonly<Json>, plainKeys: readonly string[] | undefined, { raw, salt }: LineOptions): Json | undefined {
  if (Object.keys(data).length === 0) return undefined;
  if (raw) return data as Json;
  const made: Json = {};
  for (const [name, value] of Object.entries(data))
    define(made, name, plainKeys?.includes(name) === true ? value : hashedValue(value, salt));
  return made;
}

function hashedValue(value: unknown, salt: KeyObject): unknown {
  if (typeof value === 'string') return hashed(salt, value);
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return value;
  if (Array.isArray(value)) return value.map((item) => hashedValue(item, salt));
  const made: Json = {};
  for (const [name, item] of Object.entries(value)) define(made, name, hashedValue(item, salt));
  return made;
}

function define(object: Json, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

function elided(data: Readonly<Json>): Json {
  return Object.fromEntries(
    Object.entries(data)
      .filter(([name]) => name === 'keys' || name === 'key_info')
      .map(([name, value]) => [name, Array.isArray(value) ? value.length : Object.keys(value as Json).length]),
  );
}

function shownHeaders(headers: Life['wire']['headers'], { headers: wanted, salt, raw }: LineOptions): Json | undefined {
  if (wanted.size === 0) return undefined;
  const shown: Json = {};
  for (const [name, hmac] of wanted) {
    const value = headers[name];
    if (value === undefined) continue;
    const values = typeof value === 'string' ? [value] : value;
    shown[name] = values.map((one) => (hmac && !raw ? hashed(salt, one) : one));
  }
  return Object.keys(shown).length === 0 ? undefined : shown;
}

/** Empty fields are left out. */
function present(fields: Json): Json {
  const kept: Json = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined && value !== '') kept[name] = value;
  }
  return kept;
}
