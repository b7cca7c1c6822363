// A control-plane node as the manager reaches it, over SSH, locally or through a pod: its files and its processes, and nothing else.

export interface NodeFile {
  readonly bytes: Buffer;
  /** Permission bits: `0o600`. */
  readonly mode: number;
}

export interface NodeProcess {
  readonly pid: number;
  /** Program first, as it was started. */
  readonly words: readonly [string, ...string[]];
}

/**
 * Paths are absolute. Absence is undefined. All calls throw Fault `unavailable` when the node cannot be reached or is lost (it
 * may then have happened, or not), `permission-denied` when the user may not (with what to do: sudo), `timeout`, and
 * `storage-failed` when the disk refuses (read-only, full). Messages name the node and the path, never what a file holds.
 */
export interface ControlPlaneNode {
  /** Host name, by which its kube-apiserver's identity Lease is found. */
  readonly name: string;
  /** For people: `root@10.0.0.11:22 over SSH`, `this machine`, `a pod on cp1`. */
  readonly way: string;
  read(path: string, signal: AbortSignal): Promise<NodeFile | undefined>;
  /**
   * Durable when it resolves, whole or not at all: written beside its place (a hidden name in the same folder), synced, renamed over
   * it. Keeps owner and SELinux label of the file that was there; a new one is root's. Content never stands in an argument of a
   * process.
   */
  write(path: string, bytes: Uint8Array, options: { readonly mode: number }, signal: AbortSignal): Promise<void>;
  /** False when it was not there. */
  remove(path: string, signal: AbortSignal): Promise<boolean>;
  /** Names in it, hidden ones included, sorted; undefined when there is no such folder. */
  list(folder: string, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /** With its parents. Sets the mode of the last one, also when it was there. */
  makeFolder(path: string, options: { readonly mode: number }, signal: AbortSignal): Promise<void>;
  /** Those whose program's base name is this one. A process's own view of a file is `/proc/<pid>/root/<path>` of `read`. */
  processes(program: string, signal: AbortSignal): Promise<readonly NodeProcess[]>;
  /** Bytes that are free on the file system of this folder. */
  freeBytes(folder: string, signal: AbortSignal): Promise<number>;
  /** A TCP connection as the node makes it, for what listens on its loopback alone (etcd, kube-apiserver). */
  connect(host: string, port: number, signal: AbortSignal): Promise<import('node:stream').Duplex>;
  close(): Promise<void>;
}
