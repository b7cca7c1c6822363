// What Casemate's own image holds: Node with its libraries, the bundles, the native packages they load, and nothing else.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { addLibraries, addProgram } from './image-libraries.mjs';
import { imageTree } from './image-tree.mjs';

/** The account it runs as; the number is what a pod's security context is checked against. */
const USER = 65532;
const HOME = '/usr/lib/casemate';
const NODE = '/usr/bin/node';

/** What a package needs at run time: no headers, sources or types. */
const RUNS = /(\.(js|cjs|mjs|json|node|txt)|(^|\/)licen[cs]e[^/]*)$/i;
/** Builds for other C libraries and other Nodes, whatever makes or tests the package, and what its makers left in it. */
const FOR_OTHERS =
  /\.musl\.node$|(^|\/)musl_[^/]+\/|\.abi\d+\.[^/]*\.node$|^(node_modules|bin|tools|tests?|vendor|doc|lib\/native)\/|(^|\/)(cnoke\.cjs|CMakeLists\.txt)$|(^|\/)(\.|rollup\.config\.|package-lock\.json|tests?[.-])/;
/** Packages that others name for their own build. */
const FOR_BUILDS = ['node-addon-api'];

/**
 * As bin/casemate does it, without a shell, which the image has none of. A heap is sized when Node starts: for the KMS plugin it
 * starts anew, in the same process, with a small one.
 */
const STARTER = `#!${NODE} --max-semi-space-size=8
// The casemate command of this image.
process.env.CASEMATE_INVOKED_AS ??= 'casemate';
process.env.CASEMATE_COMMAND ??= 'casemate';
const program = '${HOME}/dist/cli.js';
const words = process.argv.slice(2);
if (words[0] === 'kms' && !['install', 'uninstall', 'doctor'].includes(words[1]))
  process.execve('${NODE}', ['${NODE}', '--max-semi-space-size=2', '--max-old-space-size=64', '--no-maglev', program, ...words], process.env);
import(program);
`;

/** The folder of a package as Node finds it from `from`, or undefined. */
function packageFolder(root, from, name) {
  const nested = join(from, 'node_modules', name);
  if (existsSync(join(nested, 'package.json'))) return nested;
  const top = join(root, 'node_modules', name);
  return existsSync(join(top, 'package.json')) ? top : undefined;
}

/** The folders of these packages and of all that they depend on, sorted. Optional packages of other platforms may be absent. */
export function packageClosure(root, names) {
  const found = new Set();
  const visit = (from, name, isOptional) => {
    const folder = packageFolder(root, from, name);
    if (folder === undefined && !isOptional) throw new Error(`The package ${name} is not installed: run npm ci.`);
    if (folder === undefined || found.has(folder)) return;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies }))
      if (!FOR_BUILDS.includes(next)) visit(folder, next, next in optionalDependencies);
  };
  for (const name of names) visit(root, name, false);
  return [...found].sort();
}

/**
 * The image's files. `bundles`: the folder of the bundled programs; `packages`: what they load from node_modules; `node`: the Node that goes in.
 */
export function casemateTree(root, { bundles, packages, node }) {
  const tree = imageTree();
  addProgram(tree, NODE, node);
  tree.text('/usr/bin/casemate', STARTER, { mode: 0o755 });
  tree.text(`${HOME}/package.json`, '{"type":"module"}\n');
  tree.copy(`${HOME}/dist`, bundles);
  for (const folder of packageClosure(root, packages))
    tree.copy(`${HOME}/${relative(root, folder)}`, folder, (path) => RUNS.test(path) && !FOR_OTHERS.test(path));
  // Native code asks for libraries that Node itself does without.
  for (const [path, { source }] of tree.entries()) if (path.endsWith('.node')) addLibraries(tree, source);
  tree.file(`${HOME}/LICENSE`, join(root, 'LICENSE'), { mode: 0o644 });
  tree.text('/etc/passwd', `root:x:0:0:root:/:/none\ncasemate:x:${USER}:${USER}:casemate:/var/lib/casemate:/none\n`);
  tree.text('/etc/group', `root:x:0:\ncasemate:x:${USER}:\n`);
  tree.text('/etc/nsswitch.conf', 'hosts: files dns\n');
  for (const path of ['/dev', '/proc', '/sys']) tree.folder(path);
  tree.folder('/tmp', { mode: 0o1777 });
  tree.folder('/var/lib/casemate', { mode: 0o700, uid: USER, gid: USER });
  return tree;
}

/** How the image is run, as Docker names it. */
export function casemateConfig(version) {
  return {
    User: `${USER}:${USER}`,
    ExposedPorts: { '8200/tcp': {}, '8201/tcp': {} },
    Env: ['PATH=/usr/bin', 'HOME=/var/lib/casemate', 'NODE_ENV=production'],
    Entrypoint: ['/usr/bin/casemate'],
    WorkingDir: '/var/lib/casemate',
    Labels: {
      'org.opencontainers.image.title': 'casemate',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  };
}
