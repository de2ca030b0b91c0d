/**
 * Growth: a file is made longer ahead of need, before a block is allocated, never inside a commit's critical steps.
 * It is the only place where QUOTA and FULL arise, so they reject one transaction and nothing else.
 *
 * The disk that has grown least grows next, so that the disks share the load. Steps double, because browsers grant
 * quota in doubling steps, and a step that is refused is halved before it is given up.
 */
import type { ArenaSet } from '../arena/arena-set.ts';
import type { ArenaIndex, DiskIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import {
  arenaBlocks,
  arenaOffset,
  arenasMax,
  arenasOffset,
  type Geometry,
} from '../format/geometry.ts';
import type { DiskPort } from '../sync/disk-port.ts';

const STEP_BYTES_MIN = 2 ** 20;
const STEP_BYTES_MAX = 64 * 2 ** 20;
/** An arena starts with room for its log's reserve and something beside it. */
const STEP_BLOCKS_MIN = 64;

export type GrowthOutcome = 'grown' | 'full' | DeviceFault;

/**
 * How many arenas a store has whose files are so long, or may come to have while it grows to `maxBytes`: no disk grows
 * while another has grown less, and none by more than an arena at once.
 */
export function arenasWithin(
  geometry: Geometry,
  { maxBytes, filesBytes }: { readonly maxBytes: number; readonly filesBytes: readonly number[] },
): number {
  const { arenaBytes, diskCount } = geometry;
  const perDisk = Math.ceil(maxBytes / diskCount / arenaBytes) + 1;
  const present = filesBytes.map((bytes) =>
    Math.ceil((bytes - arenasOffset(geometry)) / arenaBytes),
  );
  return Math.min(arenasMax(geometry), diskCount * Math.max(perDisk, ...present));
}

export class Growth {
  private readonly geometry: Geometry;
  private readonly arenas: ArenaSet;
  private readonly ports: readonly DiskPort[];
  /** Bytes of arenas that growth does not pass. */
  readonly maxBytes: number;

  constructor(options: {
    readonly geometry: Geometry;
    readonly arenas: ArenaSet;
    readonly ports: readonly DiskPort[];
    readonly maxBytes: number;
  }) {
    this.geometry = options.geometry;
    this.arenas = options.arenas;
    this.ports = options.ports;
    this.maxBytes = options.maxBytes;
  }

  get grownBytes(): number {
    let blocks = 0;
    for (const arena of this.arenas.arenas) blocks += arena.grownBlocks;
    return blocks * this.geometry.blockBytes;
  }

  /** Makes room for `wantedBlocks` if that takes one step, else for as many as one step brings. */
  step(wantedBlocks: number): GrowthOutcome {
    const place = this.nextPlace();
    if (place === undefined) return 'full';
    const { arena, grown } = place;
    const room = Math.min(
      arenaBlocks(this.geometry) - grown,
      Math.floor((this.maxBytes - this.grownBytes) / this.geometry.blockBytes),
    );
    let blocks = Math.min(room, this.stepBlocks(place.diskBlocks, wantedBlocks));
    for (;;) {
      if (blocks < 1) return 'full';
      const fault = this.grow(arena, grown, blocks);
      if (fault === undefined) return 'grown';
      if (fault.kind !== 'quota' || blocks === 1) return fault;
      blocks = Math.floor(blocks / 2);
    }
  }

  private stepBlocks(diskBlocks: number, wantedBlocks: number): number {
    const { blockBytes } = this.geometry;
    const doubled = Math.min(
      Math.max(diskBlocks * blockBytes, STEP_BYTES_MIN),
      Math.max(STEP_BYTES_MAX, wantedBlocks * blockBytes),
    );
    return Math.max(Math.floor(doubled / blockBytes), STEP_BLOCKS_MIN);
  }

  private grow(arena: ArenaIndex, grown: number, blocks: number): DeviceFault | undefined {
    const { blockBytes, diskCount } = this.geometry;
    const port = this.ports[arena % diskCount] as DiskPort;
    const length = arenaOffset(arena, this.geometry) + (grown + blocks) * blockBytes;
    const fault = port.resize(length);
    if (fault === undefined) this.arenas.open(arena).grow(blocks);
    return fault;
  }

  /** The last arena of the disk that has grown least, or the disk's next one when that is full. */
  private nextPlace(): { arena: ArenaIndex; grown: number; diskBlocks: number } | undefined {
    if (this.maxBytes - this.grownBytes < this.geometry.blockBytes) return undefined;
    const { diskCount } = this.geometry;
    let best: { arena: ArenaIndex; grown: number; diskBlocks: number } | undefined;
    for (let disk = 0; disk < diskCount; disk += 1) {
      const place = this.placeOn(disk as DiskIndex);
      if (place === undefined) continue;
      if (best === undefined || place.diskBlocks < best.diskBlocks) best = place;
    }
    return best;
  }

  private placeOn(
    disk: DiskIndex,
  ): { arena: ArenaIndex; grown: number; diskBlocks: number } | undefined {
    let diskBlocks = 0;
    for (let index = disk as number; index < arenasMax(this.geometry); ) {
      const grown = this.arenas.arenas[index]?.grownBlocks ?? 0;
      diskBlocks += grown;
      if (grown < arenaBlocks(this.geometry)) {
        return { arena: index as ArenaIndex, grown, diskBlocks };
      }
      index += this.geometry.diskCount;
    }
    return undefined;
  }
}
