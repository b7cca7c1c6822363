// Reads the static pod of a kube-apiserver: its flags, and which file of the node it sees under which path.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { type ApiserverFlags, readFlags } from './manifest-flags.ts';
import { yamlDocument } from './manifest-splice.ts';

export interface ManifestMount {
  readonly volume: string;
  readonly containerPath: string;
  readonly nodePath: string;
  /** hostPath.type: `DirectoryOrCreate`, `File`; undefined when it is not told, and nothing is checked then. */
  readonly hostPathType?: string | undefined;
  /** One file by itself: whatever is renamed over it on the node, the container keeps the old one until it is started anew. */
  readonly single: boolean;
}

/** How the kube-apiserver sees its EncryptionConfiguration. */
export type EncryptionMount =
  | { readonly type: 'none' }
  /** The flag names a file that no volume of the node shows. */
  | { readonly type: 'not-mounted' }
  /** A new file is seen. */
  | { readonly type: 'folder'; readonly nodePath: string; readonly mount: ManifestMount }
  /** A new file is not seen before a restart: automatic reload does nothing. */
  | { readonly type: 'single-file'; readonly nodePath: string; readonly mount: ManifestMount };

export interface ApiserverManifest extends ApiserverFlags {
  readonly path: string;
  /** Command and arguments; `$(NAME)` is filled in where the manifest tells its value. */
  readonly words: readonly string[];
  readonly image?: string | undefined;
  /** hostPath volumes that the kube-apiserver mounts. */
  readonly mounts: readonly ManifestMount[];
  /** undefined when the path lies in the container alone. */
  nodePathOf(containerPath: string): string | undefined;
  /** `https://10.0.0.11:6443`; undefined when the manifest does not say where the server is reached. */
  readonly advertiseUrl?: string | undefined;
  readonly encryptionMount: EncryptionMount;
  /** Init containers that go on running beside it. */
  readonly sidecars: readonly string[];
}

export interface ManifestContainer {
  readonly name?: string;
  readonly image?: string;
  readonly restartPolicy?: string;
  readonly command?: readonly unknown[];
  readonly args?: readonly unknown[];
  readonly env?: readonly { readonly name?: string; readonly value?: string }[];
  readonly volumeMounts?: readonly { readonly name?: string; readonly mountPath?: string; readonly subPath?: string }[];
}

export interface ManifestVolume {
  readonly name?: string;
  readonly hostPath?: { readonly path?: string; readonly type?: string };
}

/** The pod as far as it is looked at; lists are lists. */
export interface PodContent {
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly containers: readonly ManifestContainer[];
  readonly initContainers: readonly ManifestContainer[];
  readonly volumes: readonly ManifestVolume[];
  /** Index of the kube-apiserver among the containers. */
  readonly apiserver: number;
}

const advertiseAnnotation = 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint';

/** `path` is for messages. Throws Fault `invalid-request` when the text is no static pod with a kube-apiserver in it. */
export function readManifest(text: string, { path }: { readonly path: string }): ApiserverManifest {
  const pod = podContent(text, path);
  const container = pod.containers[pod.apiserver] as ManifestContainer;
  const words = wordsOf(container).map((word) => filledIn(word, container));
  const flags = readFlags(words);
  const mounts = mountsOf(container, pod.volumes, flags.encryption.configPath);
  return {
    ...flags,
    path,
    words,
    image: container.image,
    mounts,
    nodePathOf: (containerPath) => nodePathOf(mounts, containerPath),
    advertiseUrl: advertiseUrl(pod.annotations[advertiseAnnotation], flags),
    encryptionMount: encryptionMountOf(mounts, flags.encryption.configPath),
    sidecars: pod.initContainers.flatMap(({ name, restartPolicy }) => (restartPolicy === 'Always' && name !== undefined ? [name] : [])),
  };
}

export function podContent(text: string, path: string): PodContent {
  const content = yamlDocument(text, path).toJS() as { kind?: unknown; metadata?: unknown; spec?: unknown } | undefined;
  const spec = fields(content?.spec);
  if (content?.kind !== 'Pod') throw new Fault('invalid-request', `${path} holds no Pod: name the static pod of kube-apiserver`);
  const containers = list<ManifestContainer>(spec['containers']);
  const named = containers.findIndex(({ name }) => name === 'kube-apiserver');
  const apiserver = named === -1 ? containers.findIndex((container) => programOf(container) === 'kube-apiserver') : named;
  if (apiserver === -1)
    throw new Fault('invalid-request', `${path} has no container kube-apiserver: name the static pod of kube-apiserver`);
  return {
    annotations: fields(fields(content.metadata)['annotations']),
    containers,
    initContainers: list(spec['initContainers']),
    volumes: list(spec['volumes']),
    apiserver,
  };
}

