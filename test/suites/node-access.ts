// What every way to a control-plane node must do: read, write whole or not at all, list, remove, make folders, find processes, connect.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import type { ControlPlaneNode } from '../../src/etcd/nodes/node.ts';

export interface NodeSubject {
  readonly node: ControlPlaneNode;
  /** A folder on the node for this suite alone, absolute, which is there. */
  readonly folder: string;
  /** Runs a script on the node as root, past what is tested, and returns what it prints. */
  shell(script: string): Promise<string>;
  /** Starts a program of the node's loopback that answers `hello` to every connection and ends it. Resolves to its port. */
  listen(): Promise<number>;
  end(): Promise<void>;
}

/** A server of this process, for nodes that share its network. */
export async function helloServer(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createServer((socket) =>
    socket
      .on('error', () => undefined)
      .resume()
      .end('hello'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const soon = () => AbortSignal.timeout(20_000);

/** Opens the subject once. */
export function exerciseNodeAccess(name: string, open: () => Promise<NodeSubject>): void {
  describe(`${name}, as every way to a node,`, () => {
    let subject: NodeSubject;
    let node: ControlPlaneNode;
    let folder = '';
    let tests = 0;
    beforeAll(async () => {
      subject = await open();
      node = subject.node;
    }, 180_000);
    beforeEach(async () => {
      tests += 1;
      folder = `${subject.folder}/test ${tests}`;
      await subject.shell(`mkdir -m 0755 '${folder}'`);
    });
    afterAll(async () => {
      await node?.close();
      await subject?.end();
    });
    const refused = async (act: () => Promise<unknown>): Promise<Fault> => {
      const thrown = await act().then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(thrown).toBeInstanceOf(Fault);
      return thrown as Fault;
    };

    it('has a name and says how it is reached', () => {
      expect(node.name).toMatch(/^[a-z0-9][a-z0-9.-]*$/i);
      expect(node.way).not.toBe('');
    });

    it.each([0, 1, 4_096, 300_000])('reads back %i bytes that it wrote, with their mode', async (length) => {
      const bytes = randomBytes(length);
      await node.write(`${folder}/file`, bytes, { mode: 0o640 }, soon());
      const found = await node.read(`${folder}/file`, soon());
      expect(found?.mode).toBe(0o640);
      expect(found?.bytes.equals(bytes)).toBe(true);
      expect(await subject.shell(`sha256sum < '${folder}/file' | cut -c 1-64`)).toBe(
        `${createHash('sha256').update(bytes).digest('hex')}\n`,
      );
    });

    it('keeps bytes that a shell could mistake for words of its own', async () => {
      const bytes = Buffer.from('$(id) `id` \\ \' " \0 \r\n\n%s\xff', 'latin1');
      const path = `${folder}/it's $HOME "x" \\ *`;
      await node.write(path, bytes, { mode: 0o600 }, soon());
      expect((await node.read(path, soon()))?.bytes.equals(bytes)).toBe(true);
      expect(await node.list(folder, soon())).toStrictEqual([`it's $HOME "x" \\ *`]);
      expect(await node.remove(path, soon())).toBe(true);
      expect(await node.list(folder, soon())).toStrictEqual([]);
    });

    it('tells what is not there from what is empty', async () => {
      expect(await node.read(`${folder}/nothing`, soon())).toBeUndefined();
      expect(await node.read(`${folder}/no/folder/at/all`, soon())).toBeUndefined();
      expect(await node.list(`${folder}/nothing`, soon())).toBeUndefined();
      expect(await node.list(folder, soon())).toStrictEqual([]);
      expect(await node.remove(`${folder}/nothing`, soon())).toBe(false);
      expect(await refused(() => node.freeBytes(`${folder}/nothing`, soon()))).toMatchObject({ code: 'not-found' });
    });

    it('replaces a file by another one: whoever has it open keeps the old bytes', async () => {
      const path = `${folder}/file`;
      await node.write(path, Buffer.from('old'), { mode: 0o600 }, soon());
      const inode = await subject.shell(`stat -c %i '${path}'`);
      await node.write(path, Buffer.from('new'), { mode: 0o644 }, soon());
      expect(await subject.shell(`stat -c %i '${path}'`)).not.toBe(inode);
      expect(await node.read(path, soon())).toStrictEqual({ bytes: Buffer.from('new'), mode: 0o644 });
      expect(await node.list(folder, soon())).toStrictEqual(['file']);
    });

    it('keeps the owner of a file that was there', async () => {
      await subject.shell(`echo old > '${folder}/file'; chown 4321:1234 '${folder}/file'`);
      await node.write(`${folder}/file`, Buffer.from('new'), { mode: 0o600 }, soon());
      expect(await subject.shell(`stat -c '%u:%g %a' '${folder}/file'`)).toBe('4321:1234 600\n');
      await node.write(`${folder}/another`, Buffer.from('new'), { mode: 0o600 }, soon());
      expect(await subject.shell(`stat -c '%u:%g' '${folder}/another'`)).toBe('0:0\n');
    });

    it('writes what a symbolic link leads to, and leaves the link', async () => {
      await subject.shell(`cd '${folder}' && mkdir there && echo old > there/file && ln -s there/file link`);
      await node.write(`${folder}/link`, Buffer.from('new'), { mode: 0o600 }, soon());
      expect(await subject.shell(`readlink '${folder}/link'; cat '${folder}/there/file'`)).toBe('there/file\nnew');
    });

    it('removes what an earlier write of the same file left when it was killed, and nothing of other files', async () => {
      await subject.shell(`cd '${folder}' && : > .a.yaml.casemate-new-x1 && : > .b.yaml.casemate-new-x2 && : > .a.yaml.swp`);
      await node.write(`${folder}/a.yaml`, Buffer.from('a'), { mode: 0o600 }, soon());
      expect(await node.list(folder, soon())).toStrictEqual(['.a.yaml.swp', '.b.yaml.casemate-new-x2', 'a.yaml']);
    });

    it('lists hidden names too, sorted, and nothing that lies deeper', async () => {
      await subject.shell(`cd '${folder}' && mkdir b && touch b/deep c .hidden ..odd a && ln -s nowhere broken`);
      expect(await node.list(folder, soon())).toStrictEqual(['..odd', '.hidden', 'a', 'b', 'broken', 'c']);
    });

    it('makes folders with their parents, and gives the last one its mode also when it was there', async () => {
      const path = `${folder}/one/two/three`;
      await node.makeFolder(path, { mode: 0o700 }, soon());
      expect(await subject.shell(`cd '${folder}' && stat -c %a one one/two one/two/three`)).toBe('755\n755\n700\n');
      await node.makeFolder(path, { mode: 0o750 }, soon());
      expect(await subject.shell(`stat -c %a '${path}'`)).toBe('750\n');
    });

    it('refuses a folder where a file belongs, and a file where a folder belongs', async () => {
      await subject.shell(`cd '${folder}' && mkdir folder && touch file`);
      expect(await refused(() => node.read(`${folder}/folder`, soon()))).toMatchObject({ code: 'invalid-request' });
      expect(await refused(() => node.write(`${folder}/folder`, Buffer.from('x'), { mode: 0o600 }, soon()))).toMatchObject({
        code: 'invalid-request',
      });
      expect(await refused(() => node.remove(`${folder}/folder`, soon()))).toMatchObject({ code: 'invalid-request' });
      expect(await refused(() => node.makeFolder(`${folder}/file`, { mode: 0o700 }, soon()))).toMatchObject({ code: 'invalid-request' });
      expect(await node.list(folder, soon())).toStrictEqual(['file', 'folder']);
    });

    it('says that the folder of a new file is missing', async () => {
      const fault = await refused(() => node.write(`${folder}/no/file`, Buffer.from('x'), { mode: 0o600 }, soon()));
      expect(fault).toMatchObject({ code: 'not-found', message: expect.stringContaining(`${folder}/no/file`) });
    });

    it('refuses relative paths before anything is done', async () => {
      expect(await refused(() => node.read('etc/passwd', soon()))).toMatchObject({ code: 'usage' });
    });

    it('names node and path where a disk refuses, and not what was to be written', async () => {
      await subject.shell(`cd '${folder}' && mkdir ro full && mount -t tmpfs -o size=64k tmpfs full && mount -t tmpfs -o ro tmpfs ro`);
      try {
        const write = (path: string) => refused(() => node.write(path, Buffer.alloc(200_000, 'hunter2'), { mode: 0o600 }, soon()));
        const readOnly = await write(`${folder}/ro/file`);
        expect(readOnly).toMatchObject({ code: 'storage-failed', message: expect.stringContaining('read-only') });
        expect(readOnly.message).toContain(`${folder}/ro/file`);
        expect(await refused(() => node.makeFolder(`${folder}/ro/a/b`, { mode: 0o700 }, soon()))).toMatchObject({ code: 'storage-failed' });
        const full = await write(`${folder}/full/file`);
        expect(full).toMatchObject({ code: 'storage-failed', message: expect.stringContaining('full') });
        expect(full.message).not.toContain('hunter2');
        expect(await node.list(`${folder}/full`, soon())).toStrictEqual([]);
      } finally {
        await subject.shell(`umount '${folder}/full' '${folder}/ro'`);
      }
    });

    it('finds processes by the base name of their program, with all of their words', async () => {
      const program = `sleeper-${tests}`;
      await subject.shell(
        `cd '${folder}' && cp "$(command -v sleep)" ${program} && { ./${program} 3333 >/dev/null 2>&1 </dev/null & echo $! > pid; }`,
      );
      const pid = Number(await subject.shell(`cat '${folder}/pid'`));
      try {
        expect(await node.processes(program, soon())).toStrictEqual([{ pid, words: [`./${program}`, '3333'] }]);
        expect(await node.processes(program.slice(0, -1), soon())).toStrictEqual([]);
        expect((await node.read(`/proc/${pid}/root${folder}/pid`, soon()))?.bytes.toString()).toBe(`${pid}\n`);
      } finally {
        await subject.shell(`kill ${pid}`);
      }
    });

    it('tells how much room there is', async () => {
      expect(await node.freeBytes(folder, soon())).toBeGreaterThan(1_000_000);
    });

    it('connects to what listens on the loopback of the node, and says so where nothing does', async () => {
      const port = await subject.listen();
      const socket = await node.connect('127.0.0.1', port, soon());
      expect(await text(socket)).toBe('hello');
      socket.destroy();
    });

    it('does many things at a time', async () => {
      const names = Array.from({ length: 25 }, (_, index) => `file-${String(index).padStart(2, '0')}`);
      await Promise.all(names.map((one) => node.write(`${folder}/${one}`, Buffer.from(one), { mode: 0o600 }, soon())));
      expect(await node.list(folder, soon())).toStrictEqual(names);
      const read = await Promise.all(names.map((one) => node.read(`${folder}/${one}`, soon())));
      expect(read.map((one) => one?.bytes.toString())).toStrictEqual(names);
    });

    it('stops when the caller does', async () => {
      const fault = await refused(() => node.read(`${folder}/file`, AbortSignal.abort()));
      expect(fault).toMatchObject({ code: 'unavailable', fields: { stopped: true } });
    });
  });
}
