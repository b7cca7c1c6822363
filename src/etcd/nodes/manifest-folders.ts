// Shows the kube-apiserver a folder of its node, under the same path: that of a KMS plugin's socket, for one.

import { posix } from 'node:path';
import { podContent, readManifest } from './manifest.ts';
import { appended } from './manifest-splice.ts';

export interface ShownFolder {
  /** On the node and in the container. */
  readonly folder: string;
  /** Of the volume, unless one shows the folder already. */
  readonly volumeName: string;
  /** For messages. */
  readonly path?: string | undefined;
}

/** A text in which the folder is shown already, or lies in one that is, comes back as it was. */
export function withShownFolder(text: string, { folder, volumeName, path = 'the manifest' }: ShownFolder): string {
  const plain = posix.normalize(folder).replace(/(.)\/$/, '$1');
  const before = readManifest(text, { path });
  if (before.nodePathOf(plain) === plain) return text;
  const { apiserver, containers } = podContent(text, path);
  // Whoever shows another folder of the node there means it.
  if (containers[apiserver]?.volumeMounts?.some(({ mountPath }) => mountPath === plain) === true) return text;
  const mounted = appended(text, ['spec', 'containers', apiserver, 'volumeMounts'], { name: volumeName, mountPath: plain }, path);
  const volume = { name: volumeName, hostPath: { path: plain, type: 'DirectoryOrCreate' } };
  return appended(mounted, ['spec', 'volumes'], volume, path);
}
