// Changes what the static pod of a kube-apiserver says of encryption at rest, and nothing else of it.

import { posix } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { type ManifestMount, mountOf, type PodContent, podContent, readManifest, throughMount } from './manifest.ts';
import { type FlagPlace, flagPlaces, gateOf } from './manifest-flags.ts';
import { appended, removed, replaced, type ValuePath } from './manifest-splice.ts';

export interface EncryptionEdit {
  /** Of the EncryptionConfiguration, on the node and in the container alike: `/etc/kubernetes/encryption/config.yaml`. */
  readonly configPath: string;
  /** The folder of the node that is mounted as a whole: the one in which `configPath` lies. */
  readonly folder: string;
  /** False: the flag is taken out, and a new file counts from the next start on. */
  readonly automaticReload: boolean;
  /** Set beside those that stand there: `{ KMSv1: true }`. */
  readonly featureGates?: Readonly<Record<string, boolean>> | undefined;
  /** Of a volume that has to be added; `casemate-encryption` by default. */
  readonly volumeName?: string | undefined;
  /** For messages. */
  readonly path?: string | undefined;
}

export interface EncryptionRemoval {
  /** Gates that were set for it alone, and go with it. */
  readonly featureGates?: readonly string[] | undefined;
  readonly path?: string | undefined;
}

const configFlag = 'encryption-provider-config';
const reloadFlag = 'encryption-provider-config-automatic-reload';

/**
 * The text with the flags, and with a mount of the whole folder; where one file was mounted by itself, its volume and mount become
 * those of the folder. A text that says all of it already comes back as it was. Throws Fault `invalid-request` when another volume
 * lies where the folder is to be seen.
 */
export function withEncryption(text: string, edit: EncryptionEdit): string {
  const { path = 'the manifest', configPath, folder } = edit;
  if (!posix.isAbsolute(configPath) || posix.normalize(posix.dirname(configPath)) !== posix.normalize(folder))
    throw new Fault('usage', `the encryption configuration ${configPath} has to lie in the folder ${folder}`);
  const mounted = withFolderMount(text, edit, path);
  const named = withFlag(mounted, configFlag, configPath, path);
  const reloaded = edit.automaticReload ? withFlag(named, reloadFlag, 'true', path) : withoutFlag(named, reloadFlag, path);
  return withGates(reloaded, edit.featureGates ?? {}, path);
}

/** The text with these feature gates set, beside those that stand there. */
export function withGates(text: string, gates: Readonly<Record<string, boolean>>, path: string): string {
  return Object.entries(gates).reduce((each, [gate, on]) => withGate(each, gate, on, path), text);
}

/** The text without the two flags, and without the mount and the volume that showed the file, unless they show more than that. */
export function withoutEncryption(text: string, { featureGates = [], path = 'the manifest' }: EncryptionRemoval = {}): string {
  const { encryption } = readManifest(text, { path });
  const unmounted = encryption.configPath === undefined ? text : withoutMountOf(text, encryption.configPath, path);
  const unnamed = withoutFlag(withoutFlag(unmounted, reloadFlag, path), configFlag, path);
  return featureGates.reduce((each, gate) => withGate(each, gate, undefined, path), unnamed);
}

function withFolderMount(text: string, edit: EncryptionEdit, path: string): string {
  const { configPath, folder, volumeName = 'casemate-encryption' } = edit;
  const before = readManifest(text, { path });
  const covering = mountOf(before.mounts, configPath);
  if (covering !== undefined && isFolder(covering, configPath) && throughMount(covering, configPath) === posix.normalize(configPath))
    return text;
  const pod = podContent(text, path);
  const singles = before.mounts.filter(
    (mount) => mount.single && (mount.containerPath === configPath || mount.containerPath === before.encryption.configPath),
  );
  const own = singles.find((mount) => usesOf(pod, mount.volume) === 1);
  if (before.mounts.some((mount) => mount.containerPath === posix.normalize(folder)))
    throw new Fault('invalid-request', `${path} mounts something else at ${folder}: name another folder, or take that mount out`);
  if (own !== undefined) return withMountTurned(text, own, folder, path);
  const bare = singles
    .filter(({ containerPath }) => containerPath === configPath)
    .reduce((each, mount) => withoutMount(each, mount, path), text);
  return withVolume(bare, volumeName, folder, path);
}

