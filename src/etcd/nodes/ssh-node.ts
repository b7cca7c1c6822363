// A node over SSH: one connection with several commands on it, made again when it was lost.

import type { Duplex } from 'node:stream';
import { Fault } from '../../base/fault.ts';
import type { RandomBytes } from '../../base/random.ts';
import { unlessAborted } from '../../kube/connection.ts';
import { type KnownHost, readKnownHosts, usualKnownHosts } from './known-hosts.ts';
import type { ControlPlaneNode } from './node.ts';
import type { SshAccess } from './node-access.ts';
import { stopped } from './node-fault.ts';
import { quoted } from './node-scripts.ts';
import { type NodeShell, shellFiles } from './shell-files.ts';
import { openSsh, type SshConnection, type SshHost, wayOf } from './ssh-connection.ts';
import { type LoginEnvironment, readLogin } from './ssh-credentials.ts';

export interface SshEnvironment extends LoginEnvironment {
  /** Home folder of the user of this machine, for the usual files of known hosts. */
  readonly home: string;
}

export interface SshNodeOptions {
  /** Host name of the node; without it, it is asked. */
  readonly name?: string | undefined;
  readonly access: SshAccess;
  readonly environment: SshEnvironment;
  readonly random: RandomBytes;
}

/** sshd allows 10 sessions on a connection (MaxSessions) unless it is told otherwise. */
const sessions = 6;

/**
 * Logs in, and proves that commands can be run as they will be. Throws Fault `permission-denied` when the host or the user is refused
 * or sudo asks for a password, `usage` for a key that cannot be read, `unavailable` and `timeout`.
 */
export async function openSshNode({ name, access, environment, random }: SshNodeOptions, signal: AbortSignal): Promise<ControlPlaneNode> {
  const route = await routeTo(access, environment);
  const way = wayOf(route.target);
  const link = reconnecting(way, (until) => connectAlong(route, until));
  const turn = turns(way, sessions);
  const shell: NodeShell = {
    way,
    advice: access.sudo ? 'sudo makes him another user than root, or a security module forbids it' : 'use --sudo, or log in as root',
    run: (script, stdin, until) =>
      turn(until, async () => {
        const connection = await link.open(until);
        return connection.run(commandOf(script, access.sudo), stdin, until);
      }),
  };
  try {
    const found = await hostName(shell, access.sudo, signal);
    return {
      name: name ?? found,
      way,
      ...shellFiles(shell, random),
      connect: async (host, port, until): Promise<Duplex> => (await link.open(until)).forward(host, port, until),
      close: async () => link.close(),
    };
  } catch (thrown) {
    link.close();
    throw thrown;
  }
}

/** A script holds paths and digests, never what is written: arguments are seen by everybody on the node. */
function commandOf(script: string, sudo: boolean): string {
  return `${sudo ? 'sudo -n ' : ''}sh -c ${quoted(script)}`;
}

const marker = 'casemate-node ';

async function hostName(shell: NodeShell, sudo: boolean, signal: AbortSignal): Promise<string> {
  const { code, stdout } = await shell.run(`echo "${marker}$(uname -n)"`, undefined, signal);
  const line = stdout
    .toString()
    .split('\n')
    .find((one) => one.startsWith(marker));
  if (code === 0 && line !== undefined && line.length > marker.length) return line.slice(marker.length);
  if (sudo)
    throw new Fault(
      'permission-denied',
      `${shell.way}: sudo does not run commands without a password for this user; allow it (NOPASSWD) in sudoers, or log in as root`,
    );
  throw new Fault('unavailable', `${shell.way}: commands cannot be run there (exit code ${code}); the user needs a login shell`);
}

interface Route {
  readonly target: SshHost;
  readonly jump: SshHost | undefined;
  readonly paths: readonly string[];
  readonly known: readonly KnownHost[];
}

async function routeTo({ host, port, user, keyFile, agent, jump, knownHosts }: SshAccess, environment: SshEnvironment): Promise<Route> {
  const { utils } = (await import('ssh2')).default;
  const usable = (key: Buffer, passphrase: string | undefined) => {
    const parsed = utils.parseKey(key, passphrase);
    return !(parsed instanceof Error) && parsed.isPrivateKey();
  };
  const paths = knownHosts.length === 0 ? usualKnownHosts(environment.home) : knownHosts;
  const jumpKey = jump?.keyFile ?? keyFile;
  return {
    target: { host, port, login: readLogin({ user, keyFile, agent }, environment, usable) },
    jump:
      jump === undefined
        ? undefined
        : { host: jump.host, port: jump.port, login: readLogin({ user: jump.user, keyFile: jumpKey, agent }, environment, usable) },
    paths,
    known: await readKnownHosts(paths),
  };
}

async function connectAlong({ target, jump, paths, known }: Route, signal: AbortSignal): Promise<SshConnection> {
  const trust = { known, paths };
  if (jump === undefined) return openSsh(target, trust, signal);
  const first = await openSsh(jump, trust, signal);
  try {
    const last = await openSsh(target, trust, signal, await first.forward(target.host, target.port, signal));
    return {
      ...last,
      isOpen: () => first.isOpen() && last.isOpen(),
      close: () => {
        last.close();
        first.close();
      },
    };
  } catch (thrown) {
    first.close();
    throw thrown;
  }
}

/** Whoever comes while a connection is being made waits for that one; who comes after it was lost makes another. */
function reconnecting(way: string, connect: (signal: AbortSignal) => Promise<SshConnection>) {
  let current: Promise<SshConnection> | undefined;
  let closed = false;
  const ready = async (signal: AbortSignal): Promise<SshConnection | undefined> => {
    const shared = current;
    try {
      const found = shared === undefined ? undefined : await unlessAborted(shared, signal);
      if (found?.isOpen() === true) return found;
      found?.close();
    } catch (thrown) {
      if (signal.aborted) throw stopped(way, 'logging in', signal);
      // Whoever began it has stopped it, which says nothing about the node.
      if (!(thrown instanceof Fault) || thrown.fields?.['stopped'] !== true) throw thrown;
    }
    if (current === shared) current = undefined;
    return undefined;
  };
  return {
    async open(signal: AbortSignal): Promise<SshConnection> {
      while (!closed) {
        const found = await ready(signal);
        if (found !== undefined) return found;
        if (closed || current !== undefined) continue;
        const made = connect(signal);
        current = made;
        made.then(
          (connection) => closed && connection.close(),
          () => {
            if (current === made) current = undefined;
          },
        );
        return made;
      }
      throw new Fault('invalid-request', `${way}: it was closed`);
    },
    close() {
      closed = true;
      current?.then((connection) => connection.close()).catch(() => undefined);
    },
  };
}

/** At most `count` at a time, in the order in which they come. */
function turns(way: string, count: number) {
  let free = count;
  const waiting = new Set<() => void>();
  const turn = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        waiting.delete(go);
        resolve();
      };
      const leave = () => {
        waiting.delete(go);
        reject(stopped(way, 'a command', signal));
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.add(go);
    });
  return async <T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> => {
    if (signal.aborted) throw stopped(way, 'a command', signal);
    if (free > 0) free -= 1;
    else await turn(signal);
    try {
      return await act();
    } finally {
      const [next] = waiting;
      if (next === undefined) free += 1;
      else next();
    }
  };
}
