// The guide's first steps, typed line by line at the two servers that need no configuration: `start` and `server -dev`.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pattern, playPage, stepsOf } from './page.ts';

const casemate = join(import.meta.dirname, '../../bin/casemate');

let folder: string;
let end: () => Promise<unknown>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casemate-first-steps-'));
});
afterEach(async () => {
  await end();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  { words: ['start', '-address=127.0.0.1:0'], token: () => readFileSync(join(folder, '.casemate/root-token'), 'utf8').trim() },
  { words: ['server', '-dev', '-dev-root-token-id=root', '-dev-listen-address=127.0.0.1:0'], token: () => 'root' },
])(
  'the guide shows what happens: getting-started, at casemate $words.0',
  async ({ words, token }) => {
    const address = await started(words);
    const steps = stepsOf('getting-started');
    expect(steps.length).toBeGreaterThan(6);
    const played = await playPage(steps, { VAULT_ADDR: address, VAULT_TOKEN: token() });
    for (const { commands, shown, printed, code } of played) {
      if (shown === undefined) expect(code, `${commands}\n${printed}`).toBe(0);
      else expect(printed, commands).toMatch(pattern(shown));
    }
  },
  60_000,
);

/** Resolves to the address that the server tells a newcomer. */
function started(words: readonly string[]): Promise<string> {
  const { CASEMATE_HOME: _, ...env } = process.env;
  const child = spawn(casemate, words, { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder, env });
  const ended = new Promise((resolve) => child.once('close', resolve));
  end = () => {
    child.kill('SIGTERM');
    return ended;
  };
  let told = '';
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      told += part;
      const address = /answers on (\S+)\n/.exec(told)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('close', () => reject(new Error(`the server ended: ${told}`)));
  });
}
