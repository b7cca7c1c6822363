// The KMS plugin of kube-apiserver as a program: `kms serve` runs it, `kms check` tries its keys, and further verbs bring it to a cluster.

import { Fault } from '../base/fault.ts';
import { jsonLog, type LogLevel, logLevels } from '../base/log.ts';
import { Ending } from '../cli/ending.ts';
import { text } from '../cli/flags.ts';
import { programHelp } from '../cli/help.ts';
import { asProgramWithVerbs, flagsAlone, nameOfCommand } from '../cli/program.ts';
import { loadKmsConfig } from './kms/config-file.ts';

const config = text("The file that says which keys are served where, in HCL or JSON; that of JD Cloud's plugin is understood as well.", {
  aliases: ['f'],
});

const serveFlags = {
  config,
  'log-level': text('trace, debug, info, warn or error; that of the configuration when left out.'),
} as const;

const checkFlags = { config } as const;

/** Resolves to the exit code, when the plugin has ended. */
export async function kms(words: readonly string[]): Promise<number> {
  const [first = ''] = words;
  // A plugin that runs on every node has nothing of what reaches nodes and clusters in its memory.
  if (['install', 'uninstall', 'doctor'].includes(first))
    return (await import('./kms/cluster-verbs.ts')).runClusterVerb(first, words.slice(1));
  // As `/k8s-kms-plugin -f=…` is called, whose place it takes.
  const [verb, rest] = first.startsWith('-') ? ['serve', words] : [first, words.slice(1)];
  return asProgramWithVerbs(kmsHelp, words, () => {
    if (verb === 'serve') return serve(rest);
    if (verb === 'check') return check(rest);
    const name = nameOfCommand();
    throw new Ending(`there is no ${JSON.stringify(verb)} here; use ${name} kms serve, check, install, uninstall or doctor`);
  });
}

async function serve(words: readonly string[]): Promise<void> {
  const { config: path, 'log-level': level } = flagsAlone(serveFlags, words);
  // What is made from here on, sockets first of all, is for this user alone from its first moment.
  process.umask(0o077);
  const read = loadKmsConfig(named(path));
  const log = jsonLog({ level: levelOf(level ?? read.logLevel), write: (line) => void process.stderr.write(line), now: () => Date.now() });
  const { startKms } = await import('./kms/process.ts');
  const running = await startKms(read, log);
  const ended = running.untilEnd();
  log.info('the plugin is ready', { health: running.health });
  await ended;
}

async function check(words: readonly string[]): Promise<void> {
  const { config: path } = flagsAlone(checkFlags, words);
  const { checkKeys } = await import('./kms/check.ts');
  for (const line of await checkKeys(loadKmsConfig(named(path)))) process.stdout.write(`${line}\n`);
}

function named(path: string | undefined): string {
  if (path === undefined || path === '') throw new Fault('usage', 'name a configuration with -config=FILE');
  return path;
}

function levelOf(given: string): LogLevel {
  const level = logLevels.find((one) => one === given);
  if (level === undefined) throw new Fault('usage', `there is no log level ${given}: use ${logLevels.join(', ')}`);
  return level;
}

export const kmsHelp = (name: string): string =>
  programHelp(`${name} kms serve|check|install|uninstall|doctor [options]`, {
    help: 'Seals and opens the keys of kube-apiserver, as its KMS plugin (v2 and v1 on one unix socket). "serve" runs until it is told to end; "check" reads the configuration, asks each key to seal and open something, and says what it found. "install", "uninstall" and "doctor" put the plugin on control-plane nodes, take it off again, and tell what is wrong; each shows its own flags with -h.',
    examples: {
      'Put it on this control-plane node': 'kms install -local -image=casemate:0.1.0',
      'Serve what a configuration says': 'kms serve -config=/etc/casemate/kms.hcl',
      "Take the place of JD Cloud's plugin": 'kms -f=/etc/kubernetes/kms/jdcloud/jdcloud-kms-plugin.json',
    },
    flags: serveFlags,
  });
