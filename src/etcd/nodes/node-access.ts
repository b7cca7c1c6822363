// How a control-plane node is reached: on this machine, over SSH, or by a pod on the node.

/** A host on the way to a node; the connection to the node runs through it. Its host key is checked like the node's. */
export interface JumpHost {
  /** Host name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of a private key on this machine. */
  readonly keyFile?: string;
}

/** The manager runs on the node itself, as a user who may write its files. */
export interface LocalAccess {
  readonly type: 'local';
}

export interface SshAccess {
  readonly type: 'ssh';
  /** Host name or address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of a private key on this machine. */
  readonly keyFile?: string;
  /** Keys of the SSH agent are tried as well; the agent is never forwarded to the node. */
  readonly agent: boolean;
  readonly jump?: JumpHost;
  /** Paths of known_hosts files on this machine; empty: the usual ones of the user and of the machine. */
  readonly knownHosts: readonly string[];
  /** Commands run by `sudo -n`. */
  readonly sudo: boolean;
}

export interface PodAccess {
  readonly type: 'pod';
  /** Image with a POSIX shell; it must be there already or be pullable on the node. */
  readonly image: string;
  readonly namespace: string;
}

export type NodeAccess = LocalAccess | SshAccess | PodAccess;
