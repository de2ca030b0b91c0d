/** Sync queues: charts of the last minute, and a row of figures for each file. */
import type { DiskStats, StoreStats } from '../src/index.ts';
import { Chart } from './charts.ts';
import { byId, make, setText } from './dom.ts';
import { History, type Sample } from './sampler.ts';
import { bytesText, countText, MEGABYTE, shortTimeText } from './text.ts';

export class QueuePanel {
  readonly #throughput = new History(2);
  readonly #latency = new History(2);
  readonly #queue = new History(1);
  readonly #charts = [
    new Chart('chart-throughput', this.#throughput, {
      lines: [
        { name: 'written', colour: '--state-data', filled: true },
        { name: 'read', colour: '--state-log' },
      ],
      least: 10,
      unit: 'MB/s',
    }),
    new Chart('chart-latency', this.#latency, {
      lines: [
        { name: 'mean', colour: '--state-data' },
        { name: 'slowest', colour: '--state-dirty' },
      ],
      least: 5,
      unit: 'ms a commit',
    }),
    new Chart('chart-queue', this.#queue, {
      lines: [{ name: 'queued', colour: '--state-dirty', filled: true }],
      least: 16,
      unit: 'requests',
    }),
  ];
  readonly #rows = byId('disk-rows', HTMLTableSectionElement);

  constructor() {
    // On narrow screens the table scrolls sideways, and people without a pointer must reach it.
    byId('disk-figures', HTMLElement).tabIndex = 0;
  }

  take(sample: Sample): void {
    this.#throughput.push(sample.bytesWritten / MEGABYTE, sample.bytesRead / MEGABYTE);
    this.#latency.push(sample.commitMsMean, sample.commitMsMax);
    this.#queue.push(sample.queued);
  }

  /** Draws one of the charts: they take turns, so that no frame draws all. */
  draw(turn: number): void {
    this.#charts[turn % this.#charts.length]?.show();
  }

  showDisks({ disks }: StoreStats): void {
    while (this.#rows.rows.length > disks.length) this.#rows.deleteRow(-1);
    disks.forEach((disk, n) => {
      const row = this.#rows.rows[n] ?? this.#makeRow();
      cellTexts(disk).forEach((text, column) => {
        setText(row.cells[column] as HTMLTableCellElement, text);
      });
    });
  }

  #makeRow(): HTMLTableRowElement {
    const row = this.#rows.insertRow();
    const head = make('th', '');
    head.scope = 'row';
    row.append(head);
    for (let n = 1; n < 8; n += 1) row.insertCell();
    return row;
  }
}

function cellTexts(disk: DiskStats): string[] {
  const perWrite = disk.writes === 0 ? '–' : (disk.blocksWritten / disk.writes).toFixed(1);
  return [
    disk.file,
    bytesText(disk.fileBytes),
    countText(disk.queued),
    countText(disk.writes),
    perWrite,
    countText(disk.flushes),
    shortTimeText(disk.flushMsLast),
    shortTimeText(disk.flushMsMax),
  ];
}
