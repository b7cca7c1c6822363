// One SSH connection to a host, over a jump host or not: its key checked, commands run on it, connections made from it.

import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientChannel, ConnectConfig, ServerHostKeyAlgorithm } from 'ssh2';
import { Fault } from '../../base/fault.ts';
import { hostRefusal, type KnownHost, knownTypes } from './known-hosts.ts';
import { unreachable } from './loopback-socket.ts';
import { stopped } from './node-fault.ts';
import type { ShellOutcome } from './shell-files.ts';
import type { Login } from './ssh-credentials.ts';

export interface SshHost {
  readonly host: string;
  readonly port: number;
  readonly login: Login;
}

export interface SshTrust {
  readonly known: readonly KnownHost[];
  /** Where `known` was read, for messages. */
  readonly paths: readonly string[];
}

export interface SshConnection {
  /** False from the moment when it is lost or closed. */
  isOpen(): boolean;
  /** Runs a command through the user's login shell. Throws Fault `unavailable` when the connection is lost before it has ended. */
  run(command: string, stdin: Uint8Array | undefined, signal: AbortSignal): Promise<ShellOutcome>;
  /** A TCP connection that the host makes. */
  forward(host: string, port: number, signal: AbortSignal): Promise<Duplex>;
  close(): void;
}

/** Milliseconds. A host that answers nothing for about a quarter of a minute is lost. */
const limits = { handshake: 20_000, keepalive: 5_000, unanswered: 3 };
/** The largest answer: a node's files are small. */
const largestOutput = 16 * 1024 * 1024;

const algorithmsOf: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // Signed with SHA-1, a host key proves little.
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Those of the keys by which the host is known come first, so that another key of the same host is not taken for a change. */
export function hostKeyAlgorithms(types: ReadonlySet<string>): ServerHostKeyAlgorithm[] {
  const names = Object.keys(algorithmsOf);
  const sorted = [...names.filter((name) => types.has(name)), ...names.filter((name) => !types.has(name))];
  return sorted.flatMap((name) => algorithmsOf[name] ?? []);
}

export function wayOf({ host, port, login }: SshHost): string {
  return `${login.username}@${host.includes(':') ? `[${host}]` : host}:${port} over SSH`;
}

/**
 * `through`: a connection of a jump host to this one. Throws Fault `permission-denied` when the host is not known by its key or does
 * not let the user in, `unavailable` and `timeout`.
 */
