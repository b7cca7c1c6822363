// The node that this process runs on: its files without a shell in between.

import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readFile, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import { socketOpened } from './loopback-socket.ts';
import type { ControlPlaneNode, NodeFile, NodeProcess } from './node.ts';
import { type Refusal, refusal, stopped } from './node-fault.ts';
import { draftMark } from './node-scripts.ts';
import { absolute, programWords } from './shell-files.ts';

export interface LocalNodeOptions {
  /** Host name of this machine, or of the node that it stands for. */
  readonly name: string;
  readonly random: RandomBytes;
  /**
   * Gives `draft` the SELinux label of `like`, or the one that `like` should have when it is not there yet. Node cannot set labels,
   * so a program hands in who can; without it a draft keeps the label that its folder gives, which is the right one unless
   * somebody has set another by hand.
   */
  readonly relabel?: ((draft: string, like: string, signal: AbortSignal) => Promise<void>) | undefined;
}

const way = 'this machine';
const advice = 'run casemate as root';

export function openLocalNode({ name, random, relabel }: LocalNodeOptions): ControlPlaneNode {
  return {
    name,
    way,
    read: (path, signal) => told(path, signal, 'reading', () => readAt(absolute(path), signal)),
    write: (path, bytes, { mode }, signal) =>
      told(path, signal, 'writing', () => writeAt({ path: absolute(path), bytes, mode, token: randomBase62(random, 12), relabel, signal })),
    remove: (path, signal) => told(path, signal, 'removing', () => removeAt(absolute(path))),
    list: (folder, signal) => told(folder, signal, 'listing', async () => (await readdir(absolute(folder)).catch(none))?.sort()),
    makeFolder: (path, { mode }, signal) => told(path, signal, 'making a folder', () => makeFolderAt(absolute(path), mode)),
    processes: (program, signal) => told('/proc', signal, 'looking for processes', () => processesOf(program, signal)),
    freeBytes: (folder, signal) => told(folder, signal, 'looking for room', () => freeAt(absolute(folder))),
    connect: (host, port, signal) => socketOpened(connect({ host, port }), { way, host, port, signal }),
    close: async () => {},
  };
}

async function readAt(path: string, signal: AbortSignal): Promise<NodeFile | undefined> {
  const file = await open(path, 'r').catch(none);
  if (file === undefined) return undefined;
  try {
    const { mode } = await file.stat();
    return { bytes: await file.readFile({ signal }), mode: mode & 0o7777 };
  } finally {
    await file.close();
  }
}

interface Write {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly token: string;
  readonly relabel: LocalNodeOptions['relabel'];
  readonly signal: AbortSignal;
}

async function writeAt({ path, bytes, mode, token, relabel, signal }: Write): Promise<void> {
  const target = await linkTarget(path);
  const folder = dirname(target);
  const there = await stat(target).catch(none);
  if (there?.isDirectory() === true) throw refusal('notAFile', { way, path, advice });
  const draft = join(folder, `.${basename(target)}.${draftMark}-${token}`);
  try {
    await removeDrafts(target);
    await writeDraft(draft, bytes, mode, there, signal);
    await relabel?.(draft, target, signal);
    signal.throwIfAborted();
    await rename(draft, target);
  } catch (thrown) {
    await rm(draft, { force: true }).catch(() => undefined);
    if (codeOf(thrown) === 'ENOENT') throw refusal('noFolder', { way, path, advice, cause: thrown });
    throw thrown;
  }
  await settle(folder);
}

async function writeDraft(
  draft: string,
  bytes: Uint8Array,
  mode: number,
  owner: { readonly uid: number; readonly gid: number } | undefined,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(bytes, { signal });
    const own = await file.stat();
    if (owner !== undefined && (own.uid !== owner.uid || own.gid !== owner.gid)) await file.chown(owner.uid, owner.gid);
    // After the owner: a change of owner takes bits away.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A symbolic link stays one; the file that it leads to, there or not, is what is written. */
async function linkTarget(path: string): Promise<string> {
  const link = await lstat(path).catch(none);
  return link?.isSymbolicLink() === true ? realpath(path) : path;
}

/** What earlier writes of this file left behind, having been killed. */
async function removeDrafts(target: string): Promise<void> {
  const begins = `.${basename(target)}.${draftMark}-`;
  for (const name of await readdir(dirname(target))) if (name.startsWith(begins)) await rm(join(dirname(target), name), { force: true });
}

/** The entries of a folder outlive a power cut only when the folder itself is synced. */
async function settle(folder: string): Promise<void> {
  const opened = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

async function removeAt(path: string): Promise<boolean> {
  try {
    await rm(path);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
  await settle(dirname(path));
  return true;
}

async function makeFolderAt(path: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await mkdir(path, { mode }).catch((thrown: unknown) => {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
  });
  if (!(await stat(path)).isDirectory()) throw refusal('notAFile', { way, path, advice });
  await chmod(path, mode);
  await settle(path);
  await settle(dirname(path));
}

async function processesOf(program: string, signal: AbortSignal): Promise<NodeProcess[]> {
  const found: NodeProcess[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    signal.throwIfAborted();
    // It may have ended since.
    const words = programWords(await readFile(`/proc/${entry}/cmdline`).catch(() => Buffer.alloc(0)), program);
    if (words !== undefined) found.push({ pid: Number(entry), words });
  }
  return found;
}

async function freeAt(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'ENOENT') throw new Fault('not-found', `${way}: there is no folder ${folder}`, { cause: thrown });
    throw thrown;
  });
  return bavail * bsize;
}

function codeOf(thrown: unknown): string | undefined {
  return (thrown as NodeJS.ErrnoException | undefined)?.code;
}

function none(thrown: unknown): undefined {
  const code = codeOf(thrown);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw thrown;
}

const refusals: Readonly<Record<string, Refusal>> = {
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'readOnly',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EISDIR: 'notAFile',
  ENOTDIR: 'notAFile',
  ERR_FS_EISDIR: 'notAFile',
};

async function told<T>(path: string, signal: AbortSignal, what: string, act: () => Promise<T>): Promise<T> {
  try {
    signal.throwIfAborted();
    return await act();
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    if (signal.aborted) throw stopped(way, `${what} ${path}`, signal);
    const code = codeOf(thrown) ?? '';
    throw refusal(refusals[code] ?? 'refused', { way, path, advice, said: code, cause: thrown });
  }
}
