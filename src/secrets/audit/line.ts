// One audit line: what is known of a request, with every secret and every string of its data as a keyed hash.

import { rfc3339 } from '../../base/times.ts';
import { hmacSha256Hex } from '../../crypto/hash.ts';
import type { KeyObject } from '../../crypto/keys.ts';
import type { AuthBlock, WrapInfo } from '../core/engine.ts';
import type { GrantingPolicy, Life } from '../core/life.ts';
import type { MountRecord } from '../mounts/record.ts';
import { describeDenial } from '../policies/explain.ts';

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

/** What a device has to take before it is enabled. */
export function testLine(now: number, { prefix }: Pick<LineOptions, 'prefix'>): string {
  const request = { operation: 'update', namespace: { id: 'root' }, path: 'sys/audit/test' };
  return `${prefix}${JSON.stringify({ time: rfc3339(now), type: 'request', auth: { token_type: 'default' }, request })}\n`;
}

function auth({ token, issued, identityPolicies: added, wire, allowed, granting, denial: denied }: Life, options: LineOptions): Json {
  const denial = denied === undefined ? undefined : describeDenial(denied);
  if (token === undefined) return present({ token_type: 'default', denial });
  return present({
    client_token: secret(issued ?? wire.token, options),
    accessor: accessor(token.accessor, options),
    display_name: token.displayName,
    policies: added === undefined || added.length === 0 ? token.policies : [...new Set([...token.policies, ...added])].sort(),
    token_policies: token.policies,
    identity_policies: added,
    policy_results: allowed === undefined ? undefined : { allowed, ...present({ granting_policies: granting?.map(inRoot) }) },
    denial,
    metadata: token.meta,
    remaining_uses: token.numUses,
    entity_id: token.entityId,
    token_type: token.type,
    token_ttl: token.ttl,
    token_issue_time: rfc3339(token.created),
  });
}

/** There is one namespace. */
function inRoot({ name, type }: GrantingPolicy): Json {
  return { name, namespace_id: 'root', type };
}

function request({ wire, operation, mount, token, issued }: Life, options: LineOptions): Json {
  return present({
    id: wire.id,
    operation,
    ...mountFields(mount),
    client_token: secret(wire.token, options),
    client_token_accessor: token === undefined || issued !== undefined ? undefined : accessor(token.accessor, options),
    namespace: { id: 'root' },
    path: wire.path,
    data: hashedData(wire.data, mount?.config.audit_non_hmac_request_keys, options),
    remote_address: wire.remoteAddress,
    remote_port: wire.remotePort,
    wrap_ttl: wire.wrapTtl,
    headers: shownHeaders(wire.headers, options),
  });
}

function response({ outcome, mount, operation }: Life, options: LineOptions): Json {
  if (outcome === undefined) return mountFields(mount);
  const { data, auth: block, leaseId, warnings, wrapInfo } = outcome;
  // What was wrapped is not what was answered: the line of whoever unwraps it tells of it.
  const wrapped = wrapInfo !== null;
  return present({
    auth: block === null || wrapped ? undefined : authBlock(block, options),
    ...mountFields(mount),
    secret: wrapped ? undefined : present({ lease_id: leaseId }),
    data: data === null || wrapped ? undefined : responseData(data, operation, mount, options),
    warnings,
    wrap_info: wrapped ? wrapFields(wrapInfo, options) : undefined,
  });
}

function responseData(data: Readonly<Json>, operation: Life['operation'], mount: MountRecord | undefined, options: LineOptions): Json {
  const shown = (operation === 'list' || operation === 'scan') && options.elideListResponses ? elided(data) : data;
  return hashedData(shown, mount?.config.audit_non_hmac_response_keys, options);
}

function wrapFields({ token, wrapped_accessor, ...others }: WrapInfo, options: LineOptions): Json {
  return present({
    ttl: others.ttl,
    token: secret(token, options),
    accessor: accessor(others.accessor, options),
    creation_time: others.creation_time,
    creation_path: others.creation_path,
    wrapped_accessor: wrapped_accessor === undefined ? undefined : accessor(wrapped_accessor, options),
  });
}

function authBlock(block: AuthBlock, options: LineOptions): Json {
  return present({
    client_token: secret(block.client_token, options),
    accessor: accessor(block.accessor, options),
    policies: block.policies,
    token_policies: block.token_policies,
    identity_policies: block.identity_policies,
    metadata: block.metadata,
    num_uses: block.num_uses,
    entity_id: block.entity_id,
    token_type: block.token_type,
    token_ttl: block.lease_duration,
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

/** Batch tokens have none. */
function accessor(value: string, options: LineOptions): string {
  return value === '' || options.raw || !options.hmacAccessor ? value : hashed(options.salt, value);
}

/**
 * Keys, numbers and booleans stay; strings are hashed wherever they stand. A plain key shows its own string or list of
 * strings, at any depth, and nothing of an object below it: `data` in clear would be every secret in clear.
 */
function hashedData(data: Readonly<Json>, plainKeys: readonly string[] | undefined, { raw, salt }: LineOptions): Json {
  return raw ? data : hashedObject(data, { salt, plainKeys: plainKeys ?? none });
}

interface Hashing {
  readonly salt: KeyObject;
  readonly plainKeys: readonly string[];
}

const none: readonly string[] = [];

function hashedObject(data: Readonly<Json>, hashing: Hashing): Json {
  const made: Json = {};
  for (const [name, value] of Object.entries(data)) define(made, name, hashedValue(value, hashing.plainKeys.includes(name), hashing));
  return made;
}

function hashedValue(value: unknown, plain: boolean, hashing: Hashing): unknown {
  if (typeof value === 'string') return plain ? value : hashed(hashing.salt, value);
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return value;
  if (Array.isArray(value)) return value.map((item) => hashedValue(item, plain, hashing));
  return hashedObject(value as Json, hashing);
}

function define(object: Json, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

/** Long lists are the largest part of many logs: their length stands for them. */
function elided(data: Readonly<Json>): Json {
  const { keys, key_info: info } = data;
  return {
    ...data,
    ...(Array.isArray(keys) ? { keys: keys.length } : {}),
    ...(typeof info === 'object' && info !== null ? { key_info: Object.keys(info).length } : {}),
  };
}

function shownHeaders(headers: Life['wire']['headers'], { headers: wanted, salt, raw }: LineOptions): Json | undefined {
  if (wanted.size === 0) return undefined;
  const shown: Json = {};
  for (const [name, hmac] of wanted) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    // A token is shown as `client_token`, hashed, and nowhere else.
    if (value === undefined || tokenHeaders.has(name)) continue;
    const values = typeof value === 'string' ? [value] : value;
    define(
      shown,
      name,
      values.map((one) => (hmac && !raw ? hashed(salt, one) : one)),
    );
  }
  return Object.keys(shown).length === 0 ? undefined : shown;
}

const tokenHeaders = new Set(['x-vault-token', 'authorization']);

/** Empty fields are left out, as Go's omitempty does. */
function present(fields: Json): Json {
  const kept: Json = {};
  for (const name in fields) {
    const value = fields[name];
    if (!isEmpty(value)) kept[name] = value;
  }
  return kept;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 && !JSON.isRawJSON(value);
  return value === undefined || value === null || value === '' || value === 0;
}
