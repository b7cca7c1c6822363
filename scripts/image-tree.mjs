// The files of a container image by their path in it, before they become an archive or a folder.
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/**
 * The files of an image, by their path in it. Folders above a file come by themselves, owned by root and open to all for reading.
 * Owners are numbers; `mode` is what chmod takes.
 */
export function imageTree() {
  const entries = new Map();
  const put = (path, entry) => {
    const name = posix.normalize(path).replace(/^\/+/, '').replace(/\/+$/, '');
    if (name === '' || name === '.' || name.startsWith('..')) throw new Error(`There is no place ${path} in an image.`);
    const above = posix.dirname(name);
    if (above !== '.' && entries.get(above)?.type !== 'link' && !entries.has(above))
      put(above, { type: 'folder', mode: 0o755, uid: 0, gid: 0 });
    entries.set(name, entry);
  };
  return {
    /** A file with the bytes of `source` and its right to be executed, or what `mode` says. */
    file(path, source, { mode = statSync(source).mode & 0o111 ? 0o755 : 0o644, uid = 0, gid = 0 } = {}) {
      put(path, { type: 'file', source, mode, uid, gid });
    },
    /** A file with this text. */
    text(path, text, { mode = 0o644, uid = 0, gid = 0 } = {}) {
      put(path, { type: 'file', bytes: Buffer.from(text), mode, uid, gid });
    },
    folder(path, { mode = 0o755, uid = 0, gid = 0 } = {}) {
      put(path, { type: 'folder', mode, uid, gid });
    },
    /** A symbolic link at `path` that leads to `to`. */
    link(path, to) {
      put(path, { type: 'link', to, mode: 0o777, uid: 0, gid: 0 });
    },
    /** All that lies under the folder `source` and passes `keep`, which is given paths below it. */
    copy(path, source, keep = () => true) {
      for (const found of readdirSync(source, { withFileTypes: true, recursive: true })) {
        const from = posix.join(found.parentPath, found.name);
        const below = posix.relative(source, from);
        if (!keep(below)) continue;
        if (found.isFile()) this.file(posix.join(path, below), from);
        else if (found.isSymbolicLink()) this.link(posix.join(path, below), readlinkSync(from));
      }
    },
    has: (path) => entries.has(path.replace(/^\/+/, '')),
    /** What the image holds, sorted by path: folders stand before what lies in them. */
    entries: () => [...entries].sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}

/** The bytes of an entry; a link and a folder have none. */
export function contentOf(entry) {
  if (entry.type !== 'file') return Buffer.alloc(0);
  return entry.bytes ?? readFileSync(entry.source);
}

/** Writes the files of an image below `folder`, with their owners where root does it: what a Containerfile copies. */
export function layOut(folder, tree) {
  mkdirSync(folder, { recursive: true });
  for (const [path, entry] of tree.entries()) {
    const at = join(folder, path);
    if (entry.type === 'link') {
      symlinkSync(entry.to, at);
      continue;
    }
    if (entry.type === 'folder') mkdirSync(at, { recursive: true });
    else writeFileSync(at, contentOf(entry));
    if (process.getuid() === 0) chownSync(at, entry.uid, entry.gid);
    chmodSync(at, entry.mode);
  }
}
