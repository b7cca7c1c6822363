// A real sshd on loopback, with users and sudo of its own, and what a test needs to log in to it.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { sshdFixture } from '../../scripts/fixtures/sshd.mjs';
import { Fault } from '../../src/base/fault.ts';
import type { SshAccess } from '../../src/etcd/nodes/node-access.ts';
import type { SshEnvironment } from '../../src/etcd/nodes/ssh-node.ts';
import { freePorts } from '../cluster/fixture/ports.ts';
import { until } from '../cluster/fixture/waiting.ts';

/** Why the tests on sshd are left out; undefined when they can run. Throws where CI asks for them. */
export function whyNoSshd(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const found = sshdFixture();
  if (found.ready) return undefined;
  if (env['CI'] === 'true' || env['CASEMATE_REQUIRE_SSHD'] === '1') throw new Fault('unavailable', found.sentence);
  return found.sentence;
}

export interface KeyPair {
  /** Path of the private key, 0600. */
  readonly file: string;
  /** `ssh-ed25519 AAAA…`. */
  readonly publicLine: string;
}

export interface Sshd {
  readonly port: number;
  /** Temporary, open to all users of the machine to look into; ends with the server. */
  readonly folder: string;
  /** A key that may log in as root, operator (sudo without a password), guest (sudo asks), busy (busybox), talkative. */
  readonly key: KeyPair;
  /** Of the host, one for each type of key. */
  readonly hostKeys: readonly KeyPair[];
  /** Path of a known_hosts file that knows this server. */
  readonly knownHosts: string;
  readonly environment: SshEnvironment;
  access(changes?: Partial<SshAccess>): SshAccess;
  /** What sshd has said, at the level DEBUG1. */
  log(): string;
  /** Runs a script as root in the mounts of the server, and returns what it prints. */
  shell(script: string): string;
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** Lines of sshd_config, which win over the usual ones. */
  readonly settings?: readonly string[];
  /** SELinux as far as its files tell; the kernel keeps labels without it too. */
  readonly selinux?: boolean;
}

/** `ed25519`, `rsa` or `ecdsa`. */
export function makeKey(folder: string, name: string, passphrase?: string, type: 'ed25519' | 'rsa' | 'ecdsa' = 'ed25519'): KeyPair {
  const bits = { ed25519: {}, rsa: { bits: 2048 }, ecdsa: { bits: 256 } } as const;
  const locked = passphrase === undefined ? {} : { passphrase, cipher: 'aes256-ctr', rounds: 4 };
  // One in two hundred of the ed25519 keys that ssh2 makes it cannot read itself; those of ssh-keygen it can.
  const make = () => ssh2.utils.generateKeyPairSync(type as 'rsa', { ...bits[type], ...locked } as { bits: number });
  let made = make();
  while (ssh2.utils.parseKey(made.private, passphrase) instanceof Error || ssh2.utils.parseKey(made.public) instanceof Error) made = make();
  const file = join(folder, name);
  writeFileSync(file, made.private, { mode: 0o600 });
  return { file, publicLine: made.public.trim() };
}

export async function startSshd({ settings = [], selinux = false }: SshdOptions = {}): Promise<Sshd> {
  const found = sshdFixture();
  if (!found.ready) throw new Fault('unavailable', found.sentence);
  const folder = mkdtempSync(join(tmpdir(), 'casemate-sshd-'));
  chmodSync(folder, 0o755);
  const [port] = await freePorts(1);
  const key = makeKey(folder, 'id_ed25519');
  const hostKeys = [makeKey(folder, 'host_ed25519'), makeKey(folder, 'host_ecdsa', undefined, 'ecdsa')];
  writeFileSync(join(folder, 'authorized_keys'), `${key.publicLine}\n`);
  const knownHosts = join(folder, 'known_hosts');
  writeFileSync(knownHosts, hostKeys.map(({ publicLine }) => `[127.0.0.1]:${port} ${publicLine}\n`).join(''));
  const lines = [
    ...settings,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...hostKeys.map(({ file }) => `HostKey ${file}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'PidFile none',
    'LogLevel DEBUG1',
    'MaxStartups 100',
    'SetEnv PATH=/run/fixture/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'Match User busy',
    'SetEnv PATH=/run/busybox',
  ];
  writeFileSync(join(folder, 'sshd_config'), `${lines.join('\n')}\n`);
  let log = '';
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'TERM', 'unshare', '--mount', '--propagation', 'private', 'sh', join(import.meta.dirname, 'sshd.sh')],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], FIXTURE: found.folder, FOLDER: folder, ...(selinux ? { SELINUX: '1' } : {}) },
    },
  );
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  await until('sshd listens', () => {
    if (child.exitCode !== null) throw new Fault('unavailable', `sshd has ended: ${log}`);
    return log.includes('Server listening');
  });
  const environment: SshEnvironment = { agentSocket: undefined, passphrase: undefined, home: folder };
  return {
    port: port as number,
    folder,
    key,
    hostKeys,
    knownHosts,
    environment,
    access: (changes = {}) => ({
      type: 'ssh',
      host: '127.0.0.1',
      port: port as number,
      user: 'root',
      keyFile: key.file,
      agent: false,
      knownHosts: [knownHosts],
      sudo: false,
      ...changes,
    }),
    log: () => log,
    shell: (script) => execFileSync('nsenter', ['--mount', `--target=${child.pid}`, 'sh', '-euc', script], { encoding: 'utf8' }),
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

export interface Agent {
  /** For SSH_AUTH_SOCK. */
  readonly socket: string;
  stop(): Promise<void>;
}

/** The machine's own ssh-agent, holding this key. Undefined where there is none. */
export async function startAgent(folder: string, key: KeyPair): Promise<Agent> {
  const place = join(folder, `agent-${process.pid}-${Math.round(performance.now())}`);
  mkdirSync(place, { mode: 0o700 });
  const socket = join(place, 'socket');
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'ssh-agent', '-D', '-a', socket], { stdio: 'ignore' });
  await until('the agent holds the key', () => {
    try {
      execFileSync('ssh-add', ['-q', key.file], { env: { PATH: process.env['PATH'], SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  return { socket, stop: () => ended(child) };
}

export function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').trim().split('\n');
}
