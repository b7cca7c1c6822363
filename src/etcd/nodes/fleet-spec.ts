// The control-plane nodes as the manager is told of them, wherever that was written.

import { dirname, isAbsolute, join } from 'node:path';
import type { LayoutName } from './layout.ts';
import type { NodeAccess } from './node-access.ts';

export interface NodeSpec {
  /** For people and for flags. Ours is the host name; RKE's may be an address: `/proc/sys/kernel/hostname` of the node has the host name. */
  readonly name: string;
  readonly access: NodeAccess;
  /** Static pod of the kube-apiserver on the node. On k3s there is none: it is where kubeadm's would be. */
  readonly manifest: string;
  /** For EncryptionConfigurations, on the node. */
  readonly folder: string;
}

export interface Fleet {
  /** Path of a kubeconfig on this machine. */
  readonly kubeconfig?: string | undefined;
  readonly layout: LayoutName;
  /** At least one; their names differ. */
  readonly nodes: readonly NodeSpec[];
  /** What RKE's cluster.yml asks for. */
  readonly encryption?: RequestedEncryption | undefined;
}

export interface RequestedEncryption {
  readonly enabled: boolean;
  /** YAML of an EncryptionConfiguration. Keys may stand in it: it is never shown. */
  readonly customConfig?: string | undefined;
  /** `rotate_encryption_key: true`. */
  readonly rotateKey: boolean;
  /** `host:container` of the kube-apiserver, where sockets of KMS plugins come from. */
  readonly extraBinds: readonly string[];
}

export interface FleetSource {
  /** Of the file, for messages, and for relative paths in it. */
  readonly path: string;
  /** In place of `~`. */
  readonly home?: string | undefined;
  /** As rke's --ssh-agent-auth: keys come from the SSH agent on all nodes. */
  readonly sshAgent?: boolean | undefined;
}

/** `~` is the home folder, and what is relative lies beside the file. */
export function pathFrom(text: string, { path, home }: FleetSource): string {
  if (home !== undefined && (text === '~' || text.startsWith('~/'))) return join(home, text.slice(1));
  return isAbsolute(text) || text.startsWith('~') ? text : join(dirname(path), text);
}
