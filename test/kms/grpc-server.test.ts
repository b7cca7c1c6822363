// The gRPC server over real sockets: what a call may be, how each other one ends, and that no peer harms another.

import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { endOf, framed, type GrpcDesk, type GrpcPeer, grpcPeer, openGrpc } from './grpc-peer.ts';

const words = Buffer.from('thirty-two bytes of a seed, sir!');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function opened(...given: Parameters<typeof openGrpc>): Promise<GrpcDesk & { readonly peer: GrpcPeer }> {
  const desk = await openGrpc(...given);
  cleanups.push(() => desk.end());
  return { ...desk, peer: peerOf(desk) };
}

function peerOf({ socket }: GrpcDesk, options?: Parameters<typeof grpcPeer>[1]): GrpcPeer {
  const peer = grpcPeer(socket, options);
  cleanups.push(() => peer.close());
  return peer;
}

describe('a call', () => {
  it('gets headers, one message and trailers', async () => {
    const { peer } = await opened();
    const { http, headers, trailers, bytes, reset } = await peer.call('/test/Echo', framed(words));
    expect([http, headers['content-type'], headers['grpc-status'], reset]).toEqual([200, 'application/grpc', undefined, 0]);
    expect(Object.entries(trailers ?? {})).toEqual([['grpc-status', '0']]);
    expect(bytes).toEqual(framed(words));
  });

  it('may come in pieces of a byte, may be empty, and may be as long as is allowed', async () => {
    const { peer } = await opened();
    const stream = peer.open('/test/Echo');
    const answer = endOf(stream);
    for (const byte of framed(words)) await new Promise((resolve) => stream.write(Buffer.from([byte]), resolve));
    stream.end();
    expect((await answer).bytes).toEqual(framed(words));
    expect((await peer.call('/test/Echo', framed(Buffer.alloc(0)))).bytes).toEqual(framed(Buffer.alloc(0)));
    const long = framed(Buffer.alloc(128 * 1_024, 7));
    expect((await peer.call('/test/Echo', long)).bytes.equals(long)).toBe(true);
  });

  it('that is refused has its status and sentence in the headers, and no message', async () => {
    const told = 'Schlüssel fehlt: 100 % sicher\nSiehe 🔑';
    const { peer } = await opened(10_000, { '/test/No': (call) => call.refuse(new Fault('corrupted', told)) });
    const answer = await peer.call('/test/No', framed(words));
    expect(answer).toMatchObject({ http: 200, status: '15', words: told, trailers: undefined, reset: 0 });
    expect(answer.headers['grpc-message']).toBe('Schl%C3%BCssel fehlt: 100 %25 sicher%0ASiehe %F0%9F%94%91');
    expect(answer.bytes).toHaveLength(0);
  });

  it('is answered once, whatever its method says afterwards', async () => {
    const { peer, hanging } = await opened();
    const answer = peer.call('/test/Hang', framed(words));
    await vi.waitFor(() => expect(hanging).toHaveLength(1));
    hanging[0]?.answer(framed(words));
    hanging[0]?.refuse(new Fault('internal', 'too late'));
    hanging[0]?.answer(framed(words));
    expect(await answer).toMatchObject({ status: '0', bytes: framed(words) });
  });
});

