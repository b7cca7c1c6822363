// Starts a node's containerd with its CNI network, and gives it images from files.

import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Fault } from '../../../src/base/fault.ts';
import { readyOrEnded } from '../fixture/readiness.ts';
import type { Namespaces } from './namespaces.ts';
import { type NodePrograms, packedEnvironment } from './programs.ts';

export const containerdSocket = '/run/containerd/containerd.sock';

export interface ContainerdOptions {
  readonly programs: NodePrograms;
  /** Milliseconds until it must answer. */
  readonly within: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Containerd {
  /** Paths of docker-archive files, visible inside. Pods get them with `imagePullPolicy: IfNotPresent` or `Never`. */
  importImages(archives: readonly string[]): Promise<void>;
}

/** Rejects with Fault `unavailable` and its last lines when it ends instead of answering. */
export async function startContainerd(namespaces: Namespaces, options: ContainerdOptions): Promise<Containerd> {
  const { programs, within, signal } = options;
  const folder = join(namespaces.folder, 'containerd');
  await mkdir(join(folder, 'network'), { recursive: true });
  const [snapshotter] = await Promise.all([
    chooseSnapshotter(namespaces),
    writeFile(join(folder, 'network', '10-casemate.conflist'), networkConfiguration(folder)),
  ]);
  const configuration = join(folder, 'config.toml');
  await writeFile(configuration, containerdConfiguration(folder, programs, snapshotter));
  const component = namespaces.spawn('containerd', join(programs.containerd, 'containerd'), ['--config', configuration], {
    env: packedEnvironment(programs),
  });
  // The folder is the one that inside is seen as /run/containerd.
  await readyOrEnded(component, () => listens(join(folder, 'run', 'containerd.sock')), { within, signal });
  return {
    async importImages(archives) {
      const ctr = [join(programs.containerd, 'ctr'), '--address', containerdSocket, '--namespace', 'k8s.io', 'images', 'import'];
      const each = `for archive in "$@"; do ${ctr.join(' ')} --snapshotter ${snapshotter} "$archive" || exit 1; done`;
      const { code, stderr } = await namespaces.run('sh', ['-c', each, 'sh', ...archives], { env: packedEnvironment(programs) });
      if (code !== 0) throw new Fault('unavailable', `containerd took not all of ${archives.join(', ')}: ${stderr.trim()}`);
    },
  };
}

/** Overlays cannot stand on an overlay, which the folder lies on when the tests run in a container. */
async function chooseSnapshotter(namespaces: Namespaces): Promise<'overlayfs' | 'native'> {
  const trial = [
    'cd "$(mktemp -d "$0/overlay-XXXXXX")" && mkdir lower upper work merged',
    'mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && umount merged',
  ];
  const { code } = await namespaces.run('sh', ['-c', trial.join(' && '), namespaces.folder]);
  return code === 0 ? 'overlayfs' : 'native';
}

function networkConfiguration(folder: string): string {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: '10.77.0.0/24', rangeStart: '10.77.0.10', gateway: '10.77.0.1' }]],
    dataDir: join(folder, 'addresses'),
  };
  // A gateway without a default route would leave Services unreachable.
  const bridge = { type: 'bridge', bridge: 'cni0', isDefaultGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'casemate', plugins: [bridge] });
}

function containerdConfiguration(folder: string, { debian }: NodePrograms, snapshotter: string): string {
  return `version = 3
root = "${join(folder, 'root')}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.nri.v1.nri",
]

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "${join(folder, 'opt')}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "${snapshotter}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.1"

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE runc could not lower a score, and would die of it.
  restrict_oom_score_adj = true
  # Profiles are loaded for the whole machine.
  disable_apparmor = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["${join(debian, 'usr/lib/cni')}"]
  conf_dir = "${join(folder, 'network')}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "${join(debian, 'usr/sbin/runc')}"
  SystemdCgroup = false
`;
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
