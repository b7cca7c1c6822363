// `casemate kms install`, `uninstall` and `doctor` as commands: their help, their flags, and how they end.

import { Fault } from '../../base/fault.ts';
import { Ending } from '../../cli/ending.ts';
import { type Flags, type FlagValues, parseFlags } from '../../cli/flags.ts';
import { programHelp } from '../../cli/help.ts';
import { nameOfCommand } from '../../cli/program.ts';
import { doctorFlags, installFlags, uninstallFlags } from './flags.ts';

interface Verb<F extends Flags = Flags> {
  readonly help: string;
  readonly examples: Readonly<Record<string, string>>;
  readonly flags: F;
  /** Resolves to the exit code. */
  run(flags: FlagValues<F>, signal: AbortSignal): Promise<number>;
}

const verb = <const F extends Flags>(spec: Verb<F>): Verb => spec as unknown as Verb;

const verbs: Readonly<Record<string, Verb>> = {
  install: verb({
    help: "Puts the KMS plugin beside the kube-apiserver of a node, as a sidecar in its static pod unless another form is named: writes the plugin's configuration and key ring, an EncryptionConfiguration in which the KMS opens and does not seal yet, and the flags and mounts in the manifest; the old manifest is put back when the API does not come back. With one kube-apiserver the KMS seals then; with several the manager goes on when the plugin is on every node. It can be run again.",
    examples: {
      'See what would be done on this node': 'kms install -local -image=casemate:0.1.0 -dry-run',
      'On a node of the nodes file': 'kms install -config=casemate-etcd.yaml -node=cp1 -image=casemate:0.1.0',
      'With a key that somebody else holds': 'kms install -local -image=casemate:0.1.0 -plugin-config=kms.hcl',
      'Beside encryption at rest that is there already': 'kms install -local -image=casemate:0.1.0 -plugin-only',
    },
    flags: installFlags,
    run: async (flags, signal) => (await import('./install.ts')).install(flags, signal),
  }),
  uninstall: verb({
    help: 'Takes the plugin, its mounts and the KMS in the EncryptionConfiguration away again. It reads etcd first, and refuses while one object is sealed by the KMS, or a kube-apiserver still seals with it.',
    examples: {
      'See what would be done': 'kms uninstall -local -dry-run',
      'With its keys, which snapshots may need': 'kms uninstall -local -purge',
    },
    flags: uninstallFlags,
    run: async (flags, signal) => (await import('./uninstall.ts')).uninstall(flags, signal),
  }),
  doctor: verb({
    help: 'Looks at everything between kube-apiserver and the key: flags, mounts, configuration, socket, permissions, the key itself, what kube-apiserver says of the plugin, and one Secret that it writes, reads in etcd as ciphertext, reads through the API in clear, and removes. Each check says what was found and what to do. The exit code is 1 when one is not well.',
    examples: { 'On this node': 'kms doctor -local', 'For machines': 'kms doctor -local -format=json' },
    flags: doctorFlags,
    run: async (flags, signal) => (await import('./doctor.ts')).doctor(flags, signal),
  }),
};

/** Resolves to the exit code: 0, 1 for wrong use, refusal and what is not well, 3 for what waits for somebody. */
export async function runClusterVerb(name: string, words: readonly string[]): Promise<number> {
  const found = verbs[name] as Verb;
  if (words.some((word) => ['-h', '-help', '--help'].includes(word))) {
    process.stdout.write(`${programHelp(`${nameOfCommand()} kms ${name} [options]`, found)}\n`);
    return 0;
  }
  const interrupted = new AbortController();
  let code: number | undefined;
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      code = exit;
      interrupted.abort(new Fault('unavailable', 'interrupted; the same command goes on where it was'));
    });
  try {
    const { values, args } = parseFlags(found.flags, words);
    if (args.length > 0) throw new Ending(`this takes flags and no arguments: ${args.join(' ')}`);
    return await found.run(values as FlagValues<Flags>, interrupted.signal);
  } catch (thrown) {
    if (!(thrown instanceof Fault || thrown instanceof Ending)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return code ?? 1;
  }
}
