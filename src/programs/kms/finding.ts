// What one check of `casemate kms doctor` found, and what every check works with.

import { Fault } from '../../base/fault.ts';
import type { KmsProvider } from '../../etcd/config/encryption-config.ts';
import type { ManagedNode } from '../../etcd/manager/managed-node.ts';
import type { ApiserverManifest } from '../../etcd/nodes/manifest.ts';
import type { OpenCluster } from '../etcd/cluster.ts';
import type { PluginCaller } from './plugin-call.ts';

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  /** A sentence without its full stop. */
  readonly finding: string;
  /** What to do; empty when all is well. */
  readonly remedy: string;
}

/** A node as it is looked at; what is not known yet, or cannot be, is undefined. */
export interface Patient {
  readonly cluster: OpenCluster;
  readonly node: ManagedNode;
  /** Its files and sockets are those of this machine. */
  readonly isHere: boolean;
  readonly manifest: ApiserverManifest;
  /** Text of the EncryptionConfiguration. */
  readonly config: string;
  readonly provider: KmsProvider;
  readonly seals: readonly string[];
  /** Path of the socket on the node. */
  readonly socket: string | undefined;
  /** Path of the plugin's configuration on the node. */
  readonly pluginConfig: string | undefined;
}

/** What the plugin itself has told. */
export interface Spoken {
  readonly caller: PluginCaller;
  readonly keyId: string;
}

export const well = (name: string, finding: string): Finding => ({ name, ok: true, finding, remedy: '' });

export const sick = (name: string, finding: string, remedy: string): Finding => ({ name, ok: false, finding, remedy });

/** A check that cannot be made is not well: its Fault says why. */
export async function checked(name: string, remedy: string, signal: AbortSignal, look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (thrown) {
    signal.throwIfAborted();
    if (!(thrown instanceof Fault)) throw thrown;
    return sick(name, thrown.message, remedy);
  }
}
