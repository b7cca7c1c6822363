// The scripts in the shells that nodes have: the machine's own and busybox; answers that are cut off; users who may not.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { sshdFixture } from '../../../scripts/fixtures/sshd.mjs';
import { exerciseNodeAccess, helloServer } from '../../../test/suites/node-access.ts';
import { systemRandom } from '../../crypto/random.ts';
import { socketOpened } from './loopback-socket.ts';
import { stopped } from './node-fault.ts';
import { type NodeShell, shellFiles } from './shell-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'casemate-shell-files-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const soon = () => AbortSignal.timeout(10_000);

interface Start {
  readonly program: string;
  readonly path?: string;
  readonly uid?: number;
}

/** A shell of this machine; `path` is where it looks for programs. */
function shellOf({ program, path = process.env['PATH'] ?? '', uid }: Start): NodeShell {
  return {
    way: 'a shell',
    advice: 'use --sudo',
    async run(script, stdin, signal) {
      if (signal.aborted) throw stopped('a shell', 'a command', signal);
      const child = spawn(program, ['-c', script], {
        argv0: 'sh',
        env: { PATH: path },
        stdio: 'pipe',
        ...(uid === undefined ? {} : { uid }),
      });
      child.stdin.on('error', () => undefined).end(stdin);
      const [stdout, stderr, code] = await Promise.all([
        buffer(child.stdout),
        buffer(child.stderr),
        new Promise<number>((resolve) => child.on('close', (ended) => resolve(ended ?? -1))),
      ]);
      return { code, stdout, stderr: stderr.toString() };
    },
  };
}

function exerciseShell(name: string, start: () => Start): void {
  exerciseNodeAccess(name, async () => {
    const server = await helloServer();
    const own = mkdtempSync(join(folder, 'suite-'));
    return {
      node: {
        name: 'cp1',
        way: 'a shell',
        ...shellFiles(shellOf(start()), systemRandom),
        connect: (host, port, signal) => socketOpened(connect({ host, port }), { way: 'a shell', host, port, signal }),
        close: async () => {},
      },
      folder: own,
      shell: async (script) => execFileSync('sh', ['-euc', script], { encoding: 'utf8' }),
      listen: async () => server.port,
      end: server.close,
    };
  });
}

const root = process.getuid?.() === 0;
const fixture = sshdFixture();

describe.skipIf(!root)('with root', () => {
  exerciseShell('the shell of this machine', () => ({ program: 'sh' }));
  exerciseShell('bash as sh', () => ({ program: 'bash' }));

  it('what a plain user may not do is told with what would help, and not taken for absent', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    writeFileSync(join(closed, 'file'), 'old', { mode: 0o600 });
    writeFileSync(join(folder, 'private'), 'old', { mode: 0o600 });
    const files = shellFiles(shellOf({ program: 'sh', uid: 54_321 }), systemRandom);
    const denied = { code: 'permission-denied', message: expect.stringContaining('use --sudo') };
    await expect(files.read(join(closed, 'file'), soon())).rejects.toMatchObject(denied);
    await expect(files.read(join(closed, 'no/such'), soon())).rejects.toMatchObject(denied);
    await expect(files.read(join(folder, 'private'), soon())).rejects.toMatchObject(denied);
    await expect(files.list(closed, soon())).rejects.toMatchObject(denied);
    await expect(files.remove(join(folder, 'private'), soon())).rejects.toMatchObject(denied);
    await expect(files.makeFolder(join(folder, 'made'), { mode: 0o700 }, soon())).rejects.toMatchObject(denied);
    for (const path of [join(folder, 'private'), join(closed, 'file'), join(folder, 'new')])
      await expect(files.write(path, Buffer.from('new'), { mode: 0o600 }, soon())).rejects.toMatchObject(denied);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toStrictEqual([]);
  });
});

describe.skipIf(!fixture.ready)('with busybox', () => {
  exerciseShell('busybox', () => {
    const busybox = join(fixture.ready ? fixture.folder : '', 'bin', 'busybox');
    const path = mkdtempSync(join(folder, 'bin-'));
    for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n'))
      symlinkSync(busybox, join(path, applet));
    return { program: join(path, 'sh'), path };
  });
});

it('an answer that lost its end is refused, whatever the exit code says', async () => {
  const whole = shellOf({ program: 'sh' });
  const cut: NodeShell = {
    ...whole,
    run: async (script, stdin, signal) => {
      const done = await whole.run(script, stdin, signal);
      return { ...done, stdout: done.stdout.subarray(0, -1) };
    },
  };
  const path = join(folder, 'whole');
  writeFileSync(path, 'content');
  await expect(shellFiles(cut, systemRandom).read(path, soon())).rejects.toMatchObject({ code: 'unavailable' });
  await expect(shellFiles(cut, systemRandom).list(folder, soon())).rejects.toMatchObject({ code: 'unavailable' });
});

it.each([
  ['shorter than announced', (bytes: Uint8Array) => bytes.subarray(0, -1)],
  ['damaged', (bytes: Uint8Array) => Buffer.from(bytes).fill('x', 2, 3)],
])('content that arrives %s never takes the place of a file', async (_name, harm) => {
  const whole = shellOf({ program: 'sh' });
  const files = shellFiles(
    { ...whole, run: (script, stdin, signal) => whole.run(script, stdin === undefined ? undefined : harm(stdin), signal) },
    systemRandom,
  );
  const own = mkdtempSync(join(folder, 'harmed-'));
  writeFileSync(join(own, 'file'), 'old');
  await expect(files.write(join(own, 'file'), Buffer.from('new content'), { mode: 0o600 }, soon())).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(execFileSync('cat', [join(own, 'file')], { encoding: 'utf8' })).toBe('old');
  expect(readdirSync(own)).toStrictEqual(['file']);
});

it('content stands in no argument of a process', async () => {
  const scripts: string[] = [];
  const whole = shellOf({ program: 'sh' });
  const files = shellFiles(
    {
      ...whole,
      run: (script, stdin, signal) => {
        scripts.push(script);
        return whole.run(script, stdin, signal);
      },
    },
    systemRandom,
  );
  await files.write(join(folder, 'secret'), Buffer.from('hunter2'), { mode: 0o600 }, soon());
  expect(scripts).toHaveLength(1);
  expect(scripts[0]).not.toContain('hunter2');
});

it('a node without the usual small programs says so', async () => {
  const files = shellFiles(shellOf({ program: '/bin/sh', path: '/nowhere' }), systemRandom);
  await expect(files.write(join(folder, 'never'), Buffer.from('x'), { mode: 0o600 }, soon())).rejects.toMatchObject({
    code: expect.stringMatching(/unavailable|storage-failed/),
  });
});
