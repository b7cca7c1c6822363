// Vault's verb LIST, which Node's HTTP parser refuses: renamed to a spare verb of equal length before the parser sees it.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** A verb that the parser knows and nobody uses; a client that sends it itself is refused. */
export const spareVerb = 'LINK';

const listVerb = Buffer.from('LIST ');
const renamed = Buffer.from(`${spareVerb} `);
const endOfHead = Buffer.from('\r\n\r\n');
const longestHead = 64 * 1024;

/**
 * What a packet that the parser refused for its method begins with, if that is a LIST: the parser may have taken `L` or
 * `LI` of an earlier packet, since LINK begins so.
 */
export function refusedList(packet: Buffer | undefined): Buffer | undefined {
  if (packet === undefined || packet.length === 0) return undefined;
  for (const taken of [0, 1, 2]) {
    const rest = listVerb.subarray(taken);
    const shared = Math.min(rest.length, packet.length);
    // Shorter than the verb: only the letters that make it differ from LINK can have been refused.
    if (packet.subarray(0, shared).equals(rest.subarray(0, shared)) && taken + shared > 2)
      return Buffer.concat([listVerb.subarray(0, taken), packet]);
  }
  return undefined;
}

/** Follows requests just far enough to know where each begins, and renames LIST there and nowhere else. */
export function createRenamer(): (packet: Buffer) => Buffer {
  let held: Buffer = Buffer.alloc(0);
  let bodyLeft = 0;
  /** After a body without a declared length the next beginning is not known: nothing is renamed any more. */
  let blind = false;

  return (packet) => {
    if (blind) return packet;
    let bytes = held.length === 0 ? packet : Buffer.concat([held, packet]);
    held = Buffer.alloc(0);
    const out: Buffer[] = [];
    while (bytes.length > 0 && !blind) {
      if (bodyLeft > 0) {
        const part = bytes.subarray(0, bodyLeft);
        bodyLeft -= part.length;
        out.push(part);
        bytes = bytes.subarray(part.length);
        continue;
      }
      const end = bytes.indexOf(endOfHead);
      if (end < 0) {
        if (bytes.length > longestHead) blind = true;
        else held = bytes;
        break;
      }
      const head = bytes.subarray(0, end + endOfHead.length);
      const length = bodyLength(head);
      if (length === undefined) blind = true;
      else bodyLeft = length;
      out.push(head.subarray(0, listVerb.length).equals(listVerb) ? Buffer.concat([renamed, head.subarray(listVerb.length)]) : head);
      bytes = bytes.subarray(head.length);
    }
    if (blind) out.push(bytes);
    return Buffer.concat(out);
  };
}

/** 0 without a body; `undefined` for a chunked one, or one that is declared twice. */
function bodyLength(head: Buffer): number | undefined {
  const text = head.toString('latin1');
  if (/\r\ntransfer-encoding:/i.test(text)) return undefined;
  const declared = [...text.matchAll(/\r\ncontent-length:[ \t]*(\d+)[ \t]*(?=\r\n)/gi)];
  if (declared.length > 1) return undefined;
  return declared.length === 0 ? 0 : Number((declared[0] as RegExpMatchArray)[1]);
}

/** A connection for the server to take over from `socket`, beginning with `pending`. */
export function renamingConnection(socket: Socket, pending: Buffer): Duplex {
  const rename = createRenamer();
  const connection = new Duplex({
    allowHalfOpen: false,
    read() {
      socket.resume();
    },
    write(chunk: Buffer, encoding, done) {
      if (socket.write(chunk, encoding)) done();
      else socket.once('drain', () => done());
    },
    final(done) {
      socket.end(() => done());
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  const take = (packet: Buffer) => {
    const bytes = rename(packet);
    if (bytes.length > 0 && !connection.push(bytes)) socket.pause();
  };
  socket.on('data', take);
  socket.on('end', () => connection.push(null));
  socket.on('error', () => connection.destroy());
  socket.on('close', () => connection.destroy());
  behaveAsSocket(connection, socket);
  take(pending);
  socket.resume();
  return connection;
}

/** What Node's server asks of a socket beyond a stream. */
function behaveAsSocket(connection: Duplex, socket: Socket): void {
  for (const name of ['remoteAddress', 'remotePort', 'localAddress', 'localPort', 'encrypted'] as const)
    Object.defineProperty(connection, name, { get: () => (socket as unknown as Record<string, unknown>)[name] });
  const same = () => connection;
  Object.assign(connection, {
    setNoDelay: same,
    setKeepAlive: same,
    ref: same,
    unref: same,
    setTimeout: (milliseconds: number, listener?: () => void) => {
      socket.setTimeout(milliseconds);
      if (listener !== undefined) socket.once('timeout', listener);
      return connection;
    },
  });
  socket.on('timeout', () => connection.emit('timeout'));
}
