// One sound request for every operation of every route, with marked secrets wherever a secret may stand.

import { type Call, type Known, marked } from './canary.ts';
import { identityMade, identityMounts, identityUsed } from './canary-identity.ts';
import { loginMounts, loginsMade } from './canary-logins.ts';
import { operatorCalls } from './canary-operators.ts';
import { transitMade, transitUsed } from './canary-transit.ts';

const entitled = true;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const wrap = { 'x-vault-wrap-ttl': '5m' };
const merge = { 'content-type': 'application/merge-patch+json' };
const policy = `path "kv/*" { capabilities = ["read"] comment = "${marked('policy')}" }`;

const kv: readonly Call[] = [
  { route: 'kv-v1.secret.write', path: 'kv/a', body: { password: marked('kv1'), deep: [{ more: marked('kv1 deep') }] } },
  { route: 'kv-v1.secret.read', path: 'kv/a', entitled },
  { route: 'kv-v1.secret.list', path: 'kv' },
  { route: 'kv-v1.secret.scan', path: 'kv' },
  { route: 'kv-v2.config.write', path: 'kv2/config', body: { max_versions: 5 } },
  { route: 'kv-v2.config.read', path: 'kv2/config' },
  { route: 'kv-v2.data.write', path: 'kv2/data/a', body: { data: { password: marked('kv2') } } },
  { route: 'kv-v2.data.patch', path: 'kv2/data/a', body: { data: { second: marked('kv2 patch') } }, headers: merge },
  { route: 'kv-v2.data.read', path: 'kv2/data/a', entitled },
  { route: 'kv-v2.subkeys.read', path: 'kv2/subkeys/a' },
  { route: 'kv-v2.metadata.write', path: 'kv2/metadata/a', body: { custom_metadata: { owner: 'ops' } } },
  { route: 'kv-v2.metadata.patch', path: 'kv2/metadata/a', body: { custom_metadata: { team: 'blue' } }, headers: merge },
  { route: 'kv-v2.metadata.read', path: 'kv2/metadata/a' },
  { route: 'kv-v2.metadata.list', path: 'kv2/metadata' },
  { route: 'kv-v2.metadata.scan', path: 'kv2/metadata' },
  { route: 'kv-v2.delete.write', path: 'kv2/delete/a', body: { versions: [1] } },
  { route: 'kv-v2.undelete.write', path: 'kv2/undelete/a', body: { versions: [1] } },
  { route: 'kv-v2.destroy.write', path: 'kv2/destroy/a', body: { versions: [1] } },
  { route: 'kv-v2.data.delete', path: 'kv2/data/a' },
  { route: 'kv-v2.data.read', path: 'kv2/data/a', status: 404 },
  { route: 'kv-v2.metadata.delete', path: 'kv2/metadata/a' },
  { route: 'kv-v2.misplaced.write', path: 'kv2/elsewhere', body: { password: marked('kv2 misplaced') }, status: 404 },
  { route: 'kv-v2.misplaced.patch', path: 'kv2/elsewhere', body: { password: marked('kv2 misplaced') }, headers: merge, status: 404 },
  { route: 'kv-v2.misplaced.read', path: 'kv2/elsewhere', status: 404 },
  { route: 'kv-v2.misplaced.list', path: 'kv2/elsewhere', status: 404 },
  { route: 'kv-v2.misplaced.scan', path: 'kv2/elsewhere', status: 404 },
  { route: 'kv-v2.misplaced.delete', path: 'kv2/elsewhere', status: 404 },
  { route: 'cubbyhole.secret.write', path: 'cubbyhole/a', body: { password: marked('cubbyhole') } },
  { route: 'cubbyhole.secret.read', path: 'cubbyhole/a', entitled },
  { route: 'cubbyhole.secret.list', path: 'cubbyhole' },
  { route: 'cubbyhole.secret.delete', path: 'cubbyhole/a' },
];

