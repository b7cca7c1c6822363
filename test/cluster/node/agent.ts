// The agent: a process inside a node's namespaces that starts what the test asks for and carries connections in and out.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { carryConnections } from './carry.ts';
import type { Accept, Address, Asked, Carry, Order, Question, Ran, Told } from './messages.ts';

process.on('message', (message: Question | Accept, handle: unknown) => {
  if ('accept' in message) carryConnections(handle, message.accept);
  else void answer(message);
});
// Without the gate nobody is left to ask anything, and process 1 ends the namespaces behind this one.
process.on('disconnect', () => process.exit(0));
tell({ told: 'ready' });

async function answer({ id, asked }: Question): Promise<void> {
  try {
    tell({ told: 'answer', id, given: await done(asked) });
  } catch (thrown) {
    tell({ told: 'answer', id, thrown: String(thrown) });
  }
}

async function done(asked: Asked): Promise<unknown> {
  switch (asked.ask) {
    case 'spawn':
      return start(asked.order, asked.log);
    case 'signal':
      return process.kill(asked.pid, asked.signal);
    case 'run':
      return run(asked.order, asked.input);
    case 'offer':
      return offer(asked.inside, asked.hostPort);
    case 'reach':
      throw new Error('the gate answers this itself');
  }
}

async function start(order: Order, log: string): Promise<number> {
  const output = openSync(log, 'a');
  try {
    const child = spawn(order.command, order.args, { ...settings(order), stdio: ['ignore', output, output], detached: true });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    child.once('exit', (code, signal) => tell({ told: 'ended', pid, how: signal ?? `exit code ${code}` }));
    return pid;
  } finally {
    closeSync(output);
  }
}

async function run(order: Order, input: string): Promise<Ran> {
  const child = spawn(order.command, order.args, { ...settings(order), stdio: 'pipe' });
  // A program that ends without reading its input is no failure of ours.
  child.stdin.on('error', () => undefined).end(input);
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<(number | null)[]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code: code ?? null, stdout, stderr };
}

function settings({ env, cwd }: Order): { readonly env: Record<string, string>; readonly cwd: string } {
  return { env: { ...env }, cwd };
}

async function offer(inside: Address, hostPort: number): Promise<number> {
  const server = createServer();
  server.listen(inside.port, inside.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // The socket stays one of this network wherever it is served; the gate's connections start in the host's.
  const carry: Carry = { told: 'carry', hostPort };
  await new Promise((resolve) => process.send?.(carry, server, {}, resolve));
  server.close();
  return port;
}

function tell(told: Told): void {
  process.send?.(told);
}
