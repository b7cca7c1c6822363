// Finds and reads the files of a configuration: one path after the other, a folder standing for all *.hcl and *.json in it.

import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Fault } from '../fault.ts';
import { type ReadConfig, readConfig } from './reader.ts';
import { refuse } from './section.ts';
import { type ConfigText, longestConfig } from './syntax.ts';

/** UTF-8 takes four bytes for a character at most. */
const mostBytes = longestConfig * 4;

/**
 * In the order of `paths`, and of names within a folder; a file that is reached twice counts once.
 * Throws Fault `usage` when a path is not there, a folder holds no file, or what they say is wrong.
 */
export async function loadConfig(paths: readonly string[]): Promise<ReadConfig> {
  if (paths.length === 0) throw new Fault('usage', 'no configuration is given; name a file or folder with -config');
  const files = new Map<string, string>();
  for (const path of paths) for (const file of await filesAt(path)) files.set(resolve(file), file);
  const texts: ConfigText[] = [];
  for (const path of files.values()) texts.push({ path, text: await textOf(path) });
  return readConfig(texts);
}

async function filesAt(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /\.(?:hcl|json)$/.test(name) && !name.startsWith('.')).sort();
    const files: string[] = [];
    // Kubernetes lays a ConfigMap's files out as links, so the link's end decides.
    for (const name of names) if (!(await stat(join(path, name))).isDirectory()) files.push(join(path, name));
    if (files.length === 0) throw refuse(path, 'the folder holds no *.hcl and no *.json file');
    return files;
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

async function textOf(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // A pipe tells no size beforehand, and a device may have no end.
    for await (const chunk of createReadStream(path, { end: mostBytes }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
    }
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
  if (length > mostBytes) throw refuse(path, `a configuration file has ${longestConfig / 1024} KiB at most`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (thrown) {
    throw new Fault('usage', `${path}: the file is no UTF-8 text`, { cause: thrown });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such file or folder',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
};

function unreadable(path: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown reason';
  return new Fault('usage', `${path}: ${reasons[code] ?? `it cannot be read (${code})`}`, { cause: thrown });
}