/** A mount of a folder above may hold a deeper one of the file itself: the deepest counts. */
const isFolder = (mount: ManifestMount, configPath: string): boolean =>
  !mount.single && mount.containerPath !== posix.normalize(configPath);

/** Volume and mount keep their name and their place in the text. */
function withMountTurned(text: string, mount: ManifestMount, folder: string, path: string): string {
  const pod = podContent(text, path);
  const volumeAt: ValuePath = ['spec', 'volumes', pod.volumes.findIndex(({ name }) => name === mount.volume), 'hostPath'];
  const mountAt = mountPlace(pod, mount);
  const turned = replaced(replaced(text, [...volumeAt, 'path'], folder, path), [...volumeAt, 'type'], 'DirectoryOrCreate', path);
  const moved = replaced(replaced(turned, [...mountAt, 'mountPath'], folder, path), [...mountAt, 'readOnly'], true, path);
  const whole = pod.containers[pod.apiserver]?.volumeMounts?.[Number(mountAt.at(-1))]?.subPath === undefined;
  return whole ? moved : removed(moved, [...mountAt, 'subPath'], path);
}

function withVolume(text: string, name: string, folder: string, path: string): string {
  const pod = podContent(text, path);
  const index = pod.volumes.findIndex((volume) => volume.name === name);
  const hostPath = { path: folder, type: 'DirectoryOrCreate' };
  if (index !== -1 && (pod.volumes[index]?.hostPath === undefined || usesOf(pod, name) > 0))
    throw new Fault('invalid-request', `${path} has another volume ${name}: name one for the encryption configuration`);
  const mounted = appended(text, ['spec', 'containers', pod.apiserver, 'volumeMounts'], { mountPath: folder, name, readOnly: true }, path);
  if (index === -1) return appended(mounted, ['spec', 'volumes'], { hostPath, name }, path);
  const at: ValuePath = ['spec', 'volumes', index, 'hostPath'];
  return replaced(replaced(mounted, [...at, 'path'], folder, path), [...at, 'type'], hostPath.type, path);
}

function withoutMountOf(text: string, configPath: string, path: string): string {
  const { mounts } = readManifest(text, { path });
  const mount = mountOf(mounts, configPath);
  if (mount === undefined) return text;
  const exact = mount.containerPath === posix.normalize(configPath) || mount.containerPath === posix.dirname(posix.normalize(configPath));
  return exact && !isNamedElsewhere(text, mount, path) ? withoutMount(text, mount, path) : text;
}

/** Whether another flag names a file that this mount shows. */
function isNamedElsewhere(text: string, mount: ManifestMount, path: string): boolean {
  const { words, mounts } = readManifest(text, { path });
  return flagPlaces(words).some(
    ({ name, value }) => name !== configFlag && value.startsWith('/') && mountOf(mounts, value)?.containerPath === mount.containerPath,
  );
}

/** The volume goes too when nobody else mounts it. */
function withoutMount(text: string, mount: ManifestMount, path: string): string {
  const unmounted = removed(text, mountPlace(podContent(text, path), mount), path);
  const pod = podContent(unmounted, path);
  if (usesOf(pod, mount.volume) > 0) return unmounted;
  return removed(unmounted, ['spec', 'volumes', pod.volumes.findIndex(({ name }) => name === mount.volume)], path);
}

