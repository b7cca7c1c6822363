// Lines on their way to a file: none torn, none lost, none that holds a request longer than the deadline.

import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink, type SinkOptions } from './sink.ts';
import { openTarget, type Target, type TargetOptions } from './target.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-sink-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, 'audit.log');
const sinkAt = ({ followLinks = false, ...changes }: Partial<SinkOptions & TargetOptions> = {}) =>
  openSink({ deadline: 1_000, open: () => openTarget({ path: path(), mode: 0o600, followLinks }), ...changes });

/** A target whose writes do what the test says, one after the other. */
function scripted(...steps: ((bytes: Uint8Array) => number | Promise<number>)[]): Target & { readonly text: () => string; calls: number } {
  const taken: Uint8Array[] = [];
  return {
    calls: 0,
    text: () => Buffer.concat(taken).toString(),
    async write(bytes) {
      const step = steps[this.calls++] ?? ((all: Uint8Array) => all.length);
      const count = await step(bytes);
      taken.push(Uint8Array.from(bytes.subarray(0, count)));
      return count;
    },
    close: async () => {},
  };
}

const never = () => new Promise<number>(() => {});
const fail = () => {
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
};

describe('a file', () => {
  it('takes the lines of one turn of the event loop in order and in one write', async () => {
    const target = scripted();
    const sink = await sinkAt({ open: async () => target });
    await Promise.all(['a\n', 'b\n', 'c\n'].map((line) => sink.append(line)));
    expect(target.text()).toBe('a\nb\nc\n');
    expect(target.calls).toBe(1);
    await sink.close();
  });

  it('is private from the start, also when it was there before with another mode', async () => {
    writeFileSync(path(), 'before\n', { mode: 0o644 });
    const sink = await sinkAt();
    await sink.append('after\n');
    await sink.close();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(readFileSync(path(), 'utf8')).toBe('before\nafter\n');
  });

  it('goes on under its name after it was moved away and opened anew', async () => {
    const sink = await sinkAt();
    await sink.append('one\n');
    renameSync(path(), `${path()}.1`);
    await sink.append('two\n');
    await sink.reopen();
    await sink.append('three\n');
    await sink.close();
    expect(readFileSync(`${path()}.1`, 'utf8')).toBe('one\ntwo\n');
    expect(readFileSync(path(), 'utf8')).toBe('three\n');
  });

  it('stays the old one when it cannot be opened anew', async () => {
    const sink = await sinkAt();
    renameSync(path(), `${path()}.1`);
    symlinkSync('/dev/null', path());
    await expect(sink.reopen()).rejects.toThrow('cannot be opened for writing (ELOOP)');
    await sink.append('still here\n');
    await sink.close();
    expect(readFileSync(`${path()}.1`, 'utf8')).toBe('still here\n');
  });

  it('is not followed through a symbolic link, unless the operator chose it', async () => {
    symlinkSync(join(folder, 'elsewhere'), path());
    await expect(sinkAt()).rejects.toThrow('ELOOP');
    const sink = await sinkAt({ followLinks: true });
    await sink.append('a\n');
    await sink.close();
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('a\n');
  });

  it('is not written to when it is something else, such as the file of a store', async () => {
    const data = Buffer.from([0, 0, 0, 0, 0xbe, 0xef, 0xc0, 0xde]);
    writeFileSync(path(), data);
    await expect(sinkAt()).rejects.toThrow('is no text');
    expect(readFileSync(path())).toStrictEqual(data);
  });

  it('may be a pipe, but one that nobody reads is refused at once', async () => {
    expect(spawnSync('mkfifo', [path()]).status).toBe(0);
    await expect(sinkAt()).rejects.toThrow('ENXIO');
  });
});

describe('a device that fails', () => {
  it('fails the lines that it did not take, and takes later ones', async () => {
    const target = scripted(fail);
    const sink = await sinkAt({ open: async () => target });
    await expect(sink.append('lost\n')).rejects.toThrow('no space left');
    await sink.append('kept\n');
    expect(target.text()).toBe('kept\n');
    await sink.close();
  });

  it('tears no later line when it fails in the middle of one, and says which lines are there', async () => {
    const target = scripted(() => 6, fail);
    const sink = await sinkAt({ open: async () => target });
    const results = await Promise.allSettled(['aaa\n', 'bbb\n'].map((line) => sink.append(line)));
    expect(results.map(({ status }) => status)).toStrictEqual(['fulfilled', 'rejected']);
    await sink.append('ccc\n');
    expect(target.text()).toBe('aaa\nbb\nccc\n');
    await sink.close();
  });

  it('is asked again for what it did not take of a line', async () => {
    const target = scripted(
      () => 1,
      () => 1,
    );
    const sink = await sinkAt({ open: async () => target });
    await sink.append('abcd\n');
    expect(target.text()).toBe('abcd\n');
    await sink.close();
  });
});

describe('a device that hangs', () => {
  it('holds a line no longer than the deadline, and refuses later ones at once', async () => {
    const sink = await sinkAt({ open: async () => scripted(never), deadline: 40 });
    const started = performance.now();
    await expect(sink.append('a\n')).rejects.toThrow('did not take the line in time');
    expect(performance.now() - started).toBeGreaterThanOrEqual(35);
    const again = performance.now();
    await expect(sink.append('b\n')).rejects.toThrow('still busy');
    expect(performance.now() - again).toBeLessThan(35);
    await sink.close();
  });

  it('holds lines in bounded memory, and one of any length', async () => {
    const { promise, resolve: release } = Promise.withResolvers<number>();
    const target = scripted(() => promise);
    const sink = await sinkAt({ open: async () => target, queueBytes: 10 });
    const long = sink.append(`${'x'.repeat(50)}\n`);
    await expect(sink.append('a\n')).rejects.toThrow('too many of its lines wait');
    await new Promise((resolve) => void setTimeout(resolve, 5));
    release(51);
    await long;
    await Promise.all(['b\n', 'c\n'].map((line) => sink.append(line)));
    expect(target.text()).toContain('\nb\nc\n');
    await sink.close();
  });

  it('takes lines again when it comes back, without those that were refused meanwhile', async () => {
    const { promise, resolve: release } = Promise.withResolvers<number>();
    const target = scripted(() => promise);
    const sink = await sinkAt({ open: async () => target, deadline: 40 });
    const first = sink.append('a\n');
    await new Promise((resolve) => void setTimeout(resolve, 15));
    const second = sink.append('b\n');
    await expect(first).rejects.toThrow('in time');
    await expect(second).rejects.toThrow('in time');
    release(2);
    await new Promise((resolve) => void setImmediate(resolve));
    await sink.append('c\n');
    expect(target.text()).toBe('a\nc\n');
    await sink.close();
  });

  it('is left behind when it is opened anew, and keeps nobody who closes it', async () => {
    const targets = [scripted(never), scripted()];
    let opened = 0;
    const sink = await sinkAt({ open: async () => targets[opened++] as Target, deadline: 40 });
    await expect(sink.append('a\n')).rejects.toThrow('in time');
    await sink.reopen();
    await sink.append('b\n');
    expect(targets[1]?.text()).toBe('b\n');
    await sink.close();
  });

  it('is the same for a pipe whose reader does not read', async () => {
    expect(spawnSync('mkfifo', [path()]).status).toBe(0);
    const reader = openSync(path(), constants.O_RDONLY | constants.O_NONBLOCK);
    const sink = await sinkAt({ deadline: 60 });
    await sink.append('fits\n');
    await expect(sink.append(`${'x'.repeat(200_000)}\n`)).rejects.toThrow('in time');
    await sink.close();
    closeSync(reader);
  });
});
