// The gate: a process outside a node's namespaces that holds them open and carries connections across; its end ends everything inside.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { carryConnections } from './carry.ts';
import type { Accept, Address, Carry, GateOrder, Question, Told } from './messages.ts';

const holder = holdNamespaces(JSON.parse(process.argv[2] ?? '') as GateOrder);

// A socket belongs to the network in which it was made, whoever serves it. So listening sockets are handed across,
// and a connection needs one process on its way and no interface that both networks know.
holder.on('message', (message: Told | Carry, handle: unknown) => {
  if (message.told === 'carry') carryConnections(handle, { host: '127.0.0.1', port: message.hostPort });
  else tell(message);
});
holder.on('exit', (code) => process.exit(code ?? 1));
process.on('message', ({ id, asked }: Question) => {
  if (asked.ask === 'reach') void reach(id, asked.inside);
  else holder.send({ id, asked } satisfies Question);
});
// The test's process is gone.
process.on('disconnect', () => process.exit(0));

function holdNamespaces({ folder, visible }: GateOrder): ChildProcess {
  const own = ['--net', '--mount', '--propagation', 'private', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const agent = [process.execPath, join(import.meta.dirname, 'agent.ts')];
  return spawn('unshare', [...own, join(import.meta.dirname, 'enter.sh'), folder, ...visible, '--', ...agent], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function reach(id: number, inside: Address): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  holder.send({ accept: inside } satisfies Accept, server, {}, () => {
    server.close();
    tell({ told: 'answer', id, given: port });
  });
}

function tell(told: Told): void {
  process.send?.(told);
}
