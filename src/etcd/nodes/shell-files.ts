// A node's files and processes over nothing but a shell that can be given a script and bytes: what SSH and pods share.

import { Fault } from '../../base/fault.ts';
import { type RandomBytes, randomBase62 } from '../../base/random.ts';
import { sha256Hex } from '../../crypto/hash.ts';
import type { ControlPlaneNode, NodeFile, NodeProcess } from './node.ts';
import { type Refusal, refusal } from './node-fault.ts';
import { folderScript, freeScript, listScript, outcomes, processScript, readScript, removeScript, writeScript } from './node-scripts.ts';

export interface ShellOutcome {
  /** Exit code of the script. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface NodeShell {
  /** For messages: `root@10.0.0.11:22 over SSH`. */
  readonly way: string;
  /** What gives more rights: `use --sudo, or log in as root`. */
  readonly advice: string;
  /**
   * Runs `script` in a POSIX shell with `stdin` as its standard input. Resolves when it has ended, whatever its code. Throws Fault
   * `unavailable` when the node cannot be reached or was lost, `timeout`, `permission-denied`.
   */
  run(script: string, stdin: Uint8Array | undefined, signal: AbortSignal): Promise<ShellOutcome>;
}

export type NodeFiles = Pick<ControlPlaneNode, 'read' | 'write' | 'remove' | 'list' | 'makeFolder' | 'processes' | 'freeBytes'>;

/** `random` makes the names of drafts and the marks at the end of answers. */
export function shellFiles(shell: NodeShell, random: RandomBytes): NodeFiles {
  const mark = () => `\n${randomBase62(random, 22)}`;
  return {
    async read(path, signal) {
      const end = mark();
      const done = await shell.run(readScript(absolute(path), end), undefined, signal);
      return fileIn(whole(shell, path, done, end));
    },
    async write(path, bytes, { mode }, signal) {
      const token = randomBase62(random, 12);
      const script = writeScript({ path: absolute(path), mode, length: bytes.length, sha256: sha256Hex(bytes), token });
      expected(shell, path, await shell.run(script, bytes, signal));
    },
    async remove(path, signal) {
      const done = await shell.run(removeScript(absolute(path)), undefined, signal);
      return expected(shell, path, done) !== undefined;
    },
    async list(folder, signal) {
      const end = mark();
      const printed = whole(shell, folder, await shell.run(listScript(absolute(folder), end), undefined, signal), end);
      return printed?.toString().split('\0').slice(0, -1).sort();
    },
    async makeFolder(path, { mode }, signal) {
      expected(shell, path, await shell.run(folderScript(absolute(path), mode), undefined, signal));
    },
    async processes(program, signal) {
      const end = mark();
      const done = await shell.run(processScript(program, end), undefined, signal);
      return processesIn(whole(shell, '/proc', done, end)?.toString() ?? '', program);
    },
    async freeBytes(folder, signal) {
      const end = mark();
      const printed = whole(shell, folder, await shell.run(freeScript(absolute(folder), end), undefined, signal), end);
      if (printed === undefined) throw new Fault('not-found', `${shell.way}: there is no folder ${folder}`);
      return freeIn(shell, printed.toString());
    },
  };
}

/** Throws Fault `usage`: a relative path would depend on where a shell happens to start. */
export function absolute(path: string): string {
  if (!path.startsWith('/') || path.includes('\0')) throw new Fault('usage', `${JSON.stringify(path)} is no absolute path of a node`);
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
}

const refusals: ReadonlyMap<number, Refusal> = new Map(
  (['forbidden', 'readOnly', 'full', 'refused', 'notAFile', 'incomplete', 'noFolder'] as const).map((kind) => [outcomes[kind], kind]),
);

/** Undefined when the script has said that it is not there. */
function expected({ way, advice }: NodeShell, path: string, done: ShellOutcome): ShellOutcome | undefined {
  if (done.code === 0) return done;
  if (done.code === outcomes.absent) return undefined;
  const said = lastLine(done.stderr);
  const kind = refusals.get(done.code);
  if (kind !== undefined) throw refusal(kind, { way, path, advice, said });
  throw new Fault(
    'unavailable',
    `${way}: a command on ${path} ended with ${done.code}${said === '' ? '' : ` (${said})`}; the node needs sh and the usual small programs`,
  );
}

/** What was printed between the marks; connections of some kinds lose the end of an answer and tell nobody. */
function whole(shell: NodeShell, path: string, done: ShellOutcome, mark: string): Buffer | undefined {
  const printed = expected(shell, path, done)?.stdout;
  if (printed === undefined) return undefined;
  const begun = printed.indexOf(mark);
  const end = printed.length - mark.length;
  if (begun === -1 || end === begun || printed.toString('latin1', end) !== mark)
    throw new Fault('unavailable', `${shell.way}: the answer about ${path} did not arrive whole; try again`);
  return printed.subarray(begun + mark.length, end);
}

function fileIn(printed: Buffer | undefined): NodeFile | undefined {
  if (printed === undefined) return undefined;
  const line = printed.indexOf('\n');
  return { bytes: printed.subarray(line + 1), mode: Number.parseInt(printed.toString('latin1', 0, line), 8) };
}

/** Words as `/proc/<pid>/cmdline` has them; undefined for another program, or one that has ended. */
export function programWords(cmdline: Buffer, program: string): NodeProcess['words'] | undefined {
  const [first, ...rest] = cmdline.toString().replace(/\0$/, '').split('\0');
  if (first === undefined || first === '' || first.slice(first.lastIndexOf('/') + 1) !== program) return undefined;
  return [first, ...rest];
}

function processesIn(text: string, program: string): NodeProcess[] {
  return text
    .split(/^pid /m)
    .slice(1)
    .flatMap((part) => {
      const line = part.indexOf('\n');
      const words = programWords(Buffer.from(part.slice(line).replace(/\s/g, ''), 'hex'), program);
      return words === undefined ? [] : [{ pid: Number(part.slice(0, line)), words }];
    });
}

function freeIn({ way }: NodeShell, text: string): number {
  const found = /^(\d+) (\d+)$/.exec(text.trim());
  if (found === null) throw new Fault('unavailable', `${way}: its stat does not tell how much of a file system is free`);
  return Number(found[1]) * Number(found[2]);
}

const longestSaid = 200;

/** Of a tool's words one line is enough, without control characters. */
function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/[^\x20-\x7e]/g, '?').slice(0, longestSaid);
}
