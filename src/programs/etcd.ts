// Encryption at rest of a cluster as a program: `etcd enable`, `rotate-key`, `disable`, and what shows and proves it.

import { Fault } from '../base/fault.ts';
import { Ending } from '../cli/ending.ts';
import { type Flags, type FlagValues, parseFlags } from '../cli/flags.ts';
import { programHelp } from '../cli/help.ts';
import { nameOfCommand } from '../cli/program.ts';
import {
  changeFlags,
  clusterFlags,
  disableFlags,
  enableFlags,
  restoreFlags,
  runFlags,
  scheduleFlags,
  snapshotFileFlags,
  verifyFlags,
  writerFlags,
} from './etcd/flags.ts';

interface Verb<F extends Flags = Flags> {
  readonly synopsis: string;
  readonly help: string;
  readonly examples: Readonly<Record<string, string>>;
  readonly flags: F;
  /** Behind the flags, for help: `FILE`. */
  readonly argument?: string;
  /** Resolves to the exit code. */
  run(flags: FlagValues<F>, argument: string, signal: AbortSignal): Promise<number>;
}

const verb = <const F extends Flags>(spec: Verb<F>): Verb => spec as unknown as Verb;
const changes = () => import('./etcd/change-commands.ts');
const looks = () => import('./etcd/look-commands.ts');
const snapshots = () => import('./etcd/snapshot-commands.ts');

const verbs: Readonly<Record<string, Verb>> = {
  enable: verb({
    synopsis: 'Encrypt what lies in etcd',
    help: 'Encrypts resources at rest on every control-plane node: everybody can open the new key before anybody seals with it, everything is written anew, and etcd itself is read as proof before the way back to clear text is taken away. It can be interrupted anywhere; "resume" goes on.',
    examples: {
      'See what would be done': 'etcd enable -dry-run',
      'With keys of a KMS plugin': 'etcd enable -provider=kms-v2 -kms-endpoint=unix:///run/casemate-kms/secrets.sock',
      "With RKE's cluster.yml": 'etcd enable --config cluster.yml --ssh-agent-auth',
    },
    flags: { ...clusterFlags, ...runFlags, ...changeFlags, ...writerFlags, ...enableFlags },
    run: async (flags, _, signal) => done((await changes()).begin('enable', flags, signal)),
  }),
  'rotate-key': verb({
    synopsis: 'Give everything another key, or another provider',
    help: 'Makes a new key of the provider that seals now, or moves to the one that is named, in the same order as "enable". Behind a KMS without -provider the key is rotated at its holder first; this waits until every kube-apiserver seals with it, and writes everything anew.',
    examples: {
      'A new key': 'etcd rotate-key',
      'From a KMS to keys in the configuration': 'etcd rotate-key -provider=secretbox',
      'Every 30 days, as a CronJob': 'etcd rotate-key -every=30d -image=casemate:0.1.0',
    },
    flags: { ...clusterFlags, ...runFlags, ...changeFlags, ...writerFlags, ...scheduleFlags },
    async run(flags, _, signal) {
      if (flags.every === undefined) return done((await changes()).begin('rotate-key', flags, signal));
      return (await import('./etcd/schedule.ts')).printSchedule(flags);
    },
  }),
  disable: verb({
    synopsis: 'Store everything in clear again',
    help: 'Writes everything in clear, proves it, and keeps the keys sealed in the archive, for the snapshots that need them.',
    examples: { 'And take the flags out of kube-apiserver': 'etcd disable -remove-configuration' },
    flags: { ...clusterFlags, ...runFlags, ...changeFlags, ...disableFlags },
    run: async (flags, _, signal) => done((await changes()).begin('disable', flags, signal)),
  }),
  resume: verb({
    synopsis: 'Go on with a change that was interrupted',
    help: 'Looks at every node and at etcd for how far the change came, and does what is left. The journal is read from this machine or from any node.',
    examples: { 'Without a node that is gone for good': 'etcd resume -evict-node=cp3' },
    flags: { ...clusterFlags, ...runFlags },
    run: async (flags, _, signal) => done((await changes()).resume(flags, signal)),
  }),
  abort: verb({
    synopsis: 'Take a change back',
    help: 'Puts back what every node had, while nothing was sealed with the new configuration yet. Later a change can only go forward.',
    examples: { 'Take it back': 'etcd abort' },
    flags: { ...clusterFlags, ...runFlags },
    run: async (flags, _, signal) => done((await changes()).abort(flags, signal)),
  }),
  status: verb({
    synopsis: 'Show which configuration every kube-apiserver runs with',
    help: 'Asks the nodes and every kube-apiserver, and reads nothing from etcd. -format=prometheus prints the age of the keys for a textfile collector.',
    examples: { 'For machines': 'etcd status -format=json' },
    flags: clusterFlags,
    run: async (flags, _, signal) => (await looks()).status(flags, signal),
  }),
  verify: verb({
    synopsis: 'Prove how everything is sealed, from etcd itself',
    help: 'Reads etcd at one revision and counts objects by resource, provider and key. Every object that is not sealed as the configuration says is named, and the exit code is 1 then. No key is needed, and no value is kept.',
    examples: { 'All that is there': 'etcd verify -resources="*.*"' },
    flags: { ...clusterFlags, ...verifyFlags },
    run: async (flags, _, signal) => (await looks()).verify(flags, signal),
  }),
  'snapshot save': verb({
    synopsis: 'Save a snapshot of etcd with the names of the keys that it needs',
    help: 'Takes a snapshot as etcdctl does, and writes a manifest with the fingerprints of all keys beside it.',
    examples: { Save: 'etcd snapshot save /var/backups/etcd.db' },
    argument: 'FILE',
    flags: clusterFlags,
    run: async (flags, file, signal) => (await snapshots()).save(flags, file, signal),
  }),
  'snapshot inspect': verb({
    synopsis: 'Tell offline which keys a snapshot needs',
    help: 'Reads the file alone. With a configuration it proves with one object per key that it opens; the exit code is 1 when something does not.',
    examples: { 'With a configuration': 'etcd snapshot inspect -configuration=config.yaml /var/backups/etcd.db' },
    argument: 'FILE',
    flags: snapshotFileFlags,
    run: async (flags, file, signal) => (await snapshots()).inspect(flags, file, signal),
  }),
  'snapshot restore-check': verb({
    synopsis: 'Refuse a snapshot whose keys are missing, before it is restored',
    help: 'Opens every object of the snapshot with the configuration and the archive, and names the keys that are missing.',
    examples: {
      'With the archive': 'etcd snapshot restore-check -configuration=config.yaml -state=/var/lib/casemate/etcd /var/backups/etcd.db',
      'And write the configuration that opens it':
        'etcd snapshot restore-check -configuration=config.yaml -state=/var/lib/casemate/etcd -write-configuration=restore.yaml /var/backups/etcd.db',
    },
    argument: 'FILE',
    flags: restoreFlags,
    run: async (flags, file, signal) => (await snapshots()).restoreCheck(flags, file, signal),
  }),
};

