// The process that the suite `etcd` measures: rewrites all Secrets of a cluster once, as Casemate does or as RKE does, and prints figures.

import { readFileSync } from 'node:fs';
import { rewriteResources } from '../src/etcd/manager/rewrite.ts';
import { objectsIn } from '../src/etcd/manager/rewrite-report.ts';
import { createKubeClient, type KubeClient } from '../src/kube/client.ts';
import { findConnection } from '../src/kube/find-connection.ts';
import { type Secret, secrets } from '../src/kube/kinds.ts';
import { isConflict } from '../src/kube/kube-fault.ts';

/** One line of JSON on standard output. */
export interface RewriteMeasured {
  readonly objects: number;
  readonly seconds: number;
  /** Processor seconds of this process. */
  readonly busy: number;
  /** Resident set at its highest, MB; undefined where the system does not tell. */
  readonly most: number | undefined;
}

export type RewriteWay = 'casemate' | 'rke' | 'rke-throttled';

const [way = 'casemate', kubeconfig = ''] = process.argv.slice(2);
const now = () => performance.now();
const connection = await findConnection({ kubeconfig, env: {}, now });
const client = createKubeClient({ connection, fieldManager: 'casemate-bench', now });
await client.raw('/readyz');
const begun = now();
const cpu = process.cpuUsage();
const objects = way === 'casemate' ? await asCasemate() : await asRke(way === 'rke-throttled' ? 5 : Number.POSITIVE_INFINITY);
const { user, system } = process.cpuUsage(cpu);
const measured: RewriteMeasured = { objects, seconds: (now() - begun) / 1_000, busy: (user + system) / 1e6, most: highest() };
process.stdout.write(`${JSON.stringify(measured)}\n`);
client.close();

async function asCasemate(): Promise<number> {
  const { counts } = await rewriteResources({ clients: [client], resources: [secrets], now }, new AbortController().signal);
  return objectsIn(counts);
}

/**
 * As RKE 1.x rewrites (cluster/encryption.go): pages of 250 whole Secrets, five workers, and each Secret read and updated; `perSecond` is what
 * its Kubernetes client lets through when nothing else is set. RKE itself updates what it has listed and reads only after a conflict;
 * k3s and older recipes read first, and so does this, which is what the goal names.
 */
async function asRke(perSecond: number): Promise<number> {
  const wait = throttle(perSecond, 10);
  const queue: Secret[] = [];
  let done = 0;
  const work = async (listed: AsyncGenerator<Secret>): Promise<void> => {
    for await (const { metadata } of listed) {
      await rewriteOne(client, metadata.namespace ?? '', metadata.name ?? '', wait);
      done++;
    }
  };
  const listed = (async function* () {
    for await (const page of client.pages(secrets, {}, { limit: 250, expired: 'go-on' })) {
      queue.push(...page.items);
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield next;
    }
  })();
  await Promise.all(Array.from({ length: 5 }, () => work(listed)));
  return done;
}

async function rewriteOne(kube: KubeClient, namespace: string, name: string, wait: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    await wait();
    const secret = await kube.get(secrets, { namespace, name });
    if (secret === undefined) return;
    try {
      await wait();
      await kube.replace(secrets, secret);
      return;
    } catch (thrown) {
      if (!isConflict(thrown) || attempt > 0) throw thrown;
    }
  }
}

/** A token bucket, as client-go's. */
function throttle(perSecond: number, burst: number): () => Promise<void> {
  let tokens = burst;
  let last = now();
  return async () => {
    if (perSecond === Number.POSITIVE_INFINITY) return;
    const time = now();
    tokens = Math.min(burst, tokens + ((time - last) * perSecond) / 1_000) - 1;
    last = time;
    if (tokens < 0) await new Promise((resolve) => setTimeout(resolve, (-tokens * 1_000) / perSecond));
  };
}

function highest(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kilobytes === undefined ? undefined : (Number(kilobytes) * 1_024) / 1e6;
}