function mountPlace(pod: PodContent, mount: ManifestMount): ValuePath {
  const mounts = pod.containers[pod.apiserver]?.volumeMounts ?? [];
  const plain = (text: string | undefined): string => posix.normalize(text ?? '').replace(/(?<=.)\/+$/, '');
  const index = mounts.findIndex(({ name, mountPath }) => name === mount.volume && plain(mountPath) === mount.containerPath);
  return ['spec', 'containers', pod.apiserver, 'volumeMounts', index];
}

/** How many mounts of all containers show this volume. */
export function usesOf(pod: PodContent, volume: string): number {
  return [...pod.containers, ...pod.initContainers].flatMap(({ volumeMounts }) => volumeMounts ?? []).filter(({ name }) => name === volume)
    .length;
}

interface WordPlace extends FlagPlace {
  readonly list: 'command' | 'args';
}

function placesOf(text: string, name: string, path: string): readonly WordPlace[] {
  const pod = podContent(text, path);
  const container = pod.containers[pod.apiserver];
  return (['command', 'args'] as const).flatMap((list) =>
    flagPlaces((container?.[list] ?? []).map(String))
      .filter((place) => place.name === name)
      .map((place) => ({ ...place, list })),
  );
}

function withFlag(text: string, name: string, value: string, path: string): string {
  const pod = podContent(text, path);
  const last = placesOf(text, name, path).at(-1);
  const container: ValuePath = ['spec', 'containers', pod.apiserver];
  if (last === undefined) {
    const { command = [], args = [] } = pod.containers[pod.apiserver] ?? {};
    refuseShell([...command, ...args].map(String), path);
    return appended(text, [...container, args.length > 0 ? 'args' : 'command'], `--${name}=${value}`, path);
  }
  if (last.value === value) return text;
  const [index, word] = last.words === 2 ? [last.index + 1, value] : [last.index, `--${name}=${value}`];
  return replaced(text, [...container, last.list, index], word, path);
}

function withoutFlag(text: string, name: string, path: string): string {
  const place = placesOf(text, name, path).at(-1);
  if (place === undefined) return text;
  const at: ValuePath = ['spec', 'containers', podContent(text, path).apiserver, place.list, place.index];
  const once = removed(text, at, path);
  return withoutFlag(place.words === 2 ? removed(once, at, path) : once, name, path);
}

/** `undefined` takes the gate out. Gates of several flags add up, and the last word on one counts. */
function withGate(text: string, gate: string, on: boolean | undefined, path: string): string {
  if (readManifest(text, { path }).featureGates.get(gate) === on) return text;
  const flag = 'feature-gates';
  const places = placesOf(text, flag, path);
  const place = places.findLast(({ value }) => value.split(',').some((each) => gateOf(each)[0]?.[0] === gate)) ?? places.at(-1);
  const others = (place?.value ?? '').split(',').filter((each) => each !== '' && gateOf(each)[0]?.[0] !== gate);
  const value = [...others, ...(on === undefined ? [] : [`${gate}=${on}`])].join(',');
  if (place === undefined) return withFlag(text, flag, value, path);
  const container: ValuePath = ['spec', 'containers', podContent(text, path).apiserver, place.list];
  if (value !== '') {
    const [index, word] = place.words === 2 ? [place.index + 1, value] : [place.index, `--${flag}=${value}`];
    return replaced(text, [...container, index], word, path);
  }
  const once = removed(text, [...container, place.index], path);
  return place.words === 2 ? removed(once, [...container, place.index], path) : once;
}

/** Words behind `sh -c …` are the shell's, not kube-apiserver's. */
function refuseShell(words: readonly string[], path: string): void {
  if (words.some((word) => word.includes('kube-apiserver ')) || (words.length > 0 && /^(ba|da|a)?sh$/.test(posix.basename(words[0] ?? ''))))
    throw new Fault(
      'invalid-request',
      `${path} starts kube-apiserver through a shell: set its flags by hand where the shell's line is made`,
    );
}
