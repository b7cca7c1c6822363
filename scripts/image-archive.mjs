// Writes container images as docker-archives of one layer. The same tree gives the same bytes.
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { contentOf } from './image-tree.mjs';

const BLOCK = 512;
const TYPES = { file: '0', link: '2', folder: '5' };

const sha256 = (...chunks) => {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
};

/** A name of tar's older form: at most 100 bytes, or 155 more before a slash. */
function splitName(name) {
  if (Buffer.byteLength(name) <= 100) return { name, prefix: '' };
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(rest) <= 100 && rest !== '') return { name: rest, prefix };
  }
  throw new Error(`The path ${name} is too long for an image.`);
}

function octal(value, width) {
  const digits = value.toString(8);
  if (digits.length > width - 1) throw new Error(`The number ${value} is too large for an image.`);
  return `${digits.padStart(width - 1, '0')}\0`;
}

/** One header of 512 bytes. Every time is 1970: an image tells what it holds, not when it was made. */
function header(path, { type, mode, uid, gid, to = '' }, size) {
  if (Buffer.byteLength(to) > 100) throw new Error(`The link ${path} leads too far for an image.`);
  const { name, prefix } = splitName(path);
  const block = Buffer.alloc(BLOCK);
  const put = (text, at) => block.write(text, at);
  put(name, 0);
  put(octal(mode, 8), 100);
  put(octal(uid, 8), 108);
  put(octal(gid, 8), 116);
  put(octal(size, 12), 124);
  put(octal(0, 12), 136);
  put('        ', 148);
  put(TYPES[type], 156);
  put(to, 157);
  put('ustar\0' + '00', 257);
  put(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padding(size) {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** A tar of the entries, as chunks. */
function tar(entries) {
  const chunks = entries.flatMap(([path, entry]) => {
    const content = contentOf(entry);
    return [header(entry.type === 'folder' ? `${path}/` : path, entry, content.length), content, padding(content.length)];
  });
  return [...chunks, Buffer.alloc(2 * BLOCK)];
}

/** The image's description, with keys in one order. `config`: Entrypoint, Cmd, Env, User and the like, as Docker names them. */
function description(layer, config, architecture) {
  return Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'image-archive' }],
    }),
  );
}

function writeChunks(path, chunks) {
  const begun = `${path}.new-${process.pid}`;
  const file = openSync(begun, 'w');
  try {
    for (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    closeSync(file);
    renameSync(begun, path);
  } catch (error) {
    rmSync(begun, { force: true });
    throw error;
  }
}

/**
 * Writes an image that `docker load`, `podman load` and `ctr images import` take.
 * Returns the image's id, which is the digest of its description, and the size of its layer in bytes.
 */
export function writeImage(path, name, tree, config, architecture = process.arch === 'x64' ? 'amd64' : process.arch) {
  const layer = tar(tree.entries());
  const layerDigest = sha256(...layer);
  const layerBytes = layer.reduce((total, chunk) => total + chunk.length, 0);
  const described = description(layerDigest, config, architecture);
  const id = sha256(described);
  const manifest = Buffer.from(JSON.stringify([{ Config: `${id}.json`, RepoTags: [name], Layers: [`${layerDigest}.tar`] }]));
  const file = { type: 'file', mode: 0o644, uid: 0, gid: 0 };
  const whole = (inner, content, size) => [header(inner, file, size), ...content, padding(size)];
  mkdirSync(dirname(path), { recursive: true });
  writeChunks(path, [
    ...whole(`${layerDigest}.tar`, layer, layerBytes),
    ...whole(`${id}.json`, [described], described.length),
    ...whole('manifest.json', [manifest], manifest.length),
    Buffer.alloc(2 * BLOCK),
  ]);
  return { id: `sha256:${id}`, bytes: layerBytes };
}
