/**
 * Blocks that the page is given before it needs them. With the address and the birth generation at hand it makes the
 * pointers of a small transaction by itself, so that the transaction leaves as a whole instead of waiting for an answer
 * in its middle.
 *
 * To the allocator a granted block is like one of a transaction that is still open: taken, and nothing of it logged
 * before the transaction that uses it has ended. So a crash forgets it, and a freeze passes it by. The page uses its
 * blocks in the order in which it was given them, and gives back what is left before it asks for anything that a grant
 * would falsify; both by messages on one channel, so that each side knows what the other holds.
 */
import type { BlockKind } from '../arena/arena.ts';
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';

/** Neighbours that the page may use for its next blocks, born in `generation`. */
export interface Grant {
  /** Counts how often the page has given back: a grant that crosses with that is void. */
  readonly round: number;
  readonly address: BlockAddress;
  readonly count: number;
  readonly generation: Generation;
}

/** Where granted blocks come from. */
export interface GrantSpace {
  readonly blockBytes: number;
  readonly openGeneration: Generation;
  /** Blocks that can be allocated without growth; none when nothing may be written. */
  readonly grantableBlocks: number;
  allocate(
    kind: BlockKind,
    countMax: number,
    hint: number,
  ): { address: BlockAddress; count: number };
  giveBack(address: BlockAddress, count: number): void;
}

/** Enough for many transactions at once. */
const GRANT_BYTES_MAX = 2 ** 22;
const GRANT_BLOCKS_MAX = 256;
/** A store that gets full keeps its blocks for those who ask. */
const SHARE_OF_FREE = 2;

interface Run {
  address: BlockAddress;
  count: number;
  readonly generation: Generation;
}

export class Grants {
  private readonly space: GrantSpace;
  private readonly tell: (grant: Grant) => void;
  private runs: Run[] = [];
  private left = 0;
  /** How often the page has given back. */
  private round = 0;
  /** The page has use for blocks, and has not given back since it said so. */
  private isWanted = false;

  constructor(space: GrantSpace, tell: (grant: Grant) => void) {
    this.space = space;
    this.tell = tell;
  }

  /** The page had use for blocks in that round of its. It has given back since, if there is a later one by now. */
  want(round: number): void {
    if (round !== this.round) return;
    this.isWanted = true;
    this.topUp();
  }

  /** More of them, before the last is used. */
  topUp(): void {
    const { blockBytes, grantableBlocks } = this.space;
    if (!this.isWanted) return;
    const most = Math.min(GRANT_BLOCKS_MAX, Math.floor(GRANT_BYTES_MAX / blockBytes));
    const wanted = Math.min(most, Math.floor(grantableBlocks / SHARE_OF_FREE));
    if (wanted === 0 || this.left > wanted / 2) return;
    const { address, count } = this.space.allocate('data', wanted, 0);
    const generation = this.space.openGeneration;
    this.runs.push({ address, count, generation });
    this.left += count;
    this.tell({ round: this.round, address, count, generation });
  }

  /** The page has made these pointers: their blocks are the next ones that it was given. */
  use(pointers: readonly Pointer[]): void {
    for (const { address, generation } of pointers) {
      const [run] = this.runs;
      assert(
        run !== undefined && run.address === address && run.generation === generation,
        'I4: granted blocks are used once, in order',
      );
      run.address = (run.address + this.space.blockBytes) as BlockAddress;
      run.count -= 1;
      this.left -= 1;
      if (run.count === 0) this.runs.shift();
    }
  }

  /** They were used for a transaction that could not begin. */
  takeBack(pointers: readonly Pointer[]): void {
    for (const { address } of pointers) this.space.giveBack(address, 1);
  }

  /** The page does not use what is left. */
  giveBack(): void {
    for (const { address, count } of this.runs) this.space.giveBack(address, count);
    this.runs = [];
    this.left = 0;
    this.round += 1;
    this.isWanted = false;
  }
}
