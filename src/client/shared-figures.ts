/** Figures and block states out of shared memory: live, and without a message. */
import type { ArenaIndex, BlockAddress } from '../base/brand.ts';
import { lookAtEpochs } from '../epoch/epochs.ts';
import { arenaDisk, arenaOf, blockIndexOf } from '../format/geometry.ts';
import { DiskPageReader } from '../shared/disk-page.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { type SharedReading, SharedStates } from '../shared/shared-states.ts';
import type { BlockStates, EpochStats, StoreStats } from '../store/report.ts';
import { BLOCK_STATE } from '../store/report.ts';
import { SharedStatsReader } from '../store/shared-stats.ts';
import { PUBLIC_STATES } from '../store/stats.ts';
import type { SharedBlocks } from './shared-blocks.ts';

/** What answers at once, with the newest that is known. */
export interface Figures {
  stats(): StoreStats;
  blockStates(): BlockStates;
}

export class SharedFigures implements Figures {
  readonly #memory: SessionMemory;
  readonly #reading: SharedReading;
  readonly #blocks: SharedBlocks;
  readonly #stats: SharedStatsReader;
  readonly #states: SharedStates;
  readonly #disks: readonly DiskPageReader[];
  #newest: StoreStats;
  #bytes = new Uint8Array(0);

  constructor(parts: {
    readonly memory: SessionMemory;
    readonly reading: SharedReading;
    readonly blocks: SharedBlocks;
    readonly first: StoreStats;
  }) {
    const { memory, reading, first } = parts;
    const { words, control } = memory;
    this.#memory = memory;
    this.#reading = reading;
    this.#blocks = parts.blocks;
    this.#newest = first;
    const files = first.disks.map(({ file }) => file);
    this.#stats = new SharedStatsReader(reading.stats, { clients: reading.clients, files });
    this.#states = new SharedStates(reading.states);
    this.#disks = files.map((_, disk) => new DiskPageReader(words, control.diskPage(disk)));
  }

  /** The engine's figures as of its last pause; the disks', the readers' and this client's own as of now. */
  stats(): StoreStats {
    const stats = this.#stats.read() ?? this.#newest;
    this.#newest = stats;
    const { hits, misses } = this.#blocks;
    const { cache } = stats;
    return {
      ...stats,
      epochs: this.#epochsNow(stats.epochs),
      cache: { ...cache, hits: cache.hits + hits, misses: cache.misses + misses },
      disks: stats.disks.map((disk, n) => {
        const { flushesSpared: _, ...counted } = this.#disks[n]?.counters() ?? { flushesSpared: 0 };
        return { ...disk, ...counted };
      }),
    };
  }

  #epochsNow(epochs: EpochStats): EpochStats {
    const { words, control } = this.#memory;
    const { global, pinned } = lookAtEpochs(words, control);
    const clients = epochs.clients.map(({ client }, n) => ({ client, pinned: pinned[n] ?? 0 }));
    return { ...epochs, global, clients };
  }

  /** In the same array as the last time, as long as the store has not grown. */
  blockStates(): BlockStates {
    const { geometry } = this.#reading;
    const arenas: BlockStates['arenas'][number][] = [];
    let total = 0;
    for (let arena = 0; arena < this.#states.arenaCount; arena += 1) {
      const count = this.#states.grownBlocks(arena);
      if (count === 0) continue;
      const disk = arenaDisk(arena as ArenaIndex, geometry);
      arenas.push({ arena, disk, first: total, count });
      total += count;
    }
    if (this.#bytes.length !== total) this.#bytes = new Uint8Array(total);
    // Both in locals: a map asks in every frame, and looking them up for each block takes four times as long.
    const [bytes, publicStates] = [this.#bytes, PUBLIC_STATES];
    for (const { arena, first, count } of arenas) {
      const states = this.#states.grownBytes(arena);
      for (let block = 0; block < count; block += 1) {
        bytes[first + block] = publicStates[states[block] as number] as number;
      }
    }
    this.#markDamaged(arenas);
    const { arenaBytes, blockBytes } = geometry;
    return { bytes, arenas, arenaBytes, blockBytes };
  }

  /** What is known to be damaged, unless it has been freed since. */
  #markDamaged(arenas: BlockStates['arenas']): void {
    const { geometry } = this.#reading;
    for (const address of this.#states.damaged() as BlockAddress[]) {
      const arena = arenas.find((each) => each.arena === arenaOf(address, geometry));
      const block = blockIndexOf(address, geometry);
      if (arena === undefined || block >= arena.count) continue;
      const state = this.#bytes[arena.first + block];
      if (state !== BLOCK_STATE.data && state !== BLOCK_STATE.metadata) continue;
      this.#bytes[arena.first + block] = BLOCK_STATE.damaged;
    }
  }
}