/** Resolves to the exit code: 0, 1 for wrong use and refusal, 3 for a change that is frozen and can be resumed. */
export async function etcd(words: readonly string[]): Promise<number> {
  const [first = '', second = ''] = words;
  const name = first === 'snapshot' ? `${first} ${second}`.trim() : first;
  const found = verbs[name];
  const rest = words.slice(first === 'snapshot' ? 2 : 1);
  const asksForHelp = words.some((word) => ['-h', '-help', '--help'].includes(word));
  if (found === undefined) {
    if (words.length > 0 && !asksForHelp && first !== 'snapshot')
      return told(`there is no ${JSON.stringify(first)} here; use ${Object.keys(verbs).join(', ')}`);
    process.stdout.write(`${overview(nameOfCommand())}\n`);
    return asksForHelp ? 0 : 1;
  }
  if (asksForHelp) {
    process.stdout.write(`${helpOf(nameOfCommand(), name, found)}\n`);
    return 0;
  }
  return running(found, rest);
}

async function running(found: Verb, words: readonly string[]): Promise<number> {
  const interrupted = new AbortController();
  const signals = { SIGINT: 130, SIGTERM: 143 } as const;
  let code: number | undefined;
  for (const [name, exit] of Object.entries(signals))
    process.once(name, () => {
      code = exit;
      interrupted.abort(new Fault('unavailable', 'interrupted; "casemate etcd resume" goes on'));
    });
  try {
    const { values, args } = parseFlags(found.flags, words);
    const wanted = found.argument === undefined ? 0 : 1;
    if (args.length !== wanted)
      throw new Ending(wanted === 0 ? `this takes flags and no arguments: ${args.join(' ')}` : 'name one file, behind the flags');
    return await found.run(values as FlagValues<Flags>, args[0] ?? '', interrupted.signal);
  } catch (thrown) {
    if (!(thrown instanceof Fault || thrown instanceof Ending)) throw thrown;
    const frozen = thrown instanceof Fault && thrown.fields?.['frozen'] === true;
    return code ?? told(thrown.message, frozen ? 3 : 1);
  }
}

/** All of it, for the reference; `etcd -h` prints the beginning. */
export const etcdHelp = (name: string): string =>
  [overview(name), ...Object.entries(verbs).map(([word, found]) => helpOf(name, word, found))].join('\n\n');

function helpOf(name: string, word: string, found: Verb): string {
  return programHelp(`${name} etcd ${word} [options]${found.argument === undefined ? '' : ` ${found.argument}`}`, found);
}

async function done(work: Promise<void>): Promise<number> {
  await work;
  return 0;
}

function told(message: string, code = 1): number {
  // A bar may stand there.
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${message}\n`);
  return code;
}

function overview(name: string): string {
  const widest = Math.max(...Object.keys(verbs).map((word) => word.length));
  return [
    `Usage: ${name} etcd <subcommand> [options]`,
    'Encryption at rest of a Kubernetes cluster: turned on, rotated and turned off on every control-plane node, with proof.',
    `Subcommands:\n${Object.entries(verbs)
      .map(([word, { synopsis }]) => `    ${word.padEnd(widest)}  ${synopsis}`)
      .join('\n')}`,
  ].join('\n\n');
}
