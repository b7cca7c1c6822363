// Which way is taken to a node, by its description.

import { expect, it } from 'vitest';
import { systemRandom } from '../../crypto/random.ts';
import { openNode } from './open-node.ts';

const ways = { random: systemRandom, now: () => 0, ssh: { agentSocket: undefined, passphrase: undefined, home: '/nowhere' } };
const soon = () => AbortSignal.timeout(10_000);

it('the node that this is goes by the host name that it was given, or by its own', async () => {
  const access = { type: 'local' } as const;
  expect(await openNode({ name: 'cp1', access }, ways, soon())).toMatchObject({ name: 'cp1', way: 'this machine' });
  expect(await openNode({ name: 'cp1', hostName: 'ip-10-0-0-11', access }, ways, soon())).toMatchObject({ name: 'ip-10-0-0-11' });
});

it('a pod needs a cluster that is known', async () => {
  const opening = openNode({ name: 'cp1', access: { type: 'pod', image: 'busybox', namespace: 'kube-system' } }, ways, soon());
  await expect(opening).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('cp1') });
});

it('SSH needs something to log in with', async () => {
  const access = { type: 'ssh', host: '127.0.0.1', port: 22, user: 'root', agent: false, knownHosts: [], sudo: false } as const;
  await expect(openNode({ name: 'cp1', access }, ways, soon())).rejects.toMatchObject({ code: 'usage' });
});
