// Checks what no linter looks at: the first line of a file, its length, its name, and that no path of somebody's machine stands in it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

const SOURCES = ['src', 'test', 'bench', 'scripts', 'demo'];
const SOURCE_FILE = /\.(ts|mts|mjs|js)$/;
const DOCS = ['docs', 'README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'fixtures']);
const MAX_LINES = 400;
const NOUNLESS = /^(utils?|helpers?|types?|misc|common)\./;
// Home folders, and the top folders in which build machines keep their checkouts.
const MACHINE_PATH = /(?<![\w.$}~-])\/(?:home|Users|work|workspace|builds)\/[\w.-]+/;

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !SKIPPED_FOLDERS.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(path, entry.name)) : [join(path, entry.name)]));
}

/** What is wrong with one source file, each as a sentence. */
export function faultsOfSource(path, text) {
  const faults = [];
  const lines = text.replace(/\n$/, '').split('\n');
  const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0];
  if (!/^\/\/ \S/.test(first ?? '')) faults.push('start it with a // comment that says what the file is for');
  if (lines.length > MAX_LINES)
    faults.push(`it has ${lines.length} lines, ${MAX_LINES} are allowed: split it where it changes its subject`);
  if (NOUNLESS.test(basename(path))) faults.push('name it after the noun that it holds');
  return [...faults, ...faultsOfText(text)];
}

/** What is wrong with any text of the repository. */
export function faultsOfText(text) {
  const found = MACHINE_PATH.exec(text);
  return found === null ? [] : [`take out the path of a machine: ${found[0]}`];
}

/** All faults of the repository at `root`, as lines "file: what to do". */
export function checkStructure(root) {
  const sources = SOURCES.flatMap((folder) => filesUnder(join(root, folder))).filter((path) => SOURCE_FILE.test(path));
  const docs = DOCS.flatMap((name) => filesUnder(join(root, name)));
  const told = (path, faults) => faults.map((fault) => `${relative(root, path)}: ${fault}`);
  return [
    ...sources.flatMap((path) => told(path, faultsOfSource(path, readFileSync(path, 'utf8')))),
    ...docs.flatMap((path) => told(path, faultsOfText(readFileSync(path, 'utf8')))),
  ];
}