describe('what is no call', () => {
  it('without the type of gRPC, or by another verb, gets a status of HTTP', async () => {
    const { peer } = await opened();
    expect(await peer.call('/test/Echo', framed(words), { 'content-type': 'application/json' })).toMatchObject({
      http: 415,
      status: undefined,
    });
    expect((await endOf(peer.session.request({ ':method': 'GET', ':path': '/test/Echo' }))).http).toBe(405);
    expect((await endOf(peer.session.request({ ':method': 'HEAD', ':path': '/test/Echo' }))).http).toBe(405);
    expect((await peer.call('/test/Echo', framed(words), { 'content-type': 'application/grpc+proto' })).status).toBe('0');
  });

  it('of a method or service that is not there is unimplemented', async () => {
    const { peer } = await opened();
    for (const path of ['/test/Other', '/other/Echo', '/', '/test/Echo/', '/__proto__', '/constructor'])
      expect(await peer.call(path, framed(words)), path).toMatchObject({ status: '12', words: 'the KMS plugin has no such method' });
  });

  it.each([
    ['compressed', Buffer.from([1, 0, 0, 0, 1, 1]), '12', 'compressed messages are not taken here'],
    ['in a frame of no kind', Buffer.from([7, 0, 0, 0, 1, 1]), '13', 'malformed'],
    ['two at once', Buffer.concat([framed(words), framed(words)]), '13', 'a call has one message here'],
    ['broken off', framed(words).subarray(0, 20), '13', 'the call ended before its message was whole'],
    ['none', Buffer.alloc(0), '13', 'the call ended before its message was whole'],
  ])('with a message that is %s is refused', async (_what, bytes, status, sentence) => {
    const { peer } = await opened();
    const answer = await peer.call('/test/Echo', bytes);
    expect([answer.status, answer.reset]).toEqual([status, 0]);
    expect(answer.words).toContain(sentence);
    expect(answer.headers['grpc-accept-encoding']).toBe('identity');
  });

  it('with a message that is too long is refused by its first bytes', async () => {
    const { peer } = await opened();
    const stream = peer.open('/test/Echo');
    const answer = endOf(stream);
    stream.write(framed(Buffer.alloc(128 * 1_024 + 1)).subarray(0, 5));
    expect(await answer).toMatchObject({ status: '8', words: 'the message has 131073 bytes; 131072 are allowed', reset: 0 });
  });
});

describe('a deadline', () => {
  it('of the caller ends the call, and the method hears of it', async () => {
    const desk = await opened();
    const begun = performance.now();
    expect(await desk.peer.call('/test/Hang', framed(words), { 'grpc-timeout': '150m' })).toMatchObject({ status: '4' });
    expect(performance.now() - begun).toBeGreaterThan(140);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(desk.givenUp()).toBe(1);
  });

  it('of the server holds where the caller has none, or a later one, or never sends his message', async () => {
    const desk = await opened(150);
    const [none, later] = [{}, { 'grpc-timeout': '1H' }];
    for (const headers of [none, later]) expect((await desk.peer.call('/test/Hang', framed(words), headers)).status).toBe('4');
    expect(desk.givenUp()).toBe(2);
    const stream = desk.peer.open('/test/Echo');
    stream.write(framed(words).subarray(0, 10));
    expect(await endOf(stream)).toMatchObject({ status: '4' });
  });

  it('that is malformed is refused', async () => {
    const { peer } = await opened();
    expect(await peer.call('/test/Echo', framed(words), { 'grpc-timeout': 'soon' })).toMatchObject({ status: '13' });
  });
});

