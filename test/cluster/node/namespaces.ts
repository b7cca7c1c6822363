// Private namespaces as a place to run a cluster in: a network, a PID tree, mounts and a host name of their own.

import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../../../src/base/fault.ts';
import type { Guardian } from '../fixture/guardian.ts';
import { type Component, componentEnvironment, type Runner, type SpawnOptions } from '../fixture/runner.ts';
import { createCgroups, planCgroups } from './cgroups.ts';
import type { Address, Asked, GateOrder, Order, Question, Ran, Told } from './messages.ts';

/** The node's own address: of the bridge that its pods hang on. */
export const nodeAddress = '10.77.0.1';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Process ids of its components are those of the private tree, which the machine counts differently. */
export interface Namespaces extends Runner {
  /** Absolute path of the node's group in each hierarchy. */
  readonly cgroup: string;
  /** Runs a program to its end, whatever its exit code. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** A port of the test's own loopback that leads to this address inside. The same for the same address. */
  reachAddress(inside: Address): Promise<number>;
  /** An address inside, for apiservers and pods, that leads to a port of the test's own loopback. */
  offer(port: number): Promise<Address>;
}

const repository = join(import.meta.dirname, '../../..');

/** `visible`: folders with programs, which may lie anywhere. Rejects with Fault `unavailable` and what the machine refused. */
export async function enterNamespaces(guardian: Guardian, visible: readonly string[]): Promise<Namespaces> {
  const { folder } = guardian;
  const name = folder.slice(folder.lastIndexOf('/') + 1);
  const plan = planCgroups(name);
  guardian.atEnd([process.execPath, join(import.meta.dirname, 'clear-cgroups.ts'), JSON.stringify(plan)]);
  createCgroups(plan);
  mkdirSync(join(folder, 'logs'), { recursive: true });
  const logOf = (component: string): string => join(folder, 'logs', `${component}.log`);
  const order: GateOrder = { folder, visible: [folder, repository, dirname(process.execPath), ...visible] };
  const gate = startGate(order, logOf('gate'));
  const talk = await openTalk(gate, () => readFileSync(logOf('gate'), 'utf8').trim().split('\n').slice(-5).join('\n'));
  const orderOf = (command: string, args: readonly string[], { env, cwd }: SpawnOptions): Order => ({
    ...{ command, args, cwd: cwd ?? folder },
    env: { ...componentEnvironment(folder), ...env },
  });
  const components = new Map<string, Component>();
  const reached = new Map<string, Promise<number>>();
  let nextPort = 16_000;
  const reachAddress = (inside: Address): Promise<number> => {
    const key = `${inside.host}:${inside.port}`;
    const port = reached.get(key) ?? (talk.ask({ ask: 'reach', inside }) as Promise<number>);
    reached.set(key, port);
    return port;
  };
  return {
    folder,
    cgroup: `/${name}`,
    components: () => [...components.values()],
    // Nobody else is in this network.
    freePorts: async (count) => Array.from({ length: count }, () => nextPort++),
    reach: (port) => reachAddress({ host: '127.0.0.1', port }),
    reachAddress,
    spawn(component, command, args, options = {}) {
      const logFile = logOf(component);
      const started = talk.ask({ ask: 'spawn', order: orderOf(command, args, options), log: logFile }) as Promise<number>;
      const inside = insideComponent({ name: component, logFile, started, talk });
      components.set(component, inside);
      return inside;
    },
    run: (command, args, { env, input = '' } = {}) =>
      talk.ask({ ask: 'run', order: orderOf(command, args, env === undefined ? {} : { env }), input }) as Promise<Ran>,
    async offer(port) {
      const given = await talk.ask({ ask: 'offer', inside: { host: nodeAddress, port: 0 }, hostPort: port });
      return { host: nodeAddress, port: given as number };
    },
  };
}

function startGate(order: GateOrder, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    return fork(join(import.meta.dirname, 'gate.ts'), [JSON.stringify(order)], {
      // The mark in the environment lets the guardian find it and everything inside.
      env: componentEnvironment(order.folder),
      execArgv: [],
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
}

interface Talk {
  /** Rejects with Fault `unavailable`, also when the namespaces end. */
  ask(asked: Asked): Promise<unknown>;
  /** How the process ended; that of the namespaces ends all. */
  ended(pid: number): Promise<string>;
}

async function openTalk(gate: ChildProcess, lastLines: () => string): Promise<Talk> {
  const waiting = new Map<number, { resolve(given: unknown): void; reject(fault: Fault): void }>();
  const endings = new Map<number, (how: string) => void>();
  const early = new Map<number, string>();
  let asked = 0;
  let gone: Fault | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    gate.on('message', (message: Told) => {
      if (message.told === 'ready') resolve();
      else if (message.told === 'ended') {
        const tell = endings.get(message.pid);
        if (tell === undefined) early.set(message.pid, message.how);
        tell?.(message.how);
      } else {
        const { id, thrown, given } = message;
        if (thrown === undefined) waiting.get(id)?.resolve(given);
        else waiting.get(id)?.reject(new Fault('unavailable', `inside the namespaces: ${thrown}`));
        waiting.delete(id);
      }
    });
    gate.once('exit', () => {
      gone = new Fault('unavailable', `the namespaces of the node have ended: ${lastLines()}`);
      reject(gone);
      for (const { reject } of waiting.values()) reject(gone);
      for (const tell of endings.values()) tell('SIGKILL');
    });
  });
  await ready;
  return {
    ask: (what) =>
      new Promise((resolve, reject) => {
        if (gone !== undefined) return reject(gone);
        asked += 1;
        waiting.set(asked, { resolve, reject });
        gate.send({ id: asked, asked: what } satisfies Question);
      }),
    ended: (pid) =>
      new Promise((resolve) => {
        const how = gone === undefined ? early.get(pid) : 'SIGKILL';
        if (how !== undefined) resolve(how);
        else endings.set(pid, resolve);
      }),
  };
}

interface InsideOptions {
  readonly name: string;
  readonly logFile: string;
  readonly started: Promise<number>;
  readonly talk: Talk;
}

function insideComponent({ name, logFile, started, talk }: InsideOptions): Component {
  let running = true;
  let known: number | undefined;
  const ended = started
    .then((pid) => {
      known = pid;
      return talk.ended(pid);
    })
    .catch((thrown: Error) => thrown.message)
    .finally(() => {
      running = false;
    });
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    const pid = await started;
    if (running) await talk.ask({ ask: 'signal', pid, signal });
  };
  // It may end between the look and the signal, and what was never started needs none.
  const quietly = (signal: NodeJS.Signals): void => void kill(signal).catch(() => undefined);
  return {
    name,
    logFile,
    ended,
    isRunning: () => running,
    logs: () => readFileSync(logFile, 'utf8'),
    kill: quietly,
    get pid() {
      if (known === undefined) throw new Fault('unavailable', `${name} has not been started yet`);
      return known;
    },
    async end(grace = 5_000) {
      if (!running) return;
      const late = setTimeout(() => quietly('SIGKILL'), grace);
      quietly('SIGTERM');
      await ended;
      clearTimeout(late);
    },
  };
}
