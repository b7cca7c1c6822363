// The flags of `casemate kms install`, `uninstall` and `doctor`.

import { bool, text, texts } from '../../cli/flags.ts';
import { clusterFlags, runFlags } from '../etcd/flags.ts';

const { state: _state, 'evict-node': _evict, ...reach } = clusterFlags;

/** Which cluster, which of its nodes, and which KMS. */
export const nodeFlags = {
  ...reach,
  local: bool('This machine is the node, and the only one that is looked at.'),
  node: texts('Name of a node of the nodes file; all of them when left out. Can be given several times.'),
  'kms-name': text('Name of the KMS in the EncryptionConfiguration: part of what is stored, so never that of another KMS.', {
    default: 'casemate',
  }),
} as const;

export const changeFlags = {
  ...runFlags,
  'dry-run': bool('Print what would change as a diff, and change nothing.'),
} as const;

export const installFlags = {
  ...nodeFlags,
  ...changeFlags,
  form: text('How the plugin is started: sidecar (in the static pod of kube-apiserver, since Kubernetes 1.29), static-pod or systemd.', {
    default: 'sidecar',
  }),
  image: text('Image of the plugin, which the node must have or be able to pull; not for systemd.'),
  program: text('Of a systemd unit: path of this command on the node.', { default: '/usr/local/bin/casemate' }),
  resources: text('What the KMS shall seal, with commas between: secrets, widgets.example.com, *.apps, *.*.', { default: 'secrets' }),
  'kms-version': text('v2, or v1 for what cannot do without it.', { default: 'v2' }),
  'kms-timeout': text('How long kube-apiserver waits for the plugin, as Go writes durations.', { default: '3s' }),
  'plugin-config': text(
    "The plugin's configuration, where its key is to be held by somebody else: a file of this machine, in HCL, or that of JD Cloud's plugin.",
  ),
  'plugin-folder': text("Folder of the node for the plugin's configuration and its key ring.", { default: '/etc/casemate' }),
  'plugin-only': bool('Install the plugin, and leave the EncryptionConfiguration as it is.'),
  ring: text('A key ring of this machine, as the one that the nodes get; those of one cluster have the same.'),
  'new-ring': bool('Make a new key ring, although there are kube-apiservers that cannot be asked for theirs.'),
  socket: text('Where the plugin listens; that of -plugin-config when it names one.', { default: '/run/casemate-kms/secrets.sock' }),
  'socket-folder': text('Folder of the node that a sidecar and kube-apiserver see as that of the socket; the same when left out.'),
  health: text('Loopback address for the health and the metrics of the plugin; empty for none.', { default: '127.0.0.1:8250' }),
} as const;

export const uninstallFlags = {
  ...nodeFlags,
  ...changeFlags,
  purge: bool("Remove the plugin's configuration and its key ring as well. Snapshots of etcd from the time when it sealed need them."),
} as const;

export const doctorFlags = {
  ...nodeFlags,
  namespace: text('Where one Secret is written, read and removed.', { default: 'kube-system' }),
} as const;
