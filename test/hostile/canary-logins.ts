// The sound requests of the auth methods approle and userpass, and of the lockout, with marked passwords and secret ids.

import { type Call, type Known, marked } from './canary.ts';

const entitled = true;
/** What earlier calls brought and later ones need. */
const ids = { approle: '', userpass: '', role: '', accessor: '' };

const enabled = (type: 'approle' | 'userpass'): readonly Call[] => [
  { route: 'sys-mounts.auth.write', path: `sys/auth/${type}`, body: { type } },
  {
    route: 'sys-mounts.auth.read',
    path: `sys/auth/${type}`,
    learn: ({ body }) => {
      ids[type] = body.data.accessor;
    },
  },
];

const fields: readonly (readonly [route: string, path: string, body: Readonly<Record<string, unknown>>])[] = [
  ['policies', 'policies', { token_policies: 'default' }],
  ['period', 'period', { token_period: '1h' }],
  ['tokenTtl', 'token-ttl', { token_ttl: '5m' }],
  ['tokenMaxTtl', 'token-max-ttl', { token_max_ttl: '10m' }],
  ['tokenNumUses', 'token-num-uses', { token_num_uses: 0 }],
  ['tokenBoundCidrs', 'token-bound-cidrs', { token_bound_cidrs: '127.0.0.1' }],
  ['bindSecretId', 'bind-secret-id', { bind_secret_id: true }],
  ['secretIdBoundCidrs', 'secret-id-bound-cidrs', { secret_id_bound_cidrs: '127.0.0.1/32' }],
  ['boundCidrList', 'bound-cidr-list', { bound_cidr_list: '127.0.0.1/32' }],
  ['secretIdNumUses', 'secret-id-num-uses', { secret_id_num_uses: 9 }],
  ['secretIdTtl', 'secret-id-ttl', { secret_id_ttl: '1h' }],
];

const role = 'auth/approle/role/app';
const chosen = { secret_id: marked('secret id') };

export const loginMounts = (_known: Known): readonly Call[] => [
  ...enabled('approle'),
  ...enabled('userpass'),
  { route: 'approle.role.write', path: role, body: {} },
  { route: 'approle.role.read', path: role },
  { route: 'approle.roles.list', path: 'auth/approle/role' },
  { route: 'approle.localSecretIds.read', path: `${role}/local-secret-ids` },
  {
    route: 'approle.roleId.read',
    path: `${role}/role-id`,
    learn: ({ body }) => {
      ids.role = body.data.role_id;
    },
  },
  ...fields.flatMap(([route, path, body]) => [
    { route: `approle.${route}.write`, path: `${role}/${path}`, body },
    { route: `approle.${route}.read`, path: `${role}/${path}` },
    { route: `approle.${route}.delete`, path: `${role}/${path}` },
  ]),
  { route: 'approle.secretIds.write', path: `${role}/secret-id`, body: {}, entitled },
  {
    route: 'approle.customSecretId.write',
    path: `${role}/custom-secret-id`,
    body: chosen,
    entitled,
    learn: ({ body }) => {
      ids.accessor = body.data.secret_id_accessor;
    },
  },
  { route: 'approle.secretIds.list', path: `${role}/secret-id` },
];

export const loginsMade = (_known: Known): readonly Call[] => [
  { route: 'approle.secretIdLookup.write', path: `${role}/secret-id/lookup`, body: chosen },
  { route: 'approle.accessorLookup.write', path: `${role}/secret-id-accessor/lookup`, body: { secret_id_accessor: ids.accessor } },
  { route: 'approle.login.write', path: 'auth/approle/login', token: null, body: { role_id: ids.role, ...chosen }, entitled },
  {
    route: 'approle.login.write',
    path: 'auth/approle/login',
    token: null,
    body: { role_id: ids.role, secret_id: marked('wrong secret id') },
    status: 400,
  },
  { route: 'approle.roleId.write', path: `${role}/role-id`, body: { role_id: 'chosen' } },
  { route: 'approle.accessorDestroy.write', path: `${role}/secret-id-accessor/destroy`, body: { secret_id_accessor: ids.accessor } },
  { route: 'approle.accessorDestroy.delete', path: `${role}/secret-id-accessor/destroy`, body: {}, status: 400 },
  { route: 'approle.secretIdDestroy.write', path: `${role}/secret-id/destroy`, body: chosen },
  { route: 'approle.secretIdDestroy.delete', path: `${role}/secret-id/destroy?secret_id=${chosen.secret_id}` },
  { route: 'approle.tidy.write', path: 'auth/approle/tidy/secret-id', body: {} },
  { route: 'approle.role.delete', path: role },
  { route: 'userpass.user.write', path: 'auth/userpass/users/ann', body: { password: marked('password') } },
  { route: 'userpass.user.write', path: 'auth/userpass/users/bob', body: { password_hash: marked('password hash') }, status: 400 },
  { route: 'userpass.user.read', path: 'auth/userpass/users/ann' },
  { route: 'userpass.users.list', path: 'auth/userpass/users' },
  { route: 'userpass.policies.write', path: 'auth/userpass/users/ann/policies', body: { token_policies: 'default' } },
  { route: 'userpass.login.write', path: 'auth/userpass/login/ann', token: null, body: { password: marked('password') }, entitled },
  { route: 'userpass.password.write', path: 'auth/userpass/users/ann/password', body: { password: marked('new password') } },
  { route: 'userpass.login.write', path: 'auth/userpass/login/ann', token: null, body: { password: marked('password') }, status: 400 },
  { route: 'sys-locked-users.lockedUsers.read', path: 'sys/locked-users' },
  { route: 'sys-locked-users.unlock.write', path: `sys/locked-users/${ids.userpass}/unlock/ann`, body: {} },
  { route: 'userpass.user.delete', path: 'auth/userpass/users/ann' },
];
