// A node over a real sshd: the exercise suite as root, through sudo and in busybox.

import { describe } from 'vitest';
import { systemRandom } from '../../src/crypto/random.ts';
import type { SshAccess } from '../../src/etcd/nodes/node-access.ts';
import { openSshNode } from '../../src/etcd/nodes/ssh-node.ts';
import { exerciseNodeAccess, helloServer } from '../suites/node-access.ts';
import { type SshdOptions, startSshd, whyNoSshd } from './sshd.ts';

const missing = whyNoSshd();

function exerciseSsh(name: string, changes: Partial<SshAccess>, options?: SshdOptions): void {
  exerciseNodeAccess(name, async () => {
    const sshd = await startSshd(options);
    const server = await helloServer();
    const access = sshd.access(changes);
    const node = await openSshNode({ access, environment: sshd.environment, random: systemRandom }, AbortSignal.timeout(20_000));
    const folder = `${sshd.folder}/suite`;
    sshd.shell(`mkdir ${folder}`);
    return {
      node,
      folder,
      shell: async (script) => sshd.shell(script),
      listen: async () => server.port,
      end: async () => {
        await server.close();
        await sshd.stop();
      },
    };
  });
}

describe.skipIf(missing !== undefined)(missing ?? 'over sshd', () => {
  exerciseSsh('SSH as root', {});
  exerciseSsh('SSH with sudo', { user: 'operator', sudo: true });
  exerciseSsh('SSH to busybox', { user: 'busy' });
  exerciseSsh('SSH to a shell that greets', { user: 'talkative' });
});