const tokens = (known: Known): readonly Call[] => [
  { route: 'token.role.write', path: 'auth/token/roles/fixed', body: { allowed_policies: 'default', orphan: true } },
  { route: 'token.role.read', path: 'auth/token/roles/fixed' },
  { route: 'token.roles.list', path: 'auth/token/roles' },
  {
    route: 'token.create.write',
    path: 'auth/token/create',
    body: { id: marked('token'), policies: ['default'], ttl: '1h' },
    entitled,
    learn: ({ body }) => {
      known.child = body.auth.client_token;
      known.accessor = body.auth.accessor;
    },
  },
  { route: 'token.createOrphan.write', path: 'auth/token/create-orphan', body: { id: marked('orphan') }, entitled },
  { route: 'token.createWithRole.write', path: 'auth/token/create/fixed', body: { policies: ['default'] }, entitled },
  { route: 'token.accessors.list', path: 'auth/token/accessors' },
  { route: 'token.lookup.write', path: 'auth/token/lookup', body: { token: marked('token') }, entitled },
  { route: 'token.lookup.read', path: `auth/token/lookup?token=${marked('token')}`, entitled },
  { route: 'token.lookupSelf.read', path: 'auth/token/lookup-self', token: marked('token'), entitled },
  { route: 'token.lookupSelf.write', path: 'auth/token/lookup-self', token: marked('orphan'), entitled },
  { route: 'token.renew.write', path: 'auth/token/renew', body: { token: marked('token'), increment: '30m' }, entitled },
  { route: 'token.renewSelf.write', path: 'auth/token/renew-self', token: marked('token'), body: {}, entitled },
];

const tokensByAccessor = (known: Known): readonly Call[] => [
  { route: 'token.lookupAccessor.write', path: 'auth/token/lookup-accessor', body: { accessor: known.accessor } },
  { route: 'token.renewAccessor.write', path: 'auth/token/renew-accessor', body: { accessor: known.accessor } },
  { route: 'sys-policies.capabilities.write', path: 'sys/capabilities', body: { paths: ['kv/a'], token: marked('token') } },
  {
    route: 'sys-explain.explain.write',
    path: 'sys/policies/explain',
    body: { path: 'kv/a', operation: 'update', token: marked('token'), data: { password: marked('explained') } },
  },
  { route: 'sys-policies.capabilitiesSelf.write', path: 'sys/capabilities-self', body: { paths: ['kv/a'], token: marked('ignored') } },
  {
    route: 'sys-policies.capabilitiesAccessor.write',
    path: 'sys/capabilities-accessor',
    body: { paths: ['kv/a'], accessor: known.accessor },
  },
  {
    route: 'sys-leases.lookupPrefix.list',
    path: 'sys/leases/lookup/auth/token/create',
    learn: ({ body }) => {
      known.lease = `auth/token/create/${body.data.keys.find((key: string) => !key.endsWith('/'))}`;
    },
  },
  { route: 'sys-leases.lookup.list', path: 'sys/leases/lookup' },
];

const leases = (known: Known): readonly Call[] => [
  { route: 'sys-leases.lookup.write', path: 'sys/leases/lookup', body: { lease_id: known.lease } },
  { route: 'sys-leases.renew.write', path: 'sys/leases/renew', body: { lease_id: 'kv/none' }, status: 400 },
  { route: 'sys-leases.renewById.write', path: 'sys/leases/renew/kv/none', body: {}, status: 400 },
  { route: 'sys-leases.oldRenew.write', path: 'sys/renew', body: { lease_id: 'kv/none' }, status: 400 },
  { route: 'sys-leases.oldRenewById.write', path: 'sys/renew/kv/none', body: {}, status: 400 },
  { route: 'sys-leases.revoke.write', path: 'sys/leases/revoke', body: { lease_id: 'kv/none' } },
  { route: 'sys-leases.revokeById.write', path: 'sys/leases/revoke/kv/none', body: {} },
  { route: 'sys-leases.oldRevoke.write', path: 'sys/revoke', body: { lease_id: 'kv/none' } },
  { route: 'sys-leases.oldRevokeById.write', path: 'sys/revoke/kv/none', body: {} },
  { route: 'sys-leases.revokePrefix.write', path: 'sys/leases/revoke-prefix/kv', body: {} },
  { route: 'sys-leases.revokeForce.write', path: 'sys/leases/revoke-force/kv', body: {} },
  { route: 'sys-leases.oldRevokePrefix.write', path: 'sys/revoke-prefix/kv', body: {} },
  { route: 'sys-leases.oldRevokeForce.write', path: 'sys/revoke-force/kv', body: {} },
  { route: 'sys-leases.revocations.read', path: 'sys/leases/revocations' },
  { route: 'sys-leases.tidy.write', path: 'sys/leases/tidy', body: {} },
  { route: 'sys-leases.count.read', path: 'sys/leases/count?type=irrevocable' },
  { route: 'sys-leases.leases.read', path: 'sys/leases?type=irrevocable' },
];

