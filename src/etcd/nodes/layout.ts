// What differs between kubeadm, RKE, RKE2 and k3s: where flags, files and etcd's certificates are, and who starts the kube-apiserver anew.

import type { ApiserverFlags } from './manifest-flags.ts';

export type LayoutName = 'kubeadm' | 'rke' | 'rke2' | 'k3s';

/** Paths on the node. */
export interface EtcdAccess {
  /** As a process on the node reaches it. */
  readonly server: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The distribution's own encryption at rest, which would write over what the manager writes. */
export interface OwnEncryption {
  /** Paths of its configuration, as its kube-apiserver is told them. */
  readonly configPath: string;
  /** On Node objects: `<stage>-<sha256 of its file, in hex>`. */
  readonly annotation?: string | undefined;
  /** What an operator types instead. */
  readonly command: string;
}

/**
 * Where things are, by distribution, and what the manager does there:
 *
 * - **kubeadm**: all of it. The flags stand in a static pod; the kubelet starts it anew when the manifest changes. `kubeadm upgrade`
 *   writes the manifest anew from the ConfigMap kubeadm-config, so the flags have to be told there too.
 * - **rke2, k3s**: status and verify. Flags stand in `config.yaml` (`kube-apiserver-arg`), and count when the service is started
 *   again; the manifest of RKE2 is written anew at each start, and only read here. With `secrets-encryption` the distribution has a
 *   configuration, a hash in Node annotations and a stage machine of its own: whoever changes the file behind its back gets
 *   "hash does not match", and the next start takes its own file from the datastore. So changes are refused with its own command.
 *   When the argument `encryption-provider-config` names another file, that file is ours: changed like kubeadm's, with the flag set
 *   and the service restarted by hand. RKE2 mounts each file that a flag names by itself, so each change there needs that restart;
 *   k3s runs the kube-apiserver in its own process and sees the file itself.
 * - **rke**: kube-apiserver is a container of Docker, without a manifest; its flags are those of its process. `rke up` writes
 *   `/etc/kubernetes/ssl/encryption.yaml` from its state file, over whatever is there. So changes are refused while the flag names
 *   that file; `services.kube-api.extra_args` of cluster.yml can name another one (it wins over RKE's own), and RKE mounts all of
 *   /etc/kubernetes. A node that has a static pod all the same is treated as kubeadm's.
 */
export interface Layout {
  readonly name: LayoutName;
  /** Static pod of the kube-apiserver; undefined where there is none. */
  readonly manifest?: string | undefined;
  /** Where a flag is set. */
  readonly flags:
    | { readonly type: 'manifest' }
    | { readonly type: 'config-file'; readonly path: string; readonly list: string }
    | { readonly type: 'cluster-file'; readonly list: string };
  /** For EncryptionConfigurations of ours. */
  readonly folder: string;
  readonly etcd: EtcdAccess;
  /** An administrator's. */
  readonly kubeconfig: string;
  readonly restart: { readonly by: 'kubelet' } | { readonly by: 'hand'; readonly command: string };
  readonly own?: OwnEncryption | undefined;
}

const folder = '/etc/kubernetes/encryption';

const kubeadm: Layout = {
  name: 'kubeadm',
  manifest: '/etc/kubernetes/manifests/kube-apiserver.yaml',
  flags: { type: 'manifest' },
  folder,
  etcd: {
    server: 'https://127.0.0.1:2379',
    caFile: '/etc/kubernetes/pki/etcd/ca.crt',
    certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
    keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
  },
  kubeconfig: '/etc/kubernetes/admin.conf',
  restart: { by: 'kubelet' },
};

const rke: Layout = {
  name: 'rke',
  manifest: kubeadm.manifest,
  flags: { type: 'cluster-file', list: 'services.kube-api.extra_args' },
  folder,
  etcd: {
    server: 'https://127.0.0.1:2379',
    caFile: '/etc/kubernetes/ssl/kube-ca.pem',
    certFile: '/etc/kubernetes/ssl/kube-node.pem',
    keyFile: '/etc/kubernetes/ssl/kube-node-key.pem',
  },
  kubeconfig: 'kube_config_cluster.yml',
  restart: { by: 'hand', command: 'docker restart kube-apiserver' },
  own: { configPath: '/etc/kubernetes/ssl/encryption.yaml', command: 'rke encrypt rotate-key' },
};

export const layouts: Readonly<Record<LayoutName, Layout>> = { kubeadm, rke, rke2: rancher('rke2'), k3s: rancher('k3s') };

export function layoutOf(name: LayoutName): Layout {
  return layouts[name];
}

export function isLayoutName(text: string): text is LayoutName {
  return Object.hasOwn(layouts, text);
}

/** k3s, and RKE2, which is made of it. */
function rancher(name: 'k3s' | 'rke2'): Layout {
  const data = `/var/lib/rancher/${name}`;
  const certificates = `${data}/server/tls/etcd`;
  return {
    name,
    manifest: name === 'rke2' ? `${data}/agent/pod-manifests/kube-apiserver.yaml` : undefined,
    flags: { type: 'config-file', path: `/etc/rancher/${name}/config.yaml`, list: 'kube-apiserver-arg' },
    folder,
    etcd: {
      server: 'https://127.0.0.1:2379',
      caFile: `${certificates}/server-ca.crt`,
      certFile: `${certificates}/client.crt`,
      keyFile: `${certificates}/client.key`,
    },
    kubeconfig: `/etc/rancher/${name}/${name}.yaml`,
    restart: { by: 'hand', command: `systemctl restart ${name === 'k3s' ? 'k3s' : 'rke2-server'}` },
    own: {
      configPath: `${data}/server/cred/encryption-config.json`,
      annotation: `${name}.io/encryption-config-hash`,
      command: `${name} secrets-encrypt rotate-keys`,
    },
  };
}

export interface ChangeFacts {
  /** Of the node's kube-apiserver: its manifest's, its configuration file's, or its process's. */
  readonly flags: ApiserverFlags;
  /** A static pod stands on the node that nobody writes anew: for kubeadm always, for RKE if there is one. */
  readonly staticPod: boolean;
}

/** Why the manager changes nothing on a node like this, and what to do instead; undefined when it may. */
export function changeRefusal(layout: Layout, { flags, staticPod }: ChangeFacts): string | undefined {
  if (layout.flags.type === 'manifest' || (layout.name === 'rke' && staticPod)) return undefined;
  const { configPath } = flags.encryption;
  const ownFile = `${layout.folder}/config.yaml`;
  const set =
    layout.flags.type === 'config-file'
      ? `add encryption-provider-config=${ownFile} to ${layout.flags.list} of ${layout.flags.path} on every server, and restart each with ${restartWords(layout)}`
      : `set encryption-provider-config: ${ownFile} under ${layout.flags.list} of cluster.yml, and run rke up`;
  if (configPath === undefined)
    return `${layout.name} starts kube-apiserver without an encryption configuration, and its flags are not ours to set: put one with identity alone at ${ownFile} on every server, ${set}`;
  if (configPath === layout.own?.configPath)
    return `${layout.name} keeps ${configPath} itself and would write over it: use ${layout.own.command}, or hand the file over: copy it to ${ownFile} on every server, ${set}`;
  return undefined;
}

const restartWords = (layout: Layout): string => (layout.restart.by === 'hand' ? layout.restart.command : 'the kubelet');
