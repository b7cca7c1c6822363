// Shows what a change does to a text, as diff -u would.

const context = 3;

interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/**
 * Unified diff with three lines around each change; empty when nothing changes. Shows the lines as they are: what is secret in
 * them has to be masked before, in both texts alike.
 */
export function lineDiff(before: string, after: string, { path }: { readonly path: string }): string {
  if (before === after) return '';
  const lines = comparison(linesOf(before), linesOf(after));
  return [`--- ${path}`, `+++ ${path}`, ...hunks(lines), ''].join('\n');
}

/** The last line without its end says so, as diff does. */
function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  return last === '' ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

/** Longest common subsequence; what both begin and end with is set aside, so that the table stays small. */
function comparison(before: readonly string[], after: readonly string[]): readonly Line[] {
  const shortest = Math.min(before.length, after.length);
  let head = 0;
  while (head < shortest && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shortest - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const same = (text: string): Line => ({ mark: ' ', text });
  return [
    ...before.slice(0, head).map(same),
    ...changed(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(same),
  ];
}

function changed(before: readonly string[], after: readonly string[]): readonly Line[] {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const common = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      const equal = before[row] === after[column];
      lengths[row * width + column] = equal ? common(row + 1, column + 1) + 1 : Math.max(common(row + 1, column), common(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const [old, fresh] = [before[row], after[column]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      row += 1;
      column += 1;
    } else if (old !== undefined && (fresh === undefined || common(row + 1, column) >= common(row, column + 1))) {
      lines.push({ mark: '-', text: old });
      row += 1;
    } else {
      lines.push({ mark: '+', text: fresh ?? '' });
      column += 1;
    }
  }
  return lines;
}

function hunks(lines: readonly Line[]): readonly string[] {
  const shown: string[] = [];
  let start = 0;
  while (start < lines.length) {
    const first = lines.findIndex(({ mark }, index) => index >= start && mark !== ' ');
    if (first === -1) break;
    const from = Math.max(start, first - context);
    const end = hunkEnd(lines, first);
    shown.push(hunkHead(lines, from, end), ...lines.slice(from, end).map(({ mark, text }) => mark + text));
    start = end;
  }
  return shown;
}

/** A hunk ends where more than twice the context is unchanged. */
function hunkEnd(lines: readonly Line[], first: number): number {
  let last = first;
  for (let index = first; index < lines.length && index - last <= 2 * context + 1; index += 1) if (lines[index]?.mark !== ' ') last = index;
  return Math.min(lines.length, last + 1 + context);
}

function hunkHead(lines: readonly Line[], from: number, end: number): string {
  const side = (other: '-' | '+'): string => {
    const before = lines.slice(0, from).filter(({ mark }) => mark !== other).length;
    const count = lines.slice(from, end).filter(({ mark }) => mark !== other).length;
    const first = count === 0 ? before : before + 1;
    return count === 1 ? String(first) : `${first},${count}`;
  };
  return `@@ -${side('+')} +${side('-')} @@`;
}