const wrapping = (known: Known): readonly Call[] => [
  {
    route: 'sys-wrapping.wrap.write',
    path: 'sys/wrapping/wrap',
    body: { password: marked('wrapped') },
    headers: wrap,
    entitled,
    learn: ({ body }) => {
      known.wrapped = body.wrap_info.token;
    },
  },
];

const unwrapping = (known: Known): readonly Call[] => [
  { route: 'sys-wrapping.lookup.write', path: 'sys/wrapping/lookup', body: { token: known.wrapped }, token: null },
  { route: 'sys-wrapping.lookup.read', path: 'sys/wrapping/lookup', token: known.wrapped },
  {
    route: 'sys-wrapping.rewrap.write',
    path: 'sys/wrapping/rewrap',
    body: { token: known.wrapped },
    entitled,
    learn: ({ body }) => {
      known.wrapped = body.wrap_info.token;
    },
  },
];

const unwrapped = (known: Known): readonly Call[] => [
  { route: 'sys-wrapping.unwrap.write', path: 'sys/wrapping/unwrap', body: { token: known.wrapped }, entitled },
  { route: 'kv-v1.secret.read', path: 'kv/a', headers: wrap, entitled },
  { route: 'kv-v1.secret.delete', path: 'kv/a' },
];

const system: readonly Call[] = [
  { route: 'sys-policies.acl.write', path: 'sys/policies/acl/own', body: { policy } },
  { route: 'sys-policies.acl.read', path: 'sys/policies/acl/own', entitled },
  { route: 'sys-policies.acls.list', path: 'sys/policies/acl' },
  { route: 'sys-policies.acl.delete', path: 'sys/policies/acl/own' },
  { route: 'sys-policies.policy.write', path: 'sys/policy/own', body: { rules: base64(policy) } },
  { route: 'sys-policies.policy.read', path: 'sys/policy/own', entitled },
  { route: 'sys-policies.policies.read', path: 'sys/policy' },
  { route: 'sys-policies.policies.list', path: 'sys/policy' },
  { route: 'sys-policies.policy.delete', path: 'sys/policy/own' },
  { route: 'sys-mounts.mount.write', path: 'sys/mounts/made', body: { type: 'kv' } },
  { route: 'sys-mounts.mount.read', path: 'sys/mounts/made' },
  { route: 'sys-mounts.mountTune.write', path: 'sys/mounts/made/tune', body: { description: 'tuned' } },
  { route: 'sys-mounts.mountTune.read', path: 'sys/mounts/made/tune' },
  { route: 'sys-mounts.mounts.read', path: 'sys/mounts' },
  { route: 'sys-mounts.remount.write', path: 'sys/remount', body: { from: 'made', to: 'moved' } },
  { route: 'sys-mounts.remountStatus.read', path: 'sys/remount/status/none', status: 404 },
  { route: 'sys-mounts.mount.delete', path: 'sys/mounts/moved' },
  { route: 'sys-mounts.auths.read', path: 'sys/auth' },
  { route: 'sys-mounts.auth.read', path: 'sys/auth/token' },
  { route: 'sys-mounts.authTune.read', path: 'sys/auth/token/tune' },
  { route: 'sys-mounts.authTune.write', path: 'sys/auth/token/tune', body: { description: 'tokens' } },
  { route: 'sys-mounts.auth.write', path: 'sys/auth/none', body: { type: 'none' }, status: 400 },
  { route: 'sys-mounts.auth.delete', path: 'sys/auth/none' },
  { route: 'sys-mounts.uiMounts.read', path: 'sys/internal/ui/mounts' },
  { route: 'sys-mounts.uiMount.read', path: 'sys/internal/ui/mounts/kv/a' },
  { route: 'sys-mounts.resultantAcl.read', path: 'sys/internal/ui/resultant-acl' },
  { route: 'sys-audit.device.write', path: 'sys/audit/second', body: { type: 'file', options: { file_path: 'second.log' } } },
  { route: 'sys-audit.devices.read', path: 'sys/audit' },
  { route: 'sys-audit.hash.write', path: 'sys/audit-hash/second', body: { input: marked('hashed') } },
  { route: 'sys-audit.device.delete', path: 'sys/audit/second' },
  { route: 'sys-audit.requestHeader.write', path: 'sys/config/auditing/request-headers/x-secret', body: { hmac: true } },
  { route: 'sys-audit.requestHeader.write', path: 'sys/config/auditing/request-headers/authorization', body: {} },
  { route: 'sys-audit.requestHeader.write', path: 'sys/config/auditing/request-headers/x-vault-token', body: {} },
  { route: 'sys-audit.requestHeaders.read', path: 'sys/config/auditing/request-headers' },
  {
    route: 'sys-audit.requestHeader.read',
    path: 'sys/config/auditing/request-headers/x-secret',
    headers: { 'x-secret': marked('header') },
  },
  { route: 'sys-audit.requestHeader.delete', path: 'sys/config/auditing/request-headers/nothing' },
  { route: 'sys-tools.hash.write', path: 'sys/tools/hash', body: { input: base64(marked('to hash')) } },
  { route: 'sys-tools.hashWith.write', path: 'sys/tools/hash/sha2-512', body: { input: base64(marked('to hash')) } },
  { route: 'sys-tools.random.write', path: 'sys/tools/random', body: {} },
  { route: 'sys-tools.randomBytes.write', path: 'sys/tools/random/8', body: {} },
  { route: 'sys-tools.randomFrom.write', path: 'sys/tools/random/platform/8', body: {} },
  { route: 'sys-tools.openapi.read', path: 'sys/internal/specs/openapi' },
  { route: 'sys-tools.openapi.write', path: 'sys/internal/specs/openapi', body: {} },
  { route: 'sys-tools.metrics.read', path: 'sys/metrics?format=prometheus' },
  { route: 'sys-tools.metrics.read', path: 'sys/metrics' },
  { route: 'sys-cors.cors.write', path: 'sys/config/cors', body: { allowed_origins: 'https://console.example' } },
  { route: 'sys-cors.cors.read', path: 'sys/config/cors' },
  { route: 'sys-cors.cors.delete', path: 'sys/config/cors' },
  { route: 'sys-tools.versionHistory.list', path: 'sys/version-history' },
  { route: 'sys-seal.init.read', path: 'sys/init' },
  { route: 'sys-seal.init.write', path: 'sys/init', body: { root_token_pgp_key: marked('pgp') }, status: 400 },
  { route: 'sys-seal.sealStatus.read', path: 'sys/seal-status' },
  { route: 'sys-seal.unseal.write', path: 'sys/unseal', body: { key: marked('share') }, status: 400 },
  { route: 'sys-seal.unseal.write', path: 'sys/unseal', body: { key: base64(marked('share')) } },
  { route: 'sys-seal.health.read', path: 'sys/health' },
  { route: 'sys-seal.leader.read', path: 'sys/leader' },
  { route: 'sys-seal.haStatus.read', path: 'sys/ha-status' },
  { route: 'sys-seal.stepDown.write', path: 'sys/step-down', body: {} },
  { route: 'sys-seal.keyStatus.read', path: 'sys/key-status' },
  { route: 'sys-seal.rotate.write', path: 'sys/rotate', body: {} },
  { route: 'sys-seal.rotateKeyring.write', path: 'sys/rotate/keyring', body: {} },
  { route: 'sys-seal.sanitized.read', path: 'sys/config/state/sanitized' },
];

