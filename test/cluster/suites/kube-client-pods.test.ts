// src/kube into running pods of a real node: commands, logs, ports.

import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { beforeAll, expect, it } from 'vitest';
import { createKubeClient } from '../../../src/kube/client.ts';
import { findConnection } from '../../../src/kube/find-connection.ts';
import { createPods, type Pods } from '../../../src/kube/pods.ts';
import { refusalOf, timed } from '../../foundation/listening.ts';
import { startCluster } from '../fixture/start.ts';
import { clusterOfFile } from '../fixture/suite.ts';
import { until } from '../fixture/waiting.ts';
import { apply, namespaceForPods, podOf, podReady } from '../node/workloads.ts';

const cluster = clusterOfFile(() => startCluster({ node: true }));

let pods: Pods;
let pod = { namespace: '', name: 'talks' };
beforeAll(async () => {
  const now = () => performance.now();
  const connection = await findConnection({ kubeconfig: cluster().kubeconfig, env: {}, now });
  pods = createPods(createKubeClient({ connection, fieldManager: 'casemate-test', now }).exchange);
  pod = { ...pod, namespace: await namespaceForPods(cluster()) };
  const command = ['sh', '-c', 'trap exit TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 1 & wait; done'];
  await apply(cluster(), pod.namespace, [podOf(pod.name, { command }), podOf('redis', { image: 'redis' })]);
  await podReady(cluster(), pod.namespace, pod.name);
  await podReady(cluster(), pod.namespace, 'redis');
}, 180_000);

it('a command is given its input, and gives its output, its complaints and its exit code', async () => {
  const { code, stdout, stderr } = await pods.exec(pod, {
    command: ['sh', '-c', 'tr a-z A-Z; echo no >&2; exit 7'],
    input: 'casemate',
  });
  expect([code, stdout.toString(), stderr.toString()]).toStrictEqual([7, 'CASEMATE', 'no\n']);
});

it('a command that prints a lot prints all of it', async () => {
  const { code, stdout } = await pods.exec(pod, { command: ['head', '-c', '3000000', '/dev/zero'] });
  expect([code, stdout.length]).toStrictEqual([0, 3_000_000]);
});

it('a command that cannot be started, and a pod that is not there, are told', async () => {
  expect((await refusalOf(() => pods.exec(pod, { command: ['no-such-program'] }))).message).toContain('exec in pod');
  expect((await refusalOf(() => pods.exec({ ...pod, name: 'nobody' }, { command: ['true'] }))).message).toContain('exec in pod');
});

it('a command that does not end is left when the caller stops', async () => {
  const took = await timed(() => refusalOf(() => pods.exec(pod, { command: ['sleep', '30'], signal: AbortSignal.timeout(1_000) })));
  expect(took).toBeLessThan(5_000);
});

it('a log is read to its end, or followed until the caller stops', async () => {
  await until('two lines', async () => (await buffer(pods.logs(pod))).toString().includes('line 2\n'));
  expect((await buffer(pods.logs(pod, { tailLines: 1 }))).toString()).toMatch(/^line \d+\n$/);
  const stop = new AbortController();
  let text = '';
  for await (const chunk of pods.logs(pod, { follow: true, signal: stop.signal })) {
    text += chunk.toString();
    if (text.split('\n').length > 4) stop.abort();
  }
  expect(text).toMatch(/^line 1\nline 2\n/);
  expect(await refusalOf(() => buffer(pods.logs({ ...pod, name: 'nobody' })))).toMatchObject({ code: 'not-found' });
});

it('a port is reached through this machine, by several connections, until it is closed', async () => {
  const forward = await pods.forward({ ...pod, name: 'redis' }, 6379);
  const ask = (words: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(forward.port, '127.0.0.1', () => socket.write(`${words}\r\n`));
      socket.on('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        resolve(answer.toString());
      });
    });
  expect(await Promise.all(['PING', 'ECHO casemate', 'PING'].map(ask))).toStrictEqual(['+PONG\r\n', '$8\r\ncasemate\r\n', '+PONG\r\n']);
  await forward.close();
  await expect(ask('PING')).rejects.toThrow('ECONNREFUSED');
});
