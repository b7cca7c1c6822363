// What `casemate etcd` says when a change is at its end.

import type { EncryptionChange } from '../../etcd/manager/change.ts';
import type { KmsKeyFound } from '../../etcd/manager/change-context.ts';
import type { Outcome } from '../../journal/runner.ts';
import type { Shown } from './show.ts';

export interface Ended {
  readonly change: EncryptionChange;
  /** Where the archive's key lies. */
  readonly archivePath: string;
  readonly steps: readonly Outcome[];
  /** Of a change of the key-encryption key; empty where nothing could be said. */
  readonly kmsKeys: readonly KmsKeyFound[];
}

const kubeadmAdvice =
  'kubeadm writes the manifest of kube-apiserver anew at each upgrade, from the ConfigMap kubeadm-config in kube-system: make its apiServer.extraArgs and extraVolumes say the same as the manifests now.';
const snapshotAdvice = 'Take a snapshot of etcd now ("casemate etcd snapshot save"): older ones need keys that are only in the archive.';

export function showEnd(shown: Shown, { change, archivePath, steps, kmsKeys }: Ended): void {
  const keys = kmsKeys.map(({ provider, sameAsBefore, keyId }) => ({ provider, same_as_before: sameAsBefore, key_id: keyId }));
  const value = { id: change.id, kind: change.kind, new_keys: change.newKeys, steps, archive: archivePath };
  shown.result(change.kind === 'key-encryption-key' ? { ...value, kms_keys: keys } : value, () =>
    [
      `Done: ${change.kind} (${change.id}).`,
      ...(change.newKeys.length === 0 ? [] : [`New key: ${change.newKeys.join(', ')}.`]),
      ...kmsKeys.filter(({ sameAsBefore }) => sameAsBefore).map(sameKeyNote),
      `Keys that are no longer used are kept in the list of keys, sealed by ${archivePath}: keep a copy of it off this machine.`,
      snapshotAdvice,
      ...(change.kind === 'enable' || change.removeConfiguration ? [kubeadmAdvice] : []),
    ].join('\n'),
  );
}

function sameKeyNote({ provider, keyId = '' }: KmsKeyFound): string {
  return [
    `Note: no key was rotated. The KMS plugin of ${provider} names the same key as before (${keyId}), and everything lies under it.`,
    'Rotate it at its holder first: "casemate keyring add" for a ring, the KMS\'s own command elsewhere. Then run "casemate etcd rotate-key" again.',
  ].join(' ');
}
