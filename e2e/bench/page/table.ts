/** Markdown tables of what was measured. */
import { NOT_MEASURED, type Verdict } from './bars.ts';
import type { Measurement } from './measure.ts';
import { summarize } from './statistics.ts';

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]) {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map((cell) => [...cell].length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, n) => padded(cells[n] ?? '', width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** `padEnd` counts UTF-16 units; columns are characters. */
function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - [...cell].length));
}

export interface Column {
  readonly title: string;
  readonly verdicts: readonly Verdict[];
}

/** A line for each bar, a pair of cells for each profile. */
export function barTable(columns: readonly Column[]): string {
  const keys = new Map<string, Verdict>();
  for (const { verdicts } of columns) {
    for (const verdict of verdicts) keys.set(`${verdict.row}\n${verdict.bar}`, verdict);
  }
  const rows = [...keys.values()].map(({ row, bar }) => [
    row,
    bar,
    ...columns.flatMap(({ verdicts }) => {
      const found = verdicts.find((verdict) => verdict.row === row && verdict.bar === bar);
      return [found?.text ?? NOT_MEASURED, metText(found?.met)];
    }),
  ]);
  return markdownTable(['row', 'bar', ...columns.flatMap(({ title }) => [title, 'met'])], rows);
}

export function metText(met: boolean | undefined): string {
  if (met === undefined) return '';
  return met ? 'yes' : 'NO';
}

/** A line for each side of a group. */
export function sideTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ name, note, operations, samples }) => {
    const summary = summarize(samples);
    if (summary === undefined) return [name, NOT_MEASURED, NOT_MEASURED, '0', note];
    const count = operations === 1 ? `${summary.count}` : `${summary.count} of ${operations}`;
    return [name, timeText(summary.median), timeText(summary.p99), count, note];
  });
  return markdownTable(['side', 'median', 'p99', 'samples', 'how'], rows);
}

/** Microseconds, with three digits that mean something. */
export function timeText(us: number): string {
  if (us >= 100_000) return `${(us / 1000).toFixed(0)} ms`;
  if (us >= 1000) return `${(us / 1000).toFixed(us >= 10_000 ? 1 : 2)} ms`;
  return `${us.toFixed(us >= 100 ? 0 : us >= 10 ? 1 : 2)} µs`;
}
