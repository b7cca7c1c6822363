// Where the control groups of a node are made and removed, on machines with either version.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCgroups, planCgroups, removeCgroups } from './cgroups.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'casemate-cgroups-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function hierarchy(name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, name), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, name, file), text);
}

describe('version 1', () => {
  beforeEach(() => {
    hierarchy('cpu,cpuacct', { 'cgroup.procs': '' });
    symlinkSync('cpu,cpuacct', join(root, 'cpu'));
    symlinkSync('cpu,cpuacct', join(root, 'cpuacct'));
    hierarchy('cpuset', { 'cgroup.procs': '', 'cpuset.cpus': '0-1\n', 'cpuset.mems': '0\n' });
    // Machines that changed half way have a hierarchy of version 2 without controllers beside the others.
    hierarchy('unified', { 'cgroup.procs': '', 'cgroup.controllers': '' });
  });

  it('gives the node one group in each hierarchy, whatever further names it has', () => {
    const plan = planCgroups('node', root);
    expect(plan.version).toBe(1);
    expect(plan.folders.toSorted()).toEqual(['cpu,cpuacct', 'cpuset', 'unified'].map((name) => join(root, name, 'node')));
  });

  it('tells the new group its processors', () => {
    createCgroups(planCgroups('node', root));
    expect(readFileSync(join(root, 'cpuset', 'node', 'cpuset.cpus'), 'utf8')).toBe('0-1\n');
    expect(readFileSync(join(root, 'cpuset', 'node', 'cpuset.mems'), 'utf8')).toBe('0\n');
  });
});

describe('version 2', () => {
  beforeEach(() => {
    hierarchy('.', { 'cgroup.controllers': 'cpuset cpu io memory pids rdma\n', 'cgroup.subtree_control': 'cpu memory\n' });
    hierarchy('system.slice', {});
  });

  it('gives the node one group, and notes the controllers that the machine keeps to itself so far', () => {
    expect(planCgroups('node', root)).toEqual({
      version: 2,
      root,
      folders: [join(root, 'node')],
      toHandOn: ['cpuset', 'io', 'pids'],
    });
  });

  it('hands them on, and keeps them back again when the node is gone', async () => {
    const plan = planCgroups('node', root);
    createCgroups(plan);
    expect(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8')).toBe('+pids');
    expect(await removeCgroups(plan)).toEqual([]);
    expect(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8')).toBe('-pids');
  });

  it('removes all groups of the node, the innermost first, and no others', async () => {
    const plan = planCgroups('node', root);
    createCgroups(plan);
    mkdirSync(join(root, 'node/kubepods/burstable/pod1/container'), { recursive: true });
    mkdirSync(join(root, 'node/kubepods/pod2'), { recursive: true });
    expect(await removeCgroups(plan)).toEqual([]);
    expect(readdirSync(root).toSorted()).toEqual(['cgroup.controllers', 'cgroup.subtree_control', 'system.slice']);
  });

  it('is content when nothing was made yet', async () => {
    expect(await removeCgroups({ ...planCgroups('node', root), toHandOn: [] })).toEqual([]);
    expect(existsSync(join(root, 'node'))).toBe(false);
  });
});