export const wordsOf = (container: ManifestContainer): readonly string[] => [
  ...list<unknown>(container.command).map(String),
  ...list<unknown>(container.args).map(String),
];

/** The deepest mount that shows this path of the container. */
export function mountOf(mounts: readonly ManifestMount[], containerPath: string): ManifestMount | undefined {
  const wanted = posix.normalize(containerPath);
  return mounts
    .filter((mount) => isUnder(wanted, mount.containerPath))
    .reduce<ManifestMount | undefined>((best, mount) => (best === undefined || longer(mount, best) ? mount : best), undefined);
}

/** Whether the path is the folder or lies in it. */
export const isUnder = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

export function mountsOf(
  container: ManifestContainer,
  volumes: readonly ManifestVolume[],
  configPath: string | undefined,
): readonly ManifestMount[] {
  return list<NonNullable<ManifestContainer['volumeMounts']>[number]>(container.volumeMounts).flatMap((mount) => {
    const hostPath = volumes.find(({ name }) => name === mount.name)?.hostPath;
    if (hostPath?.path === undefined || mount.mountPath === undefined || mount.name === undefined) return [];
    const containerPath = plainPath(mount.mountPath);
    const type = hostPath.type === '' ? undefined : hostPath.type;
    return [
      {
        volume: mount.name,
        containerPath,
        nodePath: plainPath(mount.subPath === undefined ? hostPath.path : posix.join(hostPath.path, mount.subPath)),
        hostPathType: type,
        // Without a type the kubelet takes what is there: it is a file if a flag says that a file is there.
        single: type === 'File' || type === 'FileOrCreate' || (configPath !== undefined && containerPath === posix.normalize(configPath)),
      },
    ];
  });
}

function nodePathOf(mounts: readonly ManifestMount[], containerPath: string): string | undefined {
  const mount = mountOf(mounts, containerPath);
  return mount === undefined ? undefined : throughMount(mount, containerPath);
}

export function throughMount(mount: ManifestMount, containerPath: string): string {
  return plainPath(posix.join(mount.nodePath, posix.normalize(containerPath).slice(mount.containerPath.length)));
}

function encryptionMountOf(mounts: readonly ManifestMount[], configPath: string | undefined): EncryptionMount {
  if (configPath === undefined) return { type: 'none' };
  const mount = mountOf(mounts, configPath);
  if (mount === undefined) return { type: 'not-mounted' };
  return { type: mount.single ? 'single-file' : 'folder', nodePath: throughMount(mount, configPath), mount };
}

/** The annotation is kubeadm's own word for it: host and port. Unspecified addresses are nobody's. */
function advertiseUrl(annotation: unknown, flags: ApiserverFlags): string | undefined {
  const address = flags.flag('advertise-address') ?? flags.flag('bind-address');
  if (address !== undefined && address !== '' && address !== '0.0.0.0' && address !== '::')
    return `https://${address.includes(':') ? `[${address}]` : address}:${flags.securePort}`;
  return typeof annotation === 'string' && URL.canParse(`https://${annotation}`) ? `https://${annotation}` : undefined;
}

/** Kubernetes' own rule: `$(NAME)` is the variable's value if there is one, `$$(NAME)` is meant as it stands. */
function filledIn(word: string, container: ManifestContainer): string {
  const values = new Map(list<{ name?: string; value?: string }>(container.env).map(({ name, value }) => [name, value]));
  return word.replace(/\$\$|\$\(([^)]+)\)/g, (found, name: string | undefined) => (name === undefined ? '$' : (values.get(name) ?? found)));
}

function programOf(container: ManifestContainer): string {
  return posix.basename(wordsOf(container)[0] ?? '');
}

const longer = (one: ManifestMount, other: ManifestMount): boolean => one.containerPath.length > other.containerPath.length;

/** Without a slash at its end. */
const plainPath = (path: string): string => posix.normalize(path).replace(/(?<=.)\/+$/, '');

const list = <T>(value: unknown): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : []);

const fields = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
