/**
 * The allocation logs as a ribbon each: how many records were appended in each quarter of a second of the last minute,
 * how long the chain of log blocks was, and when compaction folded it. Everything comes from three counters an arena of
 * `store.telemetry()`. Pure, and tested in Node.
 */
import type { ArenaStats } from '../src/index.ts';
import { SAMPLE_COUNT, SAMPLE_MS } from './sampler.ts';

/** One arena's log, its newest moment last. */
export interface LogRibbon {
  readonly arena: number;
  /** Records appended in each moment. */
  readonly appended: Uint32Array;
  /** Blocks of the chain at the end of each moment; 0 before it was first looked at. */
  readonly chain: Uint32Array;
  /** Blocks that a compaction made of the chain less, or 1 when it was no shorter; 0 in moments without one. */
  readonly folded: Uint32Array;
  records: number;
  blocks: number;
  compactions: number;
}

export class LogHistory {
  readonly #ribbons = new Map<number, LogRibbon>();
  #moment: number | undefined;

  /** By arena, those without a log left out. */
  get ribbons(): LogRibbon[] {
    return [...this.#ribbons.values()].sort((one, other) => one.arena - other.arena);
  }

  /** Looks at the counters. As often as you like: several looks make up one moment. */
  look(arenas: readonly ArenaStats[], nowMs: number): void {
    const moment = Math.floor(nowMs / SAMPLE_MS);
    this.#advance(Math.min(SAMPLE_COUNT, moment - (this.#moment ?? moment)));
    this.#moment = moment;
    for (const stats of arenas) {
      const ribbon = this.#ribbons.get(stats.arena);
      if (ribbon !== undefined) lookAt(ribbon, stats);
      else if (stats.logBlocks > 0) this.#add(stats);
    }
  }

  #add(stats: ArenaStats): void {
    const ribbon = freshRibbon(stats);
    lookAt(ribbon, stats);
    this.#ribbons.set(stats.arena, ribbon);
  }

  #advance(moments: number): void {
    if (moments <= 0) return;
    for (const { appended, chain, folded, blocks } of this.#ribbons.values()) {
      for (const line of [appended, chain, folded]) line.copyWithin(0, moments);
      appended.fill(0, SAMPLE_COUNT - moments);
      folded.fill(0, SAMPLE_COUNT - moments);
      chain.fill(blocks, SAMPLE_COUNT - moments);
    }
  }
}

function freshRibbon({ arena, logBlocks, logRecords, compactions }: ArenaStats): LogRibbon {
  return {
    arena,
    appended: new Uint32Array(SAMPLE_COUNT),
    chain: new Uint32Array(SAMPLE_COUNT),
    folded: new Uint32Array(SAMPLE_COUNT),
    records: logRecords,
    blocks: logBlocks,
    compactions,
  };
}

function lookAt(ribbon: LogRibbon, { logBlocks, logRecords, compactions }: ArenaStats): void {
  const last = SAMPLE_COUNT - 1;
  const folds = compactions - ribbon.compactions;
  if (folds > 0) {
    ribbon.folded[last] = Math.max(1, ribbon.blocks - logBlocks);
  } else if (folds === 0) {
    const added = Math.max(0, logRecords - ribbon.records);
    ribbon.appended[last] = (ribbon.appended[last] as number) + added;
  }
  ribbon.records = logRecords;
  ribbon.blocks = logBlocks;
  ribbon.compactions = compactions;
  ribbon.chain[last] = logBlocks;
}
