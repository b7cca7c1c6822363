// Runs all checks (types, lint, format, arrows, structure), prints a line for each, and says what to do about a failed one.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkStructure } from './structure.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BIN = join(ROOT, 'node_modules', '.bin');

const CHECKS = [
  { name: 'types', command: ['tsc', '-p', '.'], advice: 'mend the types named above' },
  {
    name: 'lint',
    command: ['eslint', '--cache', '--cache-location', 'node_modules/.cache/eslint/', '.'],
    advice: 'mend the lines named above; an exemption needs its reason beside it',
  },
  { name: 'format', command: ['biome', 'check', '.'], advice: 'run: npx biome check --write' },
  {
    name: 'arrows',
    command: ['depcruise', '--config', '.dependency-cruiser.mjs', 'src'],
    advice: 'turn the import round, or move the code',
  },
  { name: 'structure', run: structure, advice: 'mend the files named above' },
];

async function structure() {
  const faults = checkStructure(ROOT);
  return { ok: faults.length === 0, output: faults.map((line) => `${line}\n`).join('') };
}

/** Runs one tool with the Node that this script runs on, since that is the locked one. */
function runTool([tool, ...given]) {
  if (!existsSync(join(BIN, tool))) return Promise.resolve({ ok: false, output: `${tool} is not installed: run npm ci.\n` });
  return new Promise((resolve) => {
    const path = `${dirname(process.execPath)}:${process.env.PATH}`;
    const child = spawn(join(BIN, tool), given, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: path } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) => resolve({ ok: false, output: `${error.message}\n` }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

const wanted = process.argv.slice(2);
const checks = wanted.length === 0 ? CHECKS : CHECKS.filter(({ name }) => wanted.includes(name));
if (checks.length === 0) {
  console.error(`There is no such check; there are: ${CHECKS.map(({ name }) => name).join(' ')}`);
  process.exit(1);
}
let failed = 0;
for (const { name, command, run, advice } of checks) {
  const { ok, output } = await (run ?? (() => runTool(command)))();
  if (!ok) {
    failed += 1;
    process.stdout.write(output);
  }
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}${ok ? '' : `: ${advice}`}`);
}
process.exitCode = failed === 0 ? 0 : 1;