export async function openSsh(target: SshHost, trust: SshTrust, signal: AbortSignal, through?: Duplex): Promise<SshConnection> {
  // A tenth of a second, for those who need it.
  const { Client } = await import('ssh2');
  const client = new Client();
  const way = wayOf(target);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let refused: Fault | undefined;
  const failed = (thrown: unknown) => reject(refused ?? connectFault(target, thrown));
  const stop = () => {
    refused ??= stopped(way, 'logging in', signal);
    reject(refused);
    client.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  let open = true;
  client.on('ready', resolve);
  client.on('close', () => {
    open = false;
    failed(undefined);
  });
  client.on('error', (thrown: Error & { readonly level?: string }) => {
    // An agent that fails is one way to log in less.
    if (thrown.level !== 'agent') failed(thrown);
  });
  const verified = (key: Buffer) => {
    refused = hostRefusal(trust.known, { ...target, key, paths: trust.paths });
    return refused === undefined;
  };
  try {
    signal.throwIfAborted();
    client.connect(configOf(target, trust, verified, through));
    await promise;
  } catch (thrown) {
    client.destroy();
    throw thrown instanceof Fault ? thrown : signal.aborted ? stopped(way, 'logging in', signal) : connectFault(target, thrown);
  } finally {
    signal.removeEventListener('abort', stop);
  }
  return {
    isOpen: () => open,
    run: (command, stdin, until) => runOn(client, way, command, stdin, until),
    forward: (host, port, until) => forwardOn(client, way, { host, port }, until),
    close: () => {
      open = false;
      client.end();
    },
  };
}

function configOf(
  { host, port, login }: SshHost,
  trust: SshTrust,
  verified: (key: Buffer) => boolean,
  through: Duplex | undefined,
): ConnectConfig {
  const { shown: _, ...proof } = login;
  return {
    host,
    port,
    ...proof,
    ...(through === undefined ? {} : { sock: through }),
    agentForward: false,
    hostVerifier: verified,
    algorithms: { serverHostKey: hostKeyAlgorithms(knownTypes(trust.known, host, port)) },
    readyTimeout: limits.handshake,
    keepaliveInterval: limits.keepalive,
    keepaliveCountMax: limits.unanswered,
  };
}

function connectFault(target: SshHost, thrown: unknown): Fault {
  const { level } = (thrown ?? {}) as { readonly level?: string };
  const way = wayOf(target);
  const options = { cause: thrown };
  switch (level) {
    case 'client-authentication':
      return new Fault(
        'permission-denied',
        `${way}: the login was refused; is ${target.login.shown} among the authorized_keys of ${target.login.username} there?`,
        options,
      );
    case 'client-timeout':
      return new Fault('timeout', `${way}: no answer within ${limits.handshake / 1_000} seconds; is it sshd that listens there?`, options);
    case 'handshake':
    case 'protocol':
      return new Fault('unavailable', `${way}: the two sides found no common way to speak; is it a current sshd?`, options);
    default:
      return new Fault('unavailable', `${way}: no connection; is the node up, and its sshd running?`, options);
  }
}

function lost(way: string, cause?: unknown): Fault {
  return new Fault(
    'unavailable',
    `${way}: the connection was lost before a command had ended, which may have been done or not; try again`,
    {
      cause,
    },
  );
}

/** Milliseconds: how often a session is asked for again, and for how long. */
const sessionPatience = { every: 50, within: 20_000 };

async function runOn(
  client: Client,
  way: string,
  command: string,
  stdin: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<ShellOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<ShellOutcome>();
  let channel: ClientChannel | undefined;
  const stop = () => {
    reject(stopped(way, 'a command', signal));
    channel?.destroy();
  };
  const gone = () => reject(lost(way));
  signal.addEventListener('abort', stop, { once: true });
  client.on('close', gone);
  try {
    if (signal.aborted) stop();
    openSession(client, command, signal, (opened) => {
      channel = opened;
      if (signal.aborted) opened.destroy();
      else collect(opened, way, stdin).then(resolve, reject);
    }).catch(reject);
    return await promise;
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw isOpenFailure(thrown) ? noSession(way, thrown) : lost(way, thrown);
  } finally {
    signal.removeEventListener('abort', stop);
    client.off('close', gone);
  }
}

/**
 * A session that has ended counts at sshd for a moment longer than here, so that it may say no. Then nothing was run. `begin` is
 * called from within: the end of a quick command may stand in the very packet that says that it was begun.
 */
async function openSession(client: Client, command: string, signal: AbortSignal, begin: (opened: ClientChannel) => void): Promise<void> {
  const end = performance.now() + sessionPatience.within;
  for (;;)
    try {
      return await new Promise<void>((resolve, reject) => {
        client.exec(command, (error, opened) => {
          if (error !== undefined) return reject(error);
          begin(opened);
          resolve();
        });
      });
    } catch (thrown) {
      if (!isOpenFailure(thrown) || signal.aborted || performance.now() > end) throw thrown;
      await delay(sessionPatience.every);
    }
}

/** The reason of a refusal to open a channel is a number (RFC 4254, section 5.1). */
function isOpenFailure(thrown: unknown): boolean {
  return typeof (thrown as { readonly reason?: unknown } | undefined)?.reason === 'number';
}

function noSession(way: string, cause: unknown): Fault {
  return new Fault('unavailable', `${way}: sshd opens no session for a command; look at MaxSessions of its sshd_config`, { cause });
}

function collect(channel: ClientChannel, way: string, stdin: Uint8Array | undefined): Promise<ShellOutcome> {
  return new Promise((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    let code: number | undefined;
    const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largestOutput) chunks.push(chunk);
      else channel.destroy();
    };
    channel.on('data', keep(stdout));
    channel.stderr.on('data', keep(stderr));
    channel.on('exit', (ended: number | null) => {
      code = ended ?? 128;
    });
    channel.on('error', (thrown: Error) => reject(lost(way, thrown)));
    channel.on('close', () => {
      if (size > largestOutput) reject(new Fault('too-large', `${way}: a command printed more than ${largestOutput / 1_048_576} MiB`));
      else if (code === undefined) reject(lost(way));
      else resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
    channel.end(stdin === undefined ? undefined : Buffer.from(stdin.buffer, stdin.byteOffset, stdin.byteLength));
  });
}

/** SSH_OPEN_CONNECT_FAILED (RFC 4254, section 5.1). */
const connectFailed = 2;

function forwardOn(client: Client, way: string, { host, port }: { host: string; port: number }, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      signal.removeEventListener('abort', stop);
      client.off('close', gone);
    };
    const fail = (fault: Fault) => {
      settle();
      reject(fault);
    };
    const stop = () => fail(stopped(way, `connecting to ${host}:${port}`, signal));
    const gone = () => fail(lost(way));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    client.on('close', gone);
    try {
      client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        settle();
        if (error !== undefined) reject(forwardFault(way, host, port, error));
        else if (signal.aborted) channel.destroy();
        else resolve(channel);
      });
    } catch (thrown) {
      fail(lost(way, thrown));
    }
  });
}

function forwardFault(way: string, host: string, port: number, error: Error & { readonly reason?: unknown }): Fault {
  if (error.reason === connectFailed) return unreachable(way, host, port, error);
  return new Fault(
    'permission-denied',
    `${way}: sshd makes no connection to ${host}:${port} for this user; allow it with AllowTcpForwarding local in its sshd_config`,
    { cause: error },
  );
}
