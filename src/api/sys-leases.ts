// sys/leases: what is lent, how long still, and how it is given back early; the older sys/renew and sys/revoke too.

import { contract } from '../schema/contract.ts';
import { bool, duration, integer, map, text, texts, time } from '../schema/fields.ts';

const leaseId = { lease_id: text('Id of the lease') } as const;
const inPath = { url_lease_id: text('Id of the lease, when the body names none') } as const;
const prefix = { prefix: text('Beginning of the lease ids, whole segments of a path') } as const;
const sync = { sync: bool('Wait until it is revoked', { default: true }) } as const;
const counted = {
  type: text('Which leases: irrevocable'),
  include_child_namespaces: bool('Accepted for clients that send it; there is one namespace'),
} as const;

/** Routes that stand twice, below `leases/` and at their older place. */
const renew = {
  summary: 'Renew a lease.',
  help: 'Grants the increment anew from now on, within the maxima. Leases of tokens are renewed through auth/token.',
  operations: { write: { summary: 'Renew it.' } },
} as const;
const revoke = {
  summary: 'Revoke a lease.',
  help: 'Takes the secret back. Without `sync` it is only promised, with the status 202.',
  operations: { write: { summary: 'Revoke it.' } },
} as const;
const revokePrefix = {
  summary: 'Revoke all leases below a prefix.',
  help: 'Secrets are taken back, and tokens that were made at such a path are revoked. What fails is tried again later.',
  sudo: true,
  operations: { write: { summary: 'Revoke them.' } },
} as const;
const revokeForce = {
  summary: 'Revoke all leases below a prefix, and forget those that could not be.',
  help: 'For engines that can no longer take anything back: whoever calls this has to see to the secrets by hand.',
  sudo: true,
  operations: { write: { summary: 'Revoke them.' } },
} as const;

export const sysLeases = contract({
  name: 'system',
  description: 'Leases.',
  routes: {
    lookup: {
      path: 'leases/lookup',
      summary: 'Show a lease, or list the first segments of all.',
      help: 'A write shows one lease. A list, which needs sudo, shows what leases there are at the top.',
      fields: {},
      operations: {
        write: {
          summary: 'Show it.',
          input: leaseId,
          output: {
            expire_time: time('When it ends'),
            id: text('Id of the lease'),
            issue_time: time('When it was issued'),
            last_renewal: time('When it was renewed last, or null'),
            path: text('Path of the request that was answered with the secret'),
            renewable: bool('Whether it can be renewed'),
            revoke_error: text('Why it could not be revoked, when that failed'),
            ttl: integer('Seconds left'),
          },
        },
        list: { summary: 'List the first segments.', output: { keys: texts('Segments, those that go on with a slash') } },
      },
    },
    lookupPrefix: {
      path: 'leases/lookup/{prefix...}',
      summary: 'List the leases below a prefix.',
      help: 'The next segments of their ids; those that go on end with a slash.',
      fields: prefix,
      sudo: true,
      operations: { list: { summary: 'List them.', output: { keys: texts('Segments, those that go on with a slash') } } },
    },
    renew: { path: 'leases/renew', fields: { ...leaseId, increment: duration('Seconds asked for') }, ...renew },
    renewById: {
      path: 'leases/renew/{url_lease_id...}',
      fields: { ...inPath, ...leaseId, increment: duration('Seconds asked for') },
      ...renew,
    },
    revoke: { path: 'leases/revoke', fields: { ...leaseId, ...sync }, ...revoke },
    revokeById: { path: 'leases/revoke/{url_lease_id...}', fields: { ...inPath, ...leaseId, ...sync }, ...revoke },
    revokePrefix: { path: 'leases/revoke-prefix/{prefix...}', fields: { ...prefix, ...sync }, ...revokePrefix },
    revokeForce: { path: 'leases/revoke-force/{prefix...}', fields: prefix, ...revokeForce },
    revocations: {
      path: 'leases/revocations',
      summary: 'Show how far revocations of prefixes have come.',
      help: 'What lies below the prefix is useless from the moment that its revocation was asked for; the secrets are taken back one after the other.',
      fields: {},
      sudo: true,
      operations: {
        read: {
          summary: 'Show those that are not finished.',
          output: { revocations: texts('Of each its prefix, started, force, done and failed; null where another server counts') },
        },
      },
    },
    tidy: {
      path: 'leases/tidy',
      summary: 'Clear away what interrupted revocations left.',
      help: 'Runs in the background.',
      fields: {},
      operations: { write: { summary: 'Start it.' } },
    },
    count: {
      path: 'leases/count',
      summary: 'Count the leases that could not be revoked.',
      help: 'After six attempts a lease is given up: only an operator can end it.',
      fields: counted,
      operations: {
        read: { summary: 'Count them.', output: { counts: map('Per accessor of a mount'), lease_count: integer('All of them') } },
      },
    },
    leases: {
      path: 'leases',
      summary: 'List the leases that could not be revoked.',
      help: 'After six attempts a lease is given up: only an operator can end it.',
      fields: {
        ...counted,
        limit: text('How many to show; none for all of them'),
        include_large_results: bool('The same as the limit none'),
      },
      sudo: true,
      operations: {
        read: {
          summary: 'List them.',
          output: { lease_count: integer('How many are shown'), leases: texts('Of each its lease_id, mount_id and error') },
        },
      },
    },
    oldRenew: { path: 'renew', fields: { ...leaseId, increment: duration('Seconds asked for') }, ...renew },
    oldRenewById: {
      path: 'renew/{url_lease_id...}',
      fields: { ...inPath, ...leaseId, increment: duration('Seconds asked for') },
      ...renew,
    },
    oldRevoke: { path: 'revoke', fields: { ...leaseId, ...sync }, ...revoke },
    oldRevokeById: { path: 'revoke/{url_lease_id...}', fields: { ...inPath, ...leaseId, ...sync }, ...revoke },
    oldRevokePrefix: { path: 'revoke-prefix/{prefix...}', fields: { ...prefix, ...sync }, ...revokePrefix },
    oldRevokeForce: { path: 'revoke-force/{prefix...}', fields: prefix, ...revokeForce },
  },
});
