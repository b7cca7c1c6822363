// The program behind `npm run bench`: runs the suite that the first word names, and clears up behind it even after Ctrl-C.

import { Fault } from '../src/base/fault.ts';
import { clusterBenchOptions, clusterBenchUsage } from './cluster-options.ts';
import { etcdBenchOptions, etcdBenchUsage } from './etcd-options.ts';
import { kmsBenchOptions, kmsBenchUsage } from './kms-options.ts';
import { leasesBenchOptions, leasesBenchUsage, runLeasesSuite } from './leases-suite.ts';
import { serverBenchOptions, serverBenchUsage } from './options.ts';
import { reportFor } from './report.ts';
import { runServerSuite } from './server-suite.ts';

interface Suite {
  readonly usage: string;
  run(words: readonly string[], signal: AbortSignal): Promise<void>;
}

const suites: Readonly<Record<string, Suite>> = {
  server: {
    usage: serverBenchUsage,
    run(words, signal) {
      const options = serverBenchOptions(words);
      return runServerSuite(
        options,
        reportFor(options, (text) => void process.stdout.write(text)),
        signal,
      );
    },
  },
  leases: {
    usage: leasesBenchUsage,
    run: (words, signal) => runLeasesSuite(leasesBenchOptions(words), (text) => void process.stdout.write(text), signal),
  },
  cluster: {
    usage: clusterBenchUsage,
    async run(words, signal) {
      const options = clusterBenchOptions(words);
      // Loaded for this suite alone: it needs what only the tests of clusters need.
      const { runClusterSuite } = await import('./cluster-suite.ts');
      await runClusterSuite(options, (text) => void process.stdout.write(text), signal);
    },
  },
  etcd: {
    usage: etcdBenchUsage,
    async run(words, signal) {
      const options = etcdBenchOptions(words);
      const { runEtcdSuite } = await import('./etcd-suite.ts');
      await runEtcdSuite(options, (text) => void process.stdout.write(text), signal);
    },
  },
  kms: {
    usage: kmsBenchUsage,
    async run(words, signal) {
      const options = kmsBenchOptions(words);
      // Loaded for this suite alone, as it knows the plugin's keys.
      const { runKmsSuite } = await import('./kms-suite.ts');
      await runKmsSuite(options, (text) => void process.stdout.write(text), signal);
    },
  },
};

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main([first = '', ...rest]: readonly string[]): Promise<number> {
  const isNamed = first !== '' && !first.startsWith('-');
  const suite = Object.hasOwn(suites, first) ? suites[first] : isNamed ? undefined : suites['server'];
  const words = isNamed ? rest : [first, ...rest].filter((word) => word !== '');
  if (suite === undefined) {
    process.stderr.write(`There is no suite ${first}: use ${Object.keys(suites).join(', ')}.\n`);
    return 1;
  }
  if (words.some((word) => /^--?h(?:elp)?$/.test(word))) {
    process.stdout.write(suite.usage);
    return 0;
  }
  return runUntilSignal(suite, words);
}

async function runUntilSignal(suite: Suite, words: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  let code: number | undefined;
  for (const [name, exitCode] of Object.entries(exitCodes))
    process.on(name, () => {
      // Asked twice it no longer waits; processes and folders go all the same.
      if (code !== undefined) process.exit(exitCode);
      code = exitCode;
      interrupted.abort(new Fault('unavailable', 'the benchmark was interrupted'));
    });
  try {
    await suite.run(words, interrupted.signal);
    return code ?? 0;
  } catch (thrown) {
    if (code === undefined && !(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`${code === undefined ? (thrown as Fault).message : 'The benchmark was interrupted.'}\n`);
    return code ?? 1;
  }
}
