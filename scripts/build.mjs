// Bundles the programs of src/programs into dist/: each holds just what it always needs, and loads the rest from parts when it is asked for.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Native packages stay outside: their binary is found relative to their own folder. */
const EXTERNAL = ['lmdb', '@node-rs/bcrypt', 'koffi'];

/** What ssh2 would take to be a little faster if it had been compiled: it asks, and goes on without. */
const ABSENT = ['cpu-features', '*/sshcrypto.node'];

/** Packages in CommonJS ask for modules of Node with `require`, which a module has to make for them. */
const REQUIRE = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);";

/** The files of src/programs that are programs: those directly in it, tests left out. */
function programsOf(root) {
  const folder = join(root, 'src', 'programs');
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

/** The packages that a bundle loads from node_modules. */
function packagesOf(imports) {
  const loaded = imports.filter(({ path, external }) => external && EXTERNAL.includes(path));
  return loaded.map(({ path }) => path);
}

/** Writes the bundles to `outdir` and returns their paths, their sizes, and the packages that they load. */
export async function bundle(root, outdir) {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: programsOf(root),
    outdir,
    bundle: true,
    // A command loads what it needs and no native package that another one asks for.
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minify: false,
    legalComments: 'inline',
    external: [...EXTERNAL, ...ABSENT],
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: 'warning',
    define: { 'process.env.CASEMATE_BUNDLED': '"1"' },
  });
  return Object.entries(metafile.outputs).map(([path, { bytes, imports }]) => ({
    path: join(root, path),
    bytes,
    packages: packagesOf(imports),
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outdir = join(ROOT, process.argv[2] ?? 'dist');
  for (const { path, bytes } of await bundle(ROOT, outdir)) console.log(`${relative(ROOT, path)}  ${Math.ceil(bytes / 1024)} KiB`);
}
