/** The parts of the report behind the table of bars. */
import type { Machine } from './machine.ts';
import { NOT_MEASURED } from './page/bars.ts';
import type { GroupResult } from './page/group.ts';
import type { GrowthResult } from './page/growth.ts';
import type { MemoryPart } from './page/memory.ts';
import { median } from './page/statistics.ts';
import { markdownTable, sideTable, timeText } from './page/table.ts';

export function machineReport(machine: Machine, seconds: number): string {
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  return [
    '# opfs-blocks, benchmarks',
    '',
    `${machine.date}, commit ${machine.commit}, ${seconds.toFixed(0)} s. ${machine.browser}, Node ${machine.node}, ` +
      `${machine.system}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB. ${packages.join(', ')}.`,
    '',
    'Only ratios within one run count; they are of medians, of samples taken in turns.',
  ].join('\n');
}

export function groupReport(suite: {
  readonly groups: readonly GroupResult[];
  readonly missing: readonly string[];
  /** Whose column it is; left out for what is measured in Node. */
  readonly title?: string;
}): string {
  const { groups, missing } = suite;
  const where = suite.title === undefined ? '' : `${suite.title}: `;
  return [
    ...groups.map(({ title, measurements }) => `## ${where}${title}\n\n${sideTable(measurements)}`),
    ...missing.map((peer) => `Not there: ${peer}`),
  ].join('\n\n');
}

/** A column for each size. */
export function growthReport(results: readonly GrowthResult[]): string {
  const head = ['operation, median', ...results.map(({ dataBytes }) => sizeText(dataBytes))];
  const names = new Set(
    results.flatMap(({ measurements }) => measurements.map(({ name }) => name)),
  );
  const rows = [...names].map((name) => [
    name,
    ...results.map(({ measurements }) => {
      const us = median(measurements.find((found) => found.name === name)?.samples ?? []);
      return us === undefined ? NOT_MEASURED : timeText(us);
    }),
  ]);
  const opening = ['opfs-blocks, open', ...results.map(({ openMs }) => timeText(openMs * 1000))];
  return `## How cost grows with what is stored\n\n${markdownTable(head, [...rows, opening])}`;
}

/** What the browser has counted for each thread. */
export function partsText(parts: readonly MemoryPart[]): string {
  const texts = parts.map(({ name, bytes }) => `${name} ${(bytes / 2 ** 20).toFixed(2)} MiB`);
  return texts.sort().join(', ');
}

export function sizeText(byteCount: number): string {
  const mebibytes = byteCount / 2 ** 20;
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${mebibytes / 1024} GiB`;
}
