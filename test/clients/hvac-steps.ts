// What each step of hvac-walk.py must bring: a value, or an exception of hvac's with its message.

import { expect } from 'vitest';

export type Expected = { readonly value: unknown } | { readonly error: string; readonly message: unknown };

const done: Expected = { value: { status: 204 } };
const value = (wanted: unknown): Expected => ({ value: wanted });
/** hvac puts method and URL behind what the server said. */
const refused = (error: string, text: string): Expected => ({ error, message: expect.stringContaining(`${text}, on `) });
const missing = refused('InvalidPath', 'None');
const denied = refused('Forbidden', '1 error occurred:\n\t* permission denied\n\n');
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
const newToken = {
  client_token: expect.stringMatching(/^hvs\.[0-9A-Za-z]{24}$/),
  accessor: expect.stringMatching(/^[0-9A-Za-z]{24}$/),
  policies: ['default', 'own'],
  token_policies: ['default', 'own'],
  renewable: true,
  entity_id: '',
  token_type: 'service',
  num_uses: 0,
};

const initialising: Readonly<Record<string, Expected>> = {
  'is not initialised': value(false),
  'health before init': value({ status: 501, body: { initialized: false, sealed: true } }),
  'seal status before init': value({ type: 'shamir', initialized: false, sealed: true, t: 0, n: 0 }),
  'unseal before init': refused('InvalidRequest', 'Vault is not initialized'),
  initialize: value({ keys: 5, base64: 5, lengths: [66] }),
  'initialize again': refused('InvalidRequest', 'Vault is already initialized'),
  'is initialised': value(true),
  sealed: value(true),
  'health while sealed': value({ status: 503, body: { initialized: true, sealed: true } }),
  'read while sealed': refused('VaultDown', 'Vault is sealed'),
  'first share': value({ sealed: true, t: 3, n: 5, progress: 1, nonce: expect.stringMatching(/^[0-9a-f-]{36}$/) }),
  reset: value({ sealed: true, progress: 0, nonce: '' }),
  unseal: value({ sealed: false, progress: 0, cluster_name: expect.any(String) }),
  health: value({ initialized: true, sealed: false, standby: false, cluster_id: expect.any(String) }),
  'health by HEAD': value({ status: 200 }),
  leader: value({ ha_enabled: false }),
  'is authenticated': value(true),
};

const mounting: Readonly<Record<string, Expected>> = {
  'enable kv 1': done,
  'enable kv 2': done,
  'enable taken': refused('InvalidRequest', 'path is already in use at kv2/'),
  'enable unknown': refused('InvalidRequest', 'plugin not found in the catalog: nothing'),
  'list mounts': value(['cubbyhole/', 'identity/', 'kv1/', 'kv2/', 'sys/']),
  'mount option': value('2'),
  tune: done,
  'read tuning': value({ default_lease_ttl: 3600, max_lease_ttl: 7200, description: 'second', options: { version: '2' } }),
  'enable for disabling': done,
  move: value({ data: { migration_id: expect.any(String) } }),
  disable: done,
  'list auth methods': value(['token/']),
};

const kv: Readonly<Record<string, Expected>> = {
  'v1 read nothing': missing,
  'v1 write': done,
  'v1 read': value({ password: 'öß', n: 3 }),
  'v1 list': value({ keys: ['a'] }),
  'v1 list nothing': missing,
  'v1 delete': done,
  'v1 read deleted': missing,
  'generic write': done,
  'generic read': value({ path: 'kept', token: 'kept' }),
  'generic read of nothing': value(null),
  'generic list': value({ keys: ['generic'] }),
  'v2 configure': done,
  'v2 configuration': value({ max_versions: 4, cas_required: false, delete_version_after: '0s' }),
  'v2 write': value({ version: 1, created_time: time, deletion_time: '', destroyed: false, custom_metadata: null }),
  'v2 cas mismatch': refused('InvalidRequest', 'check-and-set parameter did not match the current version'),
  'v2 write again': value(2),
  'v2 patch': value(3),
  'v2 patch nothing': refused('InvalidPath', 'No value found at "none"; patch only works on existing data.'),
  'v2 read': value({ a: '2', b: '3' }),
  'v2 read version': value({ a: '1' }),
  'v2 read future version': missing,
  'v2 delete latest': done,
  'v2 read deleted': { error: 'InvalidPath', message: expect.stringContaining('"data":null') },
  'v2 look at deleted': value(null),
  'v2 undelete': done,
  'v2 read undeleted': value({ a: '2', b: '3' }),
  'v2 delete versions': done,
  'v2 destroy': done,
  'v2 update metadata': done,
  'v2 metadata': value({
    current_version: 3,
    max_versions: 7,
    custom_metadata: { team: 'ops' },
    versions: {
      '1': { deletion_time: time, destroyed: false },
      '2': { deletion_time: time, destroyed: true },
      '3': { deletion_time: '', destroyed: false },
    },
  }),
  'v2 list': value({ keys: ['app/'] }),
  'v2 list below': value({ keys: ['a'] }),
  'v2 delete everything': done,
  'v2 list nothing': missing,
};

const policies: Readonly<Record<string, Expected>> = {
  'write policy': value({ warnings: ['policy name was converted to own'] }),
  'write policy as an object': done,
  'write broken policy': refused('InvalidRequest', 'failed to parse policy: path "x": invalid capability "fly"'),
  'list policies': value(['default', 'object', 'own', 'root']),
  'list acl policies': value(['default', 'object', 'own', 'root']),
  'read policy': value(true),
  'read acl policy': value({ path: { 'kv1/x': { capabilities: ['read'] } } }),
  'read no policy': missing,
  'delete policy': done,
  'delete root policy': refused('InvalidRequest', 'cannot delete "root" policy'),
};

