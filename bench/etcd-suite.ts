// The suite `etcd`: verify, rewrite, and a whole rotation on three kube-apiservers with the time that each of its phases takes.

import { makeManager } from '../test/cluster/fixture/manager.ts';
import { writeSecret } from '../test/cluster/fixture/secrets.ts';
import { startCluster } from '../test/cluster/fixture/start.ts';
import type { EtcdBenchOptions } from './etcd-options.ts';
import { measureRewrite } from './etcd-rewrite-suite.ts';
import { measureVerify } from './etcd-verify-suite.ts';

/** Prints a line for each point as soon as it is measured. Rejects with Fault `unavailable` without the fixture. */
export async function runEtcdSuite(options: EtcdBenchOptions, write: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { only, rounds, objects, memoryObjects } = options;
  if (only.includes('verify')) await measureVerify({ rounds }, write, signal);
  if (only.includes('rewrite')) await measureRewrite({ rounds, objects, memoryObjects }, write, signal);
  if (only.includes('rotation')) await measureRotation(write, signal);
}

const secrets = 5_000;
/** Three reloads, each of which a kube-apiserver notices within a minute. */
const mostReloads = 3 * 60;

/** With kube-apiserver's own minute between two looks at its file. */
async function measureRotation(write: (text: string) => void, signal: AbortSignal): Promise<void> {
  const cluster = await startCluster({ apiservers: 3, encryptionPoll: '1m', signal });
  try {
    const namespace = await cluster.namespace();
    const names = Array.from({ length: secrets }, (_, number) => `s${number}`);
    while (names.length > 0) await Promise.all(names.splice(0, 20).map((name) => writeSecret(cluster, namespace, name, 'password')));
    const manager = makeManager(cluster);
    await manager.must(['enable', '-yes', '-no-snapshot']);
    const begun = performance.now();
    const running = manager.start(['rotate-key', '-yes', '-format=json']);
    const spent = new Map<string, number>();
    let [read, phase, since] = [0, 'begin', begun];
    const follow = () => {
      const lines = running.stderr().split('\n');
      for (; read < lines.length - 1; read++) {
        const { step } = JSON.parse(lines[read] ?? '{}') as { step?: string };
        const next =
          step === undefined
            ? phase
            : step.endsWith('/converged') || step.endsWith('/runs')
              ? 'reloads'
              : step === 'rewrite'
                ? 'rewrite'
                : 'else';
        const now = performance.now();
        spent.set(phase, (spent.get(phase) ?? 0) + now - since);
        [phase, since] = [next, now];
      }
    };
    const timer = setInterval(follow, 50);
    const { code, stderr } = await running.ended;
    clearInterval(timer);
    if (code !== 0) throw new Error(stderr);
    follow();
    spent.set(phase, (spent.get(phase) ?? 0) + performance.now() - since);
    const all = performance.now() - begun;
    const seconds = (name: string) => ((spent.get(name) ?? 0) / 1_000).toFixed(1);
    const rest = (all - (spent.get('reloads') ?? 0)) / 1_000;
    write(
      `rotation of ${secrets} Secrets on three kube-apiservers: ${(all / 1_000).toFixed(1)} s; reloads ${seconds('reloads')} s, rewrite ${seconds('rewrite')} s, the rest ${(rest - Number(seconds('rewrite'))).toFixed(1)} s\n`,
    );
    write(`${rest < mostReloads ? 'holds ' : 'MISSED'} bounded by the reloads: ours are ${rest.toFixed(1)} s of it\n`);
  } finally {
    await cluster.stop();
  }
}
