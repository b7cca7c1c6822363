// npm run demo:etcd: encryption at rest on three real kube-apiservers, turned on, proved, rotated and turned off before one's eyes.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Fault } from '../src/base/fault.ts';
import type { Cluster } from '../test/cluster/fixture/cluster.ts';
import { makeManager } from '../test/cluster/fixture/manager.ts';
import { clusterPrograms } from '../test/cluster/fixture/programs.ts';
import { storedSecret, writeSecret } from '../test/cluster/fixture/secrets.ts';
import { startCluster } from '../test/cluster/fixture/start.ts';

const casemate = fileURLToPath(new URL('../bin/casemate', import.meta.url));
const usage = 'Usage: npm run demo:etcd [-- NUMBER]\nNUMBER of Secrets to encrypt; 2000 when left out.';
/** What kube-apiserver is asked for at a time while the Secrets are made. */
const writers = 24;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function heading(text: string): void {
  say(`\n${process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text}`);
}

function numberOf(words: readonly string[]): number {
  const [word = '2000', ...more] = words;
  const number = Number(word);
  if (more.length > 0 || !Number.isInteger(number) || number < 1 || number > 100_000) throw new Fault('usage', usage);
  return number;
}

async function fill({ servers }: Cluster, namespace: string, count: number, signal: AbortSignal): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted();
      const number = next++;
      const { status } = await writeSecret(servers[number % servers.length] ?? servers[0], namespace, nameOf(number), `hunter${number}`);
      if (status !== 201) throw new Fault('unavailable', `a Secret was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}

function nameOf(number: number): string {
  return `login-${number}`;
}

/** As a thief of etcd's file sees it. */
async function look(cluster: Cluster, namespace: string): Promise<void> {
  const stored = await storedSecret(cluster, namespace, nameOf(0));
  // What is sealed is random: its beginning tells by what. What is in clear is told by the password in it.
  const from = Math.max(0, stored.indexOf('hunter0') - 30);
  say(`etcd, ${namespace}/${nameOf(0)}: ${stored.slice(from, from + 70).replace(/[^ -~]/g, '.')}`);
}

/** The real command on this very terminal. */
function run(cluster: Cluster, words: readonly string[], common: readonly string[], signal: AbortSignal): Promise<void> {
  heading(`$ casemate etcd ${words.join(' ')}`);
  const [verb = '', ...flags] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(casemate, ['etcd', verb, ...common, ...flags], {
      stdio: 'inherit',
      env: { ...process.env, ...cluster.environment },
    });
    // A terminal tells both of Ctrl-C.
    const end = () => child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    child.once('error', reject);
    child.once('exit', (code) => {
      signal.removeEventListener('abort', end);
      if (code === 0) resolve();
      else reject(new Fault('unavailable', `casemate etcd ${verb} has ended with ${code ?? 'a signal'}`));
    });
  });
}

async function show(count: number, signal: AbortSignal): Promise<void> {
  clusterPrograms();
  const started = performance.now();
  heading('Three kube-apiservers and etcd start, on free ports of this machine');
  const cluster = await startCluster({ apiservers: 3, signal });
  try {
    say(
      `Ready after ${(cluster.readyAfter / 1_000).toFixed(1)} s: ${cluster.servers.map(({ name, url }) => `${name} at ${url}`).join(', ')}`,
    );
    const namespace = await cluster.namespace('demo');
    heading(`${count} Secrets are written, and lie in etcd in clear`);
    await fill(cluster, namespace, count, signal);
    await look(cluster, namespace);
    const { nodesFile, stateFolder } = makeManager(cluster);
    const common = [`-config=${nodesFile}`, `-state=${stateFolder}`];
    for (const [words, sealed] of [
      [['enable', '-provider=aescbc', '-yes'], true],
      [['verify'], false],
      [['rotate-key', '-provider=secretbox', '-yes'], true],
      [['verify'], false],
      [['disable', '-yes'], true],
      [['verify', '-resources=secrets'], false],
    ] as const) {
      await run(cluster, words, common, signal);
      if (sealed) await look(cluster, namespace);
    }
    heading(
      `All of it took ${Math.round((performance.now() - started) / 1_000)} s. Everything that was started ends now, and its files go.`,
    );
  } finally {
    await cluster.stop();
  }
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Fault('unavailable', 'interrupted; everything that was started is ended')));
try {
  const words = process.argv.slice(2);
  if (words.some((word) => ['-h', '-help', '--help'].includes(word))) say(usage);
  else await show(numberOf(words), interrupted.signal);
} catch (thrown) {
  const told = interrupted.signal.aborted ? interrupted.signal.reason : thrown;
  if (!(told instanceof Fault)) throw told;
  process.stderr.write(`${told.message}\n`);
  process.exitCode = 1;
}
