// Adds programs to an image together with every shared library they are linked with.
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

/** What the loader would load: paths by the name that the program asks for. */
function linkedWith(program, libraryPath) {
  const { status, stdout, stderr, error } = spawnSync('ldd', [program], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: libraryPath.join(':') },
  });
  if (error) throw new Error(`ldd, which finds a program's libraries, does not start (${error.code}).`);
  if (/not a dynamic executable|statically linked/.test(`${stdout}${stderr}`)) return [];
  if (status !== 0) throw new Error(`ldd cannot read ${program}: ${stderr.trim()}`);
  const missing = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name);
  if (missing.length > 0) throw new Error(`${program} needs libraries that this machine does not have: ${missing.join(', ')}.`);
  return [...stdout.matchAll(/^\s*(?:(\S+) => )?(\/\S+) \(0x/gm)].map(([, name, path]) => ({ name: name ?? path, path }));
}

/** Where libraries lie in an image: the loader looks there by itself. */
const LIBRARIES = '/usr/lib';

/**
 * Puts what `program` is linked with into `tree`: libraries of one folder, and the loader at the path that is written into the program.
 * `libraryPath`: folders that are searched before the machine's own.
 */
export function addLibraries(tree, program, libraryPath = []) {
  for (const { name, path } of linkedWith(program, libraryPath)) {
    const at = name.startsWith('/') ? name : `${LIBRARIES}/${name}`;
    if (!tree.has(at)) tree.file(at, realpathSync(path), { mode: 0o755 });
  }
}

/** Puts a program into the tree, with its libraries. */
export function addProgram(tree, at, program, libraryPath = []) {
  tree.file(at, realpathSync(program), { mode: 0o755 });
  addLibraries(tree, program, libraryPath);
}
