// The table of commands: what help lists, and where each family is loaded from when it is called.

import type { Command, Group } from './command.ts';

export interface Family {
  readonly name: string;
  readonly synopsis: string;
  /** Stands among the common commands in help. */
  readonly common?: true;
  /** Absent for programs that src/programs/cli.ts starts itself. */
  readonly load?: () => Promise<Command | Group>;
}

export const families: readonly Family[] = [
  { name: 'read', synopsis: 'Read data and secrets', common: true, load: async () => (await import('./commands/read.ts')).read },
  {
    name: 'write',
    synopsis: 'Write data, configuration and secrets',
    common: true,
    load: async () => (await import('./commands/write.ts')).write,
  },
  {
    name: 'delete',
    synopsis: 'Delete secrets and configuration',
    common: true,
    load: async () => (await import('./commands/delete.ts')).remove,
  },
  { name: 'list', synopsis: 'List data or secrets', common: true, load: async () => (await import('./commands/list.ts')).list },
  { name: 'login', synopsis: 'Log in', common: true, load: async () => (await import('./commands/login.ts')).login },
  { name: 'server', synopsis: 'Start a server', common: true },
  { name: 'kms', synopsis: "Seal kube-apiserver's data: its KMS plugin" },
  { name: 'etcd', synopsis: 'Encrypt what lies in etcd on every control-plane node, with proof' },
  { name: 'keyring', synopsis: 'Make and change files of keys' },
  { name: 'start', synopsis: 'Start everything on this machine, to try it out', common: true },
  {
    name: 'status',
    synopsis: 'Print the state of the seal',
    common: true,
    load: async () => (await import('./commands/status.ts')).status,
  },
  { name: 'unwrap', synopsis: 'Unwrap a wrapped secret', common: true, load: async () => (await import('./commands/unwrap.ts')).unwrap },
  {
    name: 'auth',
    synopsis: 'Enable, list and set auth methods',
    load: async () => (await import('./commands/auth.ts')).auth,
  },
  {
    name: 'audit',
    synopsis: 'Enable, list and disable audit devices',
    load: async () => (await import('./commands/audit.ts')).audit,
  },
  { name: 'kv', synopsis: 'Read and write secrets of a KV mount', load: async () => (await import('./commands/kv.ts')).kv },
  {
    name: 'policy',
    synopsis: 'Write, read and delete policies',
    load: async () => (await import('./commands/policy.ts')).policy,
  },
  {
    name: 'secrets',
    synopsis: 'Mount, list and set secrets engines',
    load: async () => (await import('./commands/secrets.ts')).secrets,
  },
  {
    name: 'lease',
    synopsis: 'Look up, renew and revoke leases',
    load: async () => (await import('./commands/lease.ts')).lease,
  },
  {
    name: 'operator',
    synopsis: 'Initialise, seal, unseal and look after a server',
    load: async () => (await import('./commands/operator.ts')).operator,
  },
  {
    name: 'token',
    synopsis: 'Make, look up, renew and revoke tokens',
    load: async () => (await import('./commands/token.ts')).token,
  },
  {
    name: 'transit',
    synopsis: 'Import keys into transit',
    load: async () => (await import('./commands/transit.ts')).transit,
  },
  {
    name: 'patch',
    synopsis: 'Change parts of data, configuration and secrets',
    load: async () => (await import('./commands/patch.ts')).patch,
  },
  {
    name: 'path-help',
    synopsis: 'Print the help of a path',
    load: async () => (await import('./commands/path-help.ts')).pathHelp,
  },
  {
    name: 'completion',
    synopsis: 'Print what a shell runs to complete command lines',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'scan',
    synopsis: 'List data or secrets on all levels',
    load: async () => (await import('./commands/scan.ts')).scan,
  },
  { name: 'print', synopsis: 'Print what the command works with', load: async () => (await import('./commands/print.ts')).print },
  { name: 'version', synopsis: 'Print the version of the command', load: async () => (await import('./commands/version.ts')).version },
];
