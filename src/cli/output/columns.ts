// Rows in columns, as scripts cut them: four blanks between, `n/a` for what is empty, the last column as long as it is.

export type Row = readonly string[];

const glue = '    ';

/** Without a line end. */
export function columns(rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell.trim() === '' ? 'n/a' : cell.trim())));
  const widths: number[] = [];
  for (const row of cells) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  return cells
    .map((row) =>
      row.map((cell, at) => (at === row.length - 1 ? cell : cell + ' '.repeat((widths[at] as number) - widthOf(cell)))).join(glue),
    )
    .join('\n');
}

/** The first row is the header, which is underlined. */
export function table(rows: readonly Row[]): string {
  const [header = [], ...rest] = rows;
  return columns([header, header.map((cell) => '-'.repeat(widthOf(cell.trim()))), ...rest]);
}

/** Code points, not UTF-16 units. */
function widthOf(cell: string): number {
  return Array.from(cell).length;
}
