// The shells that can complete command lines: what each must be told, and where it reads that from.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ending } from './ending.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What the shell runs so that it asks `command` what may follow on a line that begins with `name`. */
export function completionScript(shell: Shell, name: string, command: string): string {
  switch (shell) {
    case 'bash':
      return `complete -o nospace -C ${quoted(command)} ${name}\n`;
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\ncomplete -o nospace -C ${quoted(command)} ${name}\n`;
    case 'fish':
      return `function __complete_${name}
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    ${quoted(command)}
end
complete -f -c ${name} -a "(__complete_${name})"
`;
  }
}

function quoted(command: string): string {
  return /^[\w./-]+$/.test(command) ? command : `'${command.replaceAll("'", "'\\''")}'`;
}

/** Files of a home that shells read when they start; fish has one per command. */
function fileOf(shell: Shell, home: string, name: string): string {
  if (shell === 'fish') return join(home, '.config', 'fish', 'completions', `${name}.fish`);
  return join(home, shell === 'bash' ? '.bashrc' : '.zshrc');
}

const mark = (name: string) => `# completion of ${name}`;

/** Of the shells that this home was used with. Resolves to the files that were changed. Throws Ending. */
export function installCompletion(home: string, name: string, command: string): readonly string[] {
  const used = shells.filter((shell) => isUsed(shell, home));
  if (used.length === 0)
    throw new Ending(`no shell is set up in ${home}: there is neither .bashrc, .zshrc nor .config/fish; see "${name} completion -h"`);
  return used.flatMap((shell) => {
    const file = fileOf(shell, home, name);
    const before = readIfThere(file) ?? '';
    const script = `${mark(name)}\n${completionScript(shell, name, command)}${mark(name)}: end\n`;
    const after = `${withoutScript(before, name)}${script}`;
    if (after === before) return [];
    write(file, after);
    return [file];
  });
}

/** Resolves to the files that were changed. */
export function uninstallCompletion(home: string, name: string): readonly string[] {
  return shells.flatMap((shell) => {
    const file = fileOf(shell, home, name);
    const before = readIfThere(file);
    const after = before === undefined ? undefined : withoutScript(before, name);
    if (after === undefined || after === before) return [];
    write(file, after);
    return [file];
  });
}

function withoutScript(text: string, name: string): string {
  const from = text.indexOf(`${mark(name)}\n`);
  const end = `${mark(name)}: end\n`;
  const to = text.indexOf(end);
  return from < 0 || to < from ? text : text.slice(0, from) + text.slice(to + end.length);
}

function isUsed(shell: Shell, home: string): boolean {
  return readIfThere(shell === 'fish' ? join(home, '.config', 'fish') : fileOf(shell, home, '')) !== undefined;
}

/** Empty for a folder. Throws Ending for what is there and cannot be read. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'EISDIR') return '';
    throw new Ending(`cannot read ${path}: ${code ?? 'unknown error'}`, 1, { cause: thrown });
  }
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } catch (thrown) {
    throw new Ending(`cannot write ${path}: ${(thrown as NodeJS.ErrnoException).code ?? 'unknown error'}`, 1, { cause: thrown });
  }
}
