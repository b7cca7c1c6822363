// A token of SoftHSM in a folder of the test: keys are brought in by its own tool, and what the token notes of wrong PINs is read.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { softhsmFixture } from '../../scripts/fixtures/softhsm.mjs';
import { systemClock } from '../../src/base/clock.ts';
import { jsonLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/crypto/random.ts';
import { openPkcs11 } from '../../src/keys/backends/pkcs11.ts';
import type { Pkcs11Description } from '../../src/keys/description.ts';
import type { KeyBackend } from '../../src/keys/key-backend.ts';
import type { Pace } from '../../src/keys/pkcs11/connection.ts';

/** The sentence for tests that are skipped; undefined where SoftHSM is there. */
export function withoutSofthsm(): string | undefined {
  const found = softhsmFixture();
  return found.ready ? undefined : found.sentence;
}

export interface SofthsmToken {
  readonly folder: string;
  readonly module: string;
  readonly pin: string;
  /** What processes need to find the token. */
  readonly environment: Readonly<Record<string, string>>;
  /** Another token beside it. */
  addToken(label: string): void;
  /** An AES-256 key, random unless its 32 bytes are given (see `printable`). `id` in hex. */
  importKey(label: string, id: string, bytes?: Uint8Array, token?: string): void;
  /** A key with attributes of the test; `true` for what the key may do. */
  makeKey(label: string, id: string, bytes: Uint8Array, may: { readonly encrypt: boolean; readonly decrypt: boolean }): void;
  /** Logs in by hand. */
  logIn(): void;
  /** A wrong PIN has been shown to the token since the last login. */
  sawWrongPin(): boolean;
  description(more?: Partial<Pkcs11Description>): Pkcs11Description;
  /** A backend that waits for nothing longer than it must. */
  open(more?: Partial<Pkcs11Description>, pace?: Partial<Pace>): KeyBackend;
  logged(): string;
  /** Takes the token away, and brings it back. */
  hide(): void;
  show(): void;
  end(): void;
}

const quick: Pace = { patience: 10_000, patienceAtStart: 20_000, pause: 0, longest: 0 };

/** Labelled `casemate`. */
export function makeToken(): SofthsmToken {
  const found = softhsmFixture();
  if (!found.ready) throw new Error(found.sentence);
  const { module, util } = found;
  const folder = mkdtempSync(join(tmpdir(), 'casemate-softhsm-'));
  const tokens = join(folder, 'tokens');
  execFileSync('mkdir', [tokens]);
  const config = join(folder, 'softhsm2.conf');
  writeFileSync(config, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`);
  const environment = { PATH: process.env['PATH'] ?? '', SOFTHSM2_CONF: config };
  const pin = 'marked-pin-4711';
  const tool = (...words: string[]): void => void execFileSync(util, ['--module', module, ...words], { env: environment, stdio: 'pipe' });
  /** Straight calls on the module, in a process of their own. */
  const script = (...words: string[]): string =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'softhsm-script.ts'), module, pin, ...words], {
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const addToken = (label: string): void => tool('--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', pin);
  addToken('casemate');
  const lines: string[] = [];
  const log = jsonLog({ level: 'trace', write: (line) => void lines.push(line), now: () => 0 });
  const description: SofthsmToken['description'] = (more = {}) => ({
    type: 'pkcs11',
    lib: module,
    tokenLabel: 'casemate',
    keyLabel: 'etcd',
    pin: { kind: 'text', reveal: () => pin },
    ...more,
  });
  let count = 0;
  return {
    ...{ folder, module, pin, environment, addToken, description },
    importKey(label, id, bytes = printable(systemRandom(32)), token = 'casemate') {
      const path = join(folder, `key-${count++}`);
      writeFileSync(path, bytes);
      tool('--import', path, '--aes', '--token', token, '--label', label, '--id', id, '--force', '--pin', pin);
      rmSync(path);
    },
    makeKey(label, id, bytes, { encrypt, decrypt }) {
      script('key', label, id, Buffer.from(bytes).toString('hex'), String(encrypt), String(decrypt));
    },
    logIn: () => void script('login'),
    sawWrongPin: () => (BigInt(script('flags')) & 0x10000n) !== 0n,
    open: (more, pace) =>
      openPkcs11(description(more), { clock: systemClock, random: systemRandom, log, environment }, { ...quick, ...pace }),
    logged: () => lines.join(''),
    hide: () => renameSync(tokens, `${tokens}-hidden`),
    show: () => renameSync(`${tokens}-hidden`, tokens),
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** SoftHSM's tool reads a key's file as a line of text: bytes such as line feeds would cut it short. */
export function printable(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte | 0x40);
}

/** Processes of modules that this process, or the one with the given id, has started and that have not ended. */
export function moduleProcesses(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return state !== 'Z' && Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pkcs11-module');
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Whether a process is there and no zombie. */
export function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}
