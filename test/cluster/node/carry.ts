// Carries each connection that a listening socket takes to another address, byte for byte, each direction ended by itself.

import { connect, Server, type Socket } from 'node:net';
import type { Address } from './messages.ts';

/** `handle` is a listening server, which may have come from a process of another network: connections onwards start in this one's. */
export function carryConnections(handle: unknown, to: Address): void {
  if (!(handle instanceof Server)) throw new TypeError('a listening socket was to come with this message');
  Object.assign(handle, { allowHalfOpen: true });
  handle.on('connection', (near: Socket) => {
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true });
    near.setNoDelay(true);
    join(near, far);
    join(far, near);
  });
}

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  // A connection that broke on one side shall look broken on the other, not ended.
  from.on('error', () => to.resetAndDestroy());
}