describe('a peer', () => {
  it('that gives a call up, or goes away, is not answered any more', async () => {
    const desk = await opened();
    const gone = peerOf(desk);
    const streams = [desk.peer, gone, gone].map((peer) => {
      const stream = peer.open('/test/Hang');
      stream.end(framed(words));
      return stream;
    });
    await vi.waitFor(() => expect(desk.hanging).toHaveLength(3));
    streams[0]?.close(8);
    await vi.waitFor(() => expect(desk.givenUp()).toBe(1));
    gone.session.socket.destroy();
    await vi.waitFor(() => expect(desk.givenUp()).toBe(3));
    for (const call of desk.hanging) call.answer(framed(words));
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
  });

  it('that does not end its side, or takes no answer, loses the stream and nothing else', async () => {
    const desk = await opened();
    const stream = desk.peer.open('/test/Echo');
    stream.write(framed(words));
    // The status has come before the stream is ended by force, with the code of no error.
    expect(await endOf(stream)).toMatchObject({ status: '0', bytes: framed(words), reset: 0 });
    const deaf = peerOf(desk, { settings: { initialWindowSize: 0 } });
    const unread = await deaf.call('/test/Echo', framed(words));
    expect([unread.status, unread.bytes.length]).toEqual([undefined, 0]);
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
  });

  it('with many messages that never end is refused, and others are not', async () => {
    const desk = await opened();
    const hoarder = peerOf(desk);
    const ends = Array.from({ length: 80 }, () => {
      const stream = hoarder.open('/test/Echo');
      stream.write(framed(Buffer.alloc(100_000)).subarray(0, 90_000));
      return endOf(stream);
    });
    const refused = await Promise.race(ends);
    expect(refused).toMatchObject({ status: '8', words: 'too many messages are under way that do not end' });
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
    hoarder.close();
    await Promise.all(ends);
    // Their room is given back.
    const long = framed(Buffer.alloc(100_000, 1));
    await vi.waitFor(async () => {
      const stream = desk.peer.open('/test/Echo');
      stream.write(long.subarray(0, 50_000));
      stream.end(long.subarray(50_000));
      expect((await endOf(stream)).status).toBe('0');
    });
  });

  it('with headers beyond all measure, or more calls than a connection may have, is turned away', async () => {
    const desk = await opened();
    // The limit holds from the moment at which the peer has heard of it.
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
    const wordy = await desk.peer.call('/test/Echo', framed(words), { 'x-long': 'x'.repeat(40_000) });
    expect(wordy.status).toBe(undefined);
    const busy = peerOf(desk);
    await new Promise((resolve) => busy.session.once('remoteSettings', resolve));
    expect(busy.session.remoteSettings.maxConcurrentStreams).toBe(1_024);
    expect((await peerOf(desk).call('/test/Echo', framed(words))).status).toBe('0');
  });

  it('that opens and resets streams as fast as it can is thrown out, and others are answered', async () => {
    const desk = await opened();
    const flood = peerOf(desk);
    await new Promise((resolve) => flood.session.once('remoteSettings', resolve));
    const over = new Promise((resolve) => flood.session.once('close', resolve));
    for (let call = 0; call < 5_000 && !flood.session.destroyed; call++) {
      flood.open('/test/Hang').close(8);
      if (call % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await over;
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
    await vi.waitFor(() => expect(desk.givenUp()).toBe(desk.hanging.length));
  });

  it('that says nothing is let go after five seconds', async () => {
    const desk = await opened();
    const silent = connect(desk.socket);
    const begun = performance.now();
    await new Promise((resolve) => silent.resume().once('close', resolve));
    expect(performance.now() - begun).toBeGreaterThan(4_900);
    expect(desk.log()).toContain('the peer does not speak HTTP/2');
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe('0');
  }, 10_000);
});

describe('the end of the server', () => {
  it('waits for calls under way, takes no others, and closes connections and socket', async () => {
    const desk = await opened();
    const answer = desk.peer.call('/test/Hang', framed(words));
    await vi.waitFor(() => expect(desk.hanging).toHaveLength(1));
    const gone = new Promise((resolve) => desk.peer.session.once('close', resolve));
    const goaway = new Promise((resolve) => desk.peer.session.once('goaway', (code: number) => resolve(code)));
    const drained = desk.server.drain(5_000);
    expect(await goaway).toBe(0);
    expect((await desk.peer.call('/test/Echo', framed(words))).status).toBe(undefined);
    desk.hanging[0]?.answer(framed(words));
    expect(await answer).toMatchObject({ status: '0', bytes: framed(words) });
    await drained;
    await gone;
    expect(existsSync(desk.socket)).toBe(false);
  });

  it('ends by force what has not ended in time', async () => {
    const desk = await opened();
    const answer = desk.peer.call('/test/Hang', framed(words));
    await vi.waitFor(() => expect(desk.hanging).toHaveLength(1));
    const begun = performance.now();
    await desk.server.drain(200);
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect((await answer).status).toBe(undefined);
    expect(desk.givenUp()).toBe(1);
  });
});
