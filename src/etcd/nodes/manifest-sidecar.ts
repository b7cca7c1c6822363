// Puts a sidecar beside the kube-apiserver in its static pod, and takes it out again: it starts before it and goes on beside it.

import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../base/fault.ts';
import { podContent } from './manifest.ts';
import { usesOf } from './manifest-edit.ts';
import { appended, removed, type ValuePath } from './manifest-splice.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Sidecar {
  /** As Kubernetes writes a container; `restartPolicy: Always` is added: a native sidecar, by default since Kubernetes 1.29. */
  readonly container: Fields & { readonly name: string };
  /** Those that come and go with it: each is named like the container, or begins with its name and a dash. */
  readonly volumes: readonly (Fields & { readonly name: string })[];
  /** Of the kube-apiserver, which has to see the sidecar's socket. */
  readonly mounts: readonly (Fields & { readonly name: string; readonly mountPath: string })[];
  /** For messages. */
  readonly path?: string | undefined;
}

/**
 * The text with the sidecar, its volumes and the mounts of the kube-apiserver. What is there already stays as it is written; what
 * is there and says something else is written anew. Throws Fault `usage` for a volume whose name does not tell whose it is.
 */
export function withSidecar(text: string, sidecar: Sidecar): string {
  const { volumes, mounts, path = 'the manifest' } = sidecar;
  const container = { ...sidecar.container, restartPolicy: 'Always' };
  const foreign = [...volumes, ...mounts].find(({ name }) => !isOwn(name, container.name));
  if (foreign !== undefined)
    throw new Fault('usage', `the volume ${foreign.name} is to come and go with the sidecar: name it ${container.name}-${foreign.name}`);
  const started = withEntry(text, ['spec', 'initContainers'], container, ['name'], path);
  const seen = mounts.reduce((each, mount) => withEntry(each, mountList(each, path), mount, ['name', 'mountPath'], path), started);
  return volumes.reduce((each, volume) => withEntry(each, ['spec', 'volumes'], volume, ['name'], path), seen);
}

/** The text without the sidecar of this name, without its volumes, and without the mounts of the kube-apiserver that show them. */
export function withoutSidecar(text: string, name: string, { path = 'the manifest' }: { readonly path?: string } = {}): string {
  const stopped = withoutEntries(
    text,
    (content) => [['spec', 'initContainers'], content.initContainers, ({ name: each }) => each === name],
    path,
  );
  const unseen = withoutEntries(
    stopped,
    (content) => [mountList(stopped, path), content.containers[content.apiserver]?.volumeMounts ?? [], (mount) => isOwn(mount.name, name)],
    path,
  );
  const unused = (volume: string | undefined): boolean => volume !== undefined && usesOf(podContent(unseen, path), volume) === 0;
  return withoutEntries(
    unseen,
    (content) => [['spec', 'volumes'], content.volumes, (volume) => isOwn(volume.name, name) && unused(volume.name)],
    path,
  );
}

const isOwn = (volume: string | undefined, sidecar: string): boolean => volume === sidecar || volume?.startsWith(`${sidecar}-`) === true;

const mountList = (text: string, path: string): ValuePath => ['spec', 'containers', podContent(text, path).apiserver, 'volumeMounts'];

function withEntry(text: string, at: ValuePath, entry: Fields, keys: readonly string[], path: string): string {
  const entries = entriesAt(text, at, path);
  const index = entries.findIndex((each) => keys.every((key) => each[key] === entry[key]));
  if (index === -1) return appended(text, at, entry, path);
  if (isDeepStrictEqual(entries[index], plain(entry))) return text;
  return appended(removed(text, [...at, index], path), at, entry, path);
}

/** As YAML gives it back: members without a value are not there. */
const plain = (entry: Fields): unknown => JSON.parse(JSON.stringify(entry)) as unknown;

function entriesAt(text: string, at: ValuePath, path: string): readonly Fields[] {
  const pod = podContent(text, path);
  if (at.at(-1) === 'initContainers') return pod.initContainers as readonly Fields[];
  if (at.at(-1) === 'volumes') return pod.volumes as readonly Fields[];
  return (pod.containers[pod.apiserver]?.volumeMounts ?? []) as readonly Fields[];
}

type Named = { readonly name?: string };
type Choice = readonly [ValuePath, readonly Named[], (entry: Named) => boolean];

function withoutEntries(text: string, choose: (content: ReturnType<typeof podContent>) => Choice, path: string): string {
  const [at, entries, goes] = choose(podContent(text, path));
  return [...entries.keys()]
    .reverse()
    .reduce((each, index) => (goes(entries[index] ?? {}) ? removed(each, [...at, index], path) : each), text);
}
