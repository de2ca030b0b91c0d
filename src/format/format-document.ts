/**
 * Reads the tables of `FORMAT.md`, for the test that compares them with the code. A table belongs to the name in
 * backticks in the third-level heading above it; tables of constants name their constants in the rows.
 */

/** A table: cells as text, without backticks. */
export interface DocumentTable {
  /** The name in the heading, e.g. `LABEL`; empty when the heading has none. */
  readonly heading: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function documentTables(markdown: string): DocumentTable[] {
  const tables: DocumentTable[] = [];
  let heading = '';
  let table: { heading: string; columns: string[]; rows: string[][] } | undefined;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('#')) heading = /^### `(\w+)`$/.exec(line)?.[1] ?? '';
    if (!line.startsWith('|')) {
      table = undefined;
      continue;
    }
    const cells = cellsOf(line);
    if (table === undefined) {
      table = { heading, columns: cells, rows: [] };
      tables.push(table);
    } else if (!/^\|[-:|]+\|$/.test(line)) table.rows.push(cells);
  }
  return tables;
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, line.lastIndexOf('|'))
    .split('|')
    .map((cell) => cell.trim().replaceAll('`', ''));
}
