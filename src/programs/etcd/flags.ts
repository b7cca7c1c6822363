// The flags of `casemate etcd`: of all its verbs, of those that change a cluster, and of single ones.

import { bool, duration, text, texts } from '../../cli/flags.ts';

export const clusterFlags = {
  config: text(
    'Which control-plane nodes there are and how they are reached: a file of ours, or the cluster.yml of RKE. This node alone when left out and neither casemate-etcd.yaml nor cluster.yml is there.',
    {
      aliases: ['nodes'],
    },
  ),
  kubeconfig: text("An administrator's; that of the nodes file, KUBECONFIG, or /etc/kubernetes/admin.conf when left out."),
  context: text('Context of the kubeconfig.'),
  'ssh-agent-auth': bool('Log in with the keys of the SSH agent; the agent is never forwarded.'),
  sudo: bool('Run commands on nodes reached over SSH by sudo, without a password.'),
  manifest: text("Of this node: path of kube-apiserver's static pod."),
  folder: text('Of this node: folder for encryption configurations.'),
  'etcd-endpoints': text('Where etcd is reached, with commas between; what kube-apiserver is told when left out.'),
  'etcd-cacert': text('PEM file on this machine; the one on the node that kube-apiserver is told when left out, and so for the next two.'),
  'etcd-cert': text('PEM file on this machine.'),
  'etcd-key': text('PEM file on this machine.'),
  state: text('Folder of this machine for the journal, the list of keys and snapshots.', { default: '/var/lib/casemate/etcd' }),
  'evict-node': texts(
    'A node that is gone for good: nothing waits for it any more, and its identity Lease is removed. Can be given several times.',
  ),
  format: text('table or json.', { default: 'table' }),
  'ignore-docker-version': bool('Taken, and without effect: nothing here asks Docker.', { hidden: true }),
} as const;

export const runFlags = {
  yes: bool('Do not ask.', { aliases: ['y'] }),
  'wait-reload': duration('How long a kube-apiserver may take to load a changed configuration; it looks once a minute.', { default: 150 }),
  'wait-restart': duration('How long a kube-apiserver may take to be ready again.', { default: 120 }),
} as const;

export const changeFlags = {
  'dry-run': bool('Print every step, the configuration of every phase and how long it takes, and change nothing.'),
  restart: bool('Load configurations by starting kube-apiserver anew, one node after the other, in place of its own reload.'),
  'no-snapshot': bool('Take no snapshot of etcd before.'),
  'custom-config': text('An EncryptionConfiguration of your own, as the one that shall stand at the end.'),
} as const;

export const writerFlags = {
  provider: text('aescbc, aesgcm, secretbox, kms-v2 or kms-v1.'),
  'kms-name': text('Name of the KMS provider: part of what is stored, so never that of another KMS.', { default: 'casemate' }),
  'kms-endpoint': text('Its socket, the same on all nodes: unix:///run/casemate-kms/secrets.sock.'),
  'kms-timeout': text('As Go writes durations.', { default: '3s' }),
} as const;

export const enableFlags = {
  resources: text('What is encrypted, with commas between: secrets, widgets.example.com, *.apps, *.*.', { default: 'secrets' }),
  'keep-identity': bool('Go on reading clear text when all is encrypted.'),
} as const;

export const disableFlags = {
  'remove-configuration': bool('Take the flags out of kube-apiserver at the end, one restart per node, and remove the file.'),
} as const;

export const verifyFlags = {
  resources: text('What is read, with commas between; what the configuration names when left out.'),
} as const;

export const snapshotFileFlags = {
  configuration: text('EncryptionConfiguration with which the snapshot shall be read; what is needed is listed all the same without it.'),
  state: text('Folder with the list of keys and the key of the archive, where retired keys are.'),
  format: text('table or json.', { default: 'table' }),
} as const;

export const restoreFlags = {
  ...snapshotFileFlags,
  'write-configuration': text(
    'Write the configuration to this file, with the keys of the archive that the snapshot needs: they open and seal nothing.',
  ),
} as const;

export const scheduleFlags = {
  every: duration('Print a CronJob that rotates so often, and change nothing: 30d, 12h.'),
  image: text('Image of the CronJob.', { default: 'casemate:0.1.0' }),
} as const;
