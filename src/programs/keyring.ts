// Key rings of this machine as a program: `keyring new` makes one, `add`, `use` and `remove` change its versions, `list` shows them.

import { systemClock } from '../base/clock.ts';
import { Ending } from '../cli/ending.ts';
import { bool, type Flags, type FlagValues, integer, parseFlags, text } from '../cli/flags.ts';
import { programHelp } from '../cli/help.ts';
import { asProgramWithVerbs } from '../cli/program.ts';
import { systemRandom } from '../crypto/random.ts';
import { ciphers } from '../keys/cipher.ts';
import type { Cipher } from '../keys/description.ts';
import { addRingKey, createRing, type Ring, readRing, removeRingKey, useRingKey } from '../keys/ring-file.ts';
import { readSecret } from '../keys/secret-source.ts';

const flags = {
  name: text('Of a new ring: part of the names of its keys, and the same on all nodes.', { default: 'default' }),
  cipher: text('Of a new version: aes-256-gcm or sm4-gcm; that of the version in use when left out.'),
  passphrase: text('Where the passphrase of the ring stands: file:///PATH or env://NAME. A new ring without it has none.'),
  use: bool('The version that is added seals from now on. Without it the version only opens, until "use" says otherwise.'),
  'key-version': integer('The version to use or to remove.'),
} as const;

type Given = FlagValues<typeof flags>;

const parts = { random: systemRandom, clock: systemClock };

/** By verb. All throw Faults in one sentence. */
const verbs: ReadonlyMap<string, (path: string, given: Given, passphrase: string | undefined) => Promise<Ring>> = new Map([
  [
    'new',
    (path: string, { name, cipher }: Given, passphrase: string | undefined) =>
      createRing(path, { name: name ?? 'default', cipher: cipherOf(cipher) ?? 'aes-256-gcm', passphrase }, parts),
  ],
  [
    'add',
    (path: string, { cipher, use }: Given, passphrase: string | undefined) =>
      addRingKey(path, { cipher: cipherOf(cipher), use, passphrase }, parts),
  ],
  ['use', (path: string, given: Given, passphrase: string | undefined) => useRingKey(path, versionOf(given), passphrase)],
  ['remove', (path: string, given: Given, passphrase: string | undefined) => removeRingKey(path, versionOf(given), passphrase)],
  ['list', (path: string, _given: Given, passphrase: string | undefined) => readRing(path, passphrase)],
]);

/** Resolves to the exit code. */
export function keyring(words: readonly string[]): Promise<number> {
  const [verb = '', ...rest] = words;
  return asProgramWithVerbs(keyringHelp, words, async () => {
    const run = verbs.get(verb);
    if (run === undefined) throw new Ending(`there is no ${JSON.stringify(verb)} here; use new, add, use, remove or list`);
    const { values, args } = parseFlags(flags as Flags, rest);
    const [path] = args;
    if (path === undefined || args.length > 1) throw new Ending('name one file, behind the flags');
    const given = values as Given;
    process.stdout.write(`${shown(await run(path, given, passphraseOf(given)), path)}\n`);
  });
}

/** Never the passphrase itself: every user of the machine can read the words of a command. */
function passphraseOf({ passphrase }: Given): string | undefined {
  if (passphrase === undefined) return undefined;
  const place = /^(?:file:\/\/(?<path>\/.+)|env:\/\/(?<name>[A-Za-z_][A-Za-z0-9_]*))$/.exec(passphrase)?.groups;
  if (place === undefined) throw new Ending('name the place of the passphrase, file:///PATH or env://NAME, and not the passphrase itself');
  const { path, name } = place;
  const source = path === undefined ? { kind: 'environment' as const, name: name as string } : { kind: 'file' as const, path };
  return readSecret(source, process.env, 'the passphrase of the key ring');
}

function cipherOf(given: string | undefined): Cipher | undefined {
  if (given === undefined) return undefined;
  const cipher = ciphers.find((one) => one === given);
  if (cipher === undefined) throw new Ending(`there is no cipher ${JSON.stringify(given)} here; use ${ciphers.join(' or ')}`);
  return cipher;
}

function versionOf({ 'key-version': version }: Given): number {
  if (version === undefined) throw new Ending('name the version with -key-version=NUMBER');
  return version;
}

function shown(ring: Ring, path: string): string {
  const rows = ring.keys.map(
    ({ version, cipher, id }) => `  ${id}  ${cipher}  ${version === ring.current.version ? 'seals and opens' : 'opens'}`,
  );
  return [`Key ring ${ring.name} in ${path}:`, ...rows].join('\n');
}

export const keyringHelp = (name: string): string =>
  programHelp(`${name} keyring new|add|use|remove|list [options] FILE`, {
    help: 'Makes and changes a file of keys for the KMS plugin and for servers that unseal themselves. Versions only grow: the newest one in use seals, and all of them open. Whoever has the file opened notices a change within a minute.',
    examples: {
      'Make a ring with the national cipher': 'keyring new -name=etcd -cipher=sm4-gcm /etc/casemate/etcd.ring',
      'Give all nodes a new version first': 'keyring add /etc/casemate/etcd.ring',
      'And then seal with it': 'keyring use -key-version=2 /etc/casemate/etcd.ring',
    },
    flags,
  });