const ending = (known: Known): readonly Call[] => [
  { route: 'token.revokeSelf.write', path: 'auth/token/revoke-self', token: marked('orphan'), body: {} },
  { route: 'token.revoke.write', path: 'auth/token/revoke', body: { token: marked('token') } },
  { route: 'token.revokeAccessor.write', path: 'auth/token/revoke-accessor', body: { accessor: known.accessor } },
  { route: 'token.create.write', path: 'auth/token/create', body: { id: marked('third') }, entitled },
  { route: 'token.revokeOrphan.write', path: 'auth/token/revoke-orphan', body: { token: marked('third') } },
  { route: 'token.tidy.write', path: 'auth/token/tidy', body: {} },
  { route: 'token.role.delete', path: 'auth/token/roles/fixed' },
  { route: 'sys-seal.seal.write', path: 'sys/seal', body: {} },
];

/** In the order in which they must be made; the parts are asked for one after the other, since later ones use what earlier ones brought. */
export const soundCalls: readonly ((known: Known) => readonly Call[])[] = [
  () => system,
  operatorCalls,
  () => kv,
  transitMade,
  transitUsed,
  loginMounts,
  loginsMade,
  identityMounts,
  identityMade,
  identityUsed,
  tokens,
  tokensByAccessor,
  leases,
  wrapping,
  unwrapping,
  unwrapped,
  ending,
];
