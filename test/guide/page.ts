// A page of the guide, typed in a shell: the commands of its sh blocks, and what they print as the text block behind shows it.
//
//     ```sh               commands; variables hold until the end of the page
//     ```text             what appears. … stands for anything within a line, or for any lines where it stands alone;
//                         ! begins a line of stderr; those come last, and not all of them need be shown
//
// Other blocks are not typed.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));

export interface Step {
  readonly commands: string;
  /** undefined where the page shows nothing: then all commands must succeed. */
  readonly shown: string | undefined;
}

export interface Played extends Step {
  /** Stdout, then stderr behind `! `. */
  readonly printed: string;
  /** Of the last command. */
  readonly code: number;
}

/** `name` is that of a file in docs/guide, without its ending. */
export function stepsOf(name: string): Step[] {
  const page = readFileSync(join(repository, 'docs/guide', `${name}.md`), 'utf8');
  return [...page.matchAll(/^```sh\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```$)?/gm)].map(([, commands = '', shown]) => ({
    commands,
    shown,
  }));
}

/** One shell for all steps, in a home of its own, where `casemate` is the command of this repository. */
export async function playPage(steps: readonly Step[], env: Readonly<Record<string, string>>): Promise<Played[]> {
  const home = mkdtempSync(join(tmpdir(), 'casemate-guide-'));
  try {
    symlinkSync(join(repository, 'bin/casemate'), join(home, 'casemate'));
    const typed = steps.map(({ commands }, index) => `{\n${commands}} >out-${index} 2>err-${index}\necho $? >code-${index}\n`);
    const script = join(home, 'page.sh');
    writeFileSync(script, typed.join(''));
    await new Promise<void>((resolve) => {
      const options = { cwd: home, env: { ...env, HOME: home, PATH: `${home}:${process.env['PATH'] ?? ''}` } };
      execFile('sh', [script], options, () => resolve());
    });
    const read = (file: string) => readFileSync(join(home, file), 'utf8');
    return steps.map((step, index) => ({
      ...step,
      printed: tidy(
        `${read(`out-${index}`)}\n${read(`err-${index}`)
          .trim()
          .replace(/^(?=.)/gm, '! ')}`,
      ),
      code: Number(read(`code-${index}`)),
    }));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** What the page shows, to be compared with what was printed. */
export function pattern(shown: string): RegExp {
  const lines = tidy(shown).trimEnd().split('\n');
  const parts = lines.map((line) => {
    if (line === '…') return '(?:.*\\n)*?';
    const before = line.startsWith('! ') ? '(?:! .*\\n)*?' : '';
    return `${before}${line.split('…').map(RegExp.escape).join('.*')}\\n`;
  });
  return new RegExp(`^${parts.join('')}(?:! .*\\n)*$`);
}

/** Without blanks at the ends of lines, and without empty lines: pages leave them out. */
function tidy(text: string): string {
  const lines = text.split('\n').map((line) => line.trimEnd());
  return `${lines.filter((line) => line !== '' && line !== '!').join('\n')}\n`.replace(/^\n$/, '');
}