const ownCapabilities = ['create', 'list', 'read', 'update'];

const tokens: Readonly<Record<string, Expected>> = {
  'create token': value({ auth: { ...newToken, metadata: { who: 'joe' }, lease_duration: 3600, orphan: false } }),
  'write allowed': done,
  'write forbidden': denied,
  'lookup self': value({
    display_name: 'token-joe',
    meta: { who: 'joe' },
    path: 'auth/token/create',
    ttl: expect.any(Number),
    creation_ttl: 3600,
  }),
  lookup: value('token-joe'),
  'lookup accessor': value(''),
  renew: value(1800),
  'renew self': value(1200),
  'renew accessor': value(600),
  'renew root': refused('InvalidRequest', 'invalid lease ID'),
  'list accessors': value(true),
  capabilities: value({ 'kv1/own/a': ownCapabilities, 'kv1/other': ['deny'] }),
  'capabilities of an accessor': value({ 'kv1/own/a': ownCapabilities, capabilities: ownCapabilities }),
  'own capabilities': value(ownCapabilities),
  'revoke accessor': done,
  'use revoked': refused('Forbidden', 'permission denied'),
  'use its child': refused('Forbidden', 'permission denied'),
  'lookup revoked': refused('Forbidden', 'bad token'),
  'is not authenticated': value(false),
  'write role': done,
  'read role': value({ name: 'fixed', allowed_policies: ['own'], orphan: true, period: 7200, path_suffix: 'below' }),
  'list roles': value({ keys: ['fixed'] }),
  'create from role': value({ auth: { ...newToken, lease_duration: 7200, orphan: true } }),
  'lookup from role': value({ path: 'auth/token/create/fixed/below', role: 'fixed', orphan: true, creation_ttl: 7200 }),
  'create beyond role': refused(
    'InvalidRequest',
    'token policies (["root"]) must be subset of the role\'s allowed policies (["default" "own"]) or glob policies ([])',
  ),
  'delete role': done,
  'two uses': value([1, -1]),
  'third use': refused('Forbidden', 'permission denied'),
  'batch token': value({ prefix: 'hvb.', accessor: '', renewable: false }),
  'use batch token': value({ v: '1' }),
  'revoke token': done,
  'revoke self': done,
  'unknown token': refused('Forbidden', 'permission denied'),
  'no token': refused('Forbidden', 'permission denied'),
};

const leasesAndWrapping: Readonly<Record<string, Expected>> = {
  'list leases': value(expect.arrayContaining([expect.stringMatching(/^h[0-9a-f]{64}$/)])),
  'read lease': value({
    path: 'auth/token/create',
    renewable: true,
    issue_time: time,
    expire_time: time,
    last_renewal: null,
    ttl: expect.any(Number),
  }),
  'read no lease': refused('InvalidRequest', 'invalid lease'),
  'renew no lease': refused('InvalidRequest', 'lease not found'),
  'revoke no lease': done,
  'revoke prefix': done,
  'used after revoke prefix': refused('Forbidden', 'permission denied'),
  'revoke force': done,
  'wrapped create': value(120),
  'wrapped read': value({ ttl: 60, creation_path: 'kv1/generic' }),
  'lookup wrapping token': value({ creation_path: 'kv1/generic', creation_time: time, creation_ttl: 60 }),
  unwrap: value({ path: 'kept', token: 'kept' }),
  'unwrap again': refused('InvalidRequest', 'wrapping token is not valid or does not exist'),
  'unwrap with the token itself': value({ a: 'b' }),
  'unwrap rewrapped': value({ a: 'c' }),
  'use of wrapping token for another thing': denied,
};

const rest: Readonly<Record<string, Expected>> = {
  'unmounted path': refused('InvalidPath', 'no handler for route "nowhere/a". route entry not found.'),
  'not a method of that path': refused('UnexpectedError', '1 error occurred:\n\t* unsupported operation\n\n'),
  'key status': value(1),
  rotate: done,
  'key status after': value(2),
  'audit hash of no device': refused('InvalidRequest', 'unknown audit backend: "none/"'),
  'list audit devices': value({}),
  'ha status': value(1),
  limit: done,
  'read limit': value({ name: 'calls', path: 'kv1/', rate: 1000, interval: 2, block_interval: 0, role: '', type: 'rate-limit' }),
  'list limits': value(['calls']),
  'delete limit': done,
  'no generation': value({ started: false, progress: 0, required: 3, otp_length: 28 }),
  generation: value({ started: true, required: 3 }),
  'generation again': refused('InvalidRequest', 'root generation already in progress for this namespace'),
  'generation by shares': value([false, false, true]),
  'cancel generation': done,
  rekey: value({ t: 3, n: 5, progress: 0 }),
  'cancel rekey': done,
  rekeyed: value({ complete: true, keys: 5 }),
  backup: refused('InvalidRequest', 'no backed-up keys found'),
  seal: done,
  'is sealed': value(true),
  'read after seal': refused('VaultDown', 'Vault is sealed'),
  'two shares': value([1, 2]),
  'a broken share': { error: 'InvalidRequest', message: expect.stringContaining('root key') },
  'progress after it': value(0),
  'unseal again': value(false),
  'everything is still there': value({ path: 'kept', token: 'kept' }),
};

/** In the order of the walk. */
export const expectedSteps: Readonly<Record<string, Expected>> = {
  ...initialising,
  ...mounting,
  ...kv,
  ...policies,
  ...tokens,
  ...leasesAndWrapping,
  ...rest,
};
