/**
 * From counters that only grow to figures that people read: rates over a quarter of a second, and the last minute of
 * them for the charts. Pure, and told what time it is, so it is tested in Node. Time is only for people here; nothing
 * is ordered by it.
 */
import type { StoreStats } from '../src/index.ts';

export const SAMPLE_MS = 250;
/** A minute. */
export const SAMPLE_COUNT = 240;

/** What happened in one sample's time. Rates are per second. */
export interface Sample {
  readonly bytesWritten: number;
  readonly bytesRead: number;
  readonly writes: number;
  readonly blocksWritten: number;
  readonly flushes: number;
  /** The deepest that all queues together were when somebody looked. */
  readonly queued: number;
  readonly commits: number;
  readonly transactions: number;
  /** Of the commits in this time; 0 when there were none. */
  readonly commitMsMean: number;
  readonly commitMsMax: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly heldByReadersBytes: number;
  readonly pendingBytes: number;
}

interface Totals {
  readonly bytesWritten: number;
  readonly blocksRead: number;
  readonly writes: number;
  readonly blocksWritten: number;
  readonly flushes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

export class Sampler {
  #before: { totals: Totals; atMs: number } | undefined;
  #queued = 0;
  #commitMs = 0;
  #commitMsMax = 0;
  #commits = 0;
  #transactions = 0;

  /** A commit has become durable. */
  noteCommit(ms: number, transactions: number): void {
    this.#commits += 1;
    this.#commitMs += ms;
    this.#commitMsMax = Math.max(this.#commitMsMax, ms);
    this.#transactions += transactions;
  }

  /** Somebody looks: what comes and goes between two samples would else not be seen. */
  look(stats: StoreStats): void {
    this.#queued = Math.max(this.#queued, sumOf(stats.disks, 'queued'));
  }

  /** The sample since the last time. */
  take(stats: StoreStats, nowMs: number): Sample {
    this.look(stats);
    const totals = totalsOf(stats);
    const before = this.#before ?? { totals, atMs: nowMs - SAMPLE_MS };
    const seconds = Math.max(1, nowMs - before.atMs) / 1000;
    // A store that was opened again counts from zero: then there is no rate to tell.
    const rate = (name: keyof Totals) => Math.max(0, totals[name] - before.totals[name]) / seconds;
    const sample: Sample = {
      bytesWritten: rate('bytesWritten'),
      bytesRead: rate('blocksRead') * stats.blockBytes,
      writes: rate('writes'),
      blocksWritten: rate('blocksWritten'),
      flushes: rate('flushes'),
      queued: this.#queued,
      commits: this.#commits / seconds,
      transactions: this.#transactions / seconds,
      commitMsMean: this.#commits === 0 ? 0 : this.#commitMs / this.#commits,
      commitMsMax: this.#commitMsMax,
      hits: rate('hits'),
      misses: rate('misses'),
      evictions: rate('evictions'),
      heldByReadersBytes: stats.heldByReadersBytes,
      pendingBytes: stats.pendingBytes,
    };
    this.#before = { totals, atMs: nowMs };
    this.#queued = 0;
    this.#commits = 0;
    this.#commitMs = 0;
    this.#commitMsMax = 0;
    this.#transactions = 0;
    return sample;
  }
}

function totalsOf({ disks, cache }: StoreStats): Totals {
  return {
    bytesWritten: sumOf(disks, 'bytesWritten'),
    blocksRead: sumOf(disks, 'blocksRead'),
    writes: sumOf(disks, 'writes'),
    blocksWritten: sumOf(disks, 'blocksWritten'),
    flushes: sumOf(disks, 'flushes'),
    hits: cache.hits,
    misses: cache.misses,
    evictions: cache.evictions,
  };
}

function sumOf<Name extends string>(
  items: readonly Readonly<Record<Name, number>>[],
  name: Name,
): number {
  return items.reduce((sum, item) => sum + item[name], 0);
}

/** The last minute of some figures, oldest first, as charts want them. */
export class History {
  /** Seconds before now, ascending to 0. */
  readonly times: Float64Array = Float64Array.from(
    { length: SAMPLE_COUNT },
    (_, n) => ((n - SAMPLE_COUNT + 1) * SAMPLE_MS) / 1000,
  );
  readonly lines: readonly Float64Array[];

  constructor(lineCount: number) {
    this.lines = Array.from({ length: lineCount }, () => new Float64Array(SAMPLE_COUNT));
  }

  push(...values: readonly number[]): void {
    this.lines.forEach((line, n) => {
      line.copyWithin(0, 1);
      line[SAMPLE_COUNT - 1] = values[n] ?? 0;
    });
  }

  /** The last of a line. */
  last(line: number): number {
    return this.lines[line]?.[SAMPLE_COUNT - 1] ?? 0;
  }

  /** The sum over the last samples of a line. */
  recent(line: number, samples: number): number {
    const values = this.lines[line] ?? [];
    let sum = 0;
    for (let n = Math.max(0, SAMPLE_COUNT - samples); n < SAMPLE_COUNT; n += 1) {
      sum += values[n] ?? 0;
    }
    return sum;
  }
}
