// What a machine must have so that a node can run on it.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

const tools = { unshare: 'util-linux', mount: 'util-linux', ip: 'iproute2', bash: 'bash' } as const;

/** A sentence that says what is missing, or undefined. */
export function whatNodesNeed(cgroups = '/sys/fs/cgroup'): string | undefined {
  if (process.platform !== 'linux') return 'A node needs Linux: its pods are processes in namespaces.';
  if (process.getuid?.() !== 0) return 'A node needs root: it makes namespaces, mounts and control groups.';
  const absent = Object.entries(tools).filter(([tool]) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined);
  if (absent.length > 0) return `A node needs ${absent.map(([tool, of]) => `${tool} (Debian package ${of})`).join(', ')}.`;
  if (!existsSync(cgroups) || !isWritable(cgroups))
    return `A node needs control groups of its own, and ${cgroups} cannot be written to: in a container, allow it to.`;
  return undefined;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
