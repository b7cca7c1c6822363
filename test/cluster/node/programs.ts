// Where a node's programs and images lie, and what they find in their environment.

import { join } from 'node:path';

export interface NodePrograms {
  /** Folder with kubelet, kube-proxy and their likes. */
  readonly kube: string;
  /** Folder with containerd, its shim and ctr. */
  readonly containerd: string;
  /** Folder with coredns. */
  readonly dns: string;
  /** Root of the unpacked Debian packages: runc, CNI plugins, nft. */
  readonly debian: string;
  /** Folder with NAME.tar of each image. */
  readonly images: string;
}

const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

/** For programs that start runc, CNI plugins or nft, which need the libraries they were packed with. */
export function packedEnvironment({ containerd, debian }: NodePrograms): Readonly<Record<string, string>> {
  const folders = [containerd, ...['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((name) => join(debian, name))];
  return {
    PATH: [...folders, '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
    LD_LIBRARY_PATH: ['usr/lib', 'lib'].map((name) => join(debian, name, triplet)).join(':'),
  };
}
