// The control groups of one node: a group of its own in each hierarchy (cgroup v1) or beneath the root (cgroup v2).

import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Plain data, so that it can be written down before anything is made. */
export interface CgroupPlan {
  readonly version: 1 | 2;
  readonly root: string;
  /** Absolute; they and all groups beneath them are the node's. */
  readonly folders: readonly string[];
  /** Version 2: controllers that the root does not hand on yet. */
  readonly toHandOn: readonly string[];
}

/** What the kubelet looks for in a group of version 2. */
const wanted = ['cpu', 'cpuset', 'memory', 'pids', 'hugetlb', 'io'];

/** `name` is the node's, without a slash. */
export function planCgroups(name: string, root = '/sys/fs/cgroup'): CgroupPlan {
  if (!existsSync(join(root, 'cgroup.controllers')))
    return { version: 1, root, folders: controllerFolders(root).map((folder) => join(folder, name)), toHandOn: [] };
  const handedOn = wordsOf(root, 'cgroup.subtree_control');
  const toHandOn = wordsOf(root, 'cgroup.controllers').filter((word) => wanted.includes(word) && !handedOn.includes(word));
  return { version: 2, root, folders: [join(root, name)], toHandOn };
}

export function createCgroups({ version, root, folders, toHandOn }: CgroupPlan): void {
  for (const controller of toHandOn) writeFileSync(join(root, 'cgroup.subtree_control'), `+${controller}`);
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    if (version === 1) fillCpuset(folder);
  }
}

/** A new cpuset group of version 1 has no processors until it is told which. */
function fillCpuset(folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const parent = join(folder, '..', file);
    if (existsSync(parent)) writeFileSync(join(folder, file), readFileSync(parent));
  }
}

/** Removes what is there of the plan. Resolves to the folders that stayed: something still lives in them. */
export async function removeCgroups({ root, folders, toHandOn }: CgroupPlan): Promise<readonly string[]> {
  // The kernel lets go of a group a moment after its last process.
  for (let round = 0; round < 40 && folders.filter((folder) => !removeTree(folder)).length > 0; round++) await sleep(50);
  for (const controller of toHandOn) keepBack(root, controller);
  return folders.filter((folder) => existsSync(folder));
}

/**
 * Names that are links to other controllers count once. A hierarchy of version 2 beside them has no controllers, but whoever makes
 * groups makes them there as well.
 */
function controllerFolders(root: string): readonly string[] {
  const folders = readdirSync(root)
    .map((name) => realpathSync(join(root, name)))
    .filter((folder) => existsSync(join(folder, 'cgroup.procs')));
  return [...new Set(folders)];
}

function wordsOf(root: string, file: string): readonly string[] {
  return readFileSync(join(root, file), 'utf8').trim().split(/\s+/);
}

function keepBack(root: string, controller: string): void {
  try {
    writeFileSync(join(root, 'cgroup.subtree_control'), `-${controller}`);
  } catch (thrown) {
    // A node that came up meanwhile needs it as well.
    if (codeOf(thrown) !== 'EBUSY') throw thrown;
  }
}

function removeTree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const emptied = below.map((entry) => removeTree(join(folder, entry.name))).every((gone) => gone);
  if (!emptied) return false;
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (codeOf(thrown) !== 'EBUSY' && codeOf(thrown) !== 'ENOENT') throw thrown;
  }
  return !existsSync(folder);
}

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException).code;
}
