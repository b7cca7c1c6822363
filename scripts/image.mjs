// Makes Casemate's container image from the bundles: build/casemate-image.tar, or with --layout a folder for the Containerfile.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './build.mjs';
import { writeImage } from './image-archive.mjs';
import { casemateConfig, casemateTree } from './image-casemate.mjs';
import { layOut } from './image-tree.mjs';
import { findNode, missingNode } from './runtime.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bundles the programs and hands the image's files and configuration to `use`, while they lie on the disk. */
export async function withCasemateImage(root, use) {
  const node = findNode(root);
  if (node === undefined) throw new Error(missingNode());
  const scratch = mkdtempSync(join(tmpdir(), 'casemate-image-'));
  try {
    const bundles = join(scratch, 'dist');
    const outputs = await bundle(root, bundles);
    const packages = [...new Set(outputs.flatMap(({ packages }) => packages))].sort();
    const tree = casemateTree(root, { bundles, packages, node });
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return await use(tree, casemateConfig(version), `casemate:${version}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function main(given) {
  const isLayout = given[0] === '--layout';
  const target = resolve(ROOT, (isLayout ? given[1] : given[0]) ?? 'build/casemate-image.tar');
  if (isLayout && given[1] === undefined) throw new Error('Name the folder that --layout fills.');
  await withCasemateImage(ROOT, (tree, config, name) => {
    if (isLayout) {
      layOut(target, tree);
      console.log(`${relative(ROOT, target)}  the files of ${name}`);
      return;
    }
    const { id, bytes } = writeImage(target, name, tree, config);
    console.log(`${relative(ROOT, target)}  ${name}  ${Math.ceil(bytes / 2 ** 20)} MiB  ${id}`);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
