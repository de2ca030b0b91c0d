/**
 * Who says that a block is in use: roots, the pointers that the caller calls live, and the logged hashes of recent
 * blocks. Kept by block, so that the blocks are then read once and in the order of the disk, without sorting pointers
 * by the million.
 */
import type { Arena } from '../arena/arena.ts';
import type { LoggedBlock } from '../arena/log-replay.ts';
import type { BlockAddress, BlockIndex } from '../base/brand.ts';
import { addressOf, arenaOf, blockIndexOf } from '../format/geometry.ts';
import { type Pointer, samePointer } from '../format/pointer.ts';
import type { CheckProblems } from './check-problems.ts';
import type { Engine } from './engine.ts';

/** Everything that is said about one block. */
export interface BlockClaims {
  /** From the log: what the engine itself wrote there. */
  readonly logged: Pointer | undefined;
  readonly roots: readonly { readonly name: string; readonly pointer: Pointer }[];
  readonly live: readonly Pointer[];
}

interface ArenaClaims {
  /** A byte per block: the bits below. */
  readonly marks: Uint8Array;
  /** By block: position in `reachable` + 1, 0 where no pointer was given. */
  readonly firsts: Int32Array;
  readonly logged: Map<number, Pointer>;
}

const MARK_LOGGED = 1;
/** A root or a live pointer: reachable. */
const MARK_REACHED = 2;

export class Claims {
  private readonly engine: Engine;
  private readonly reachable: readonly Pointer[];
  private readonly problems: CheckProblems;
  private readonly arenas: (ArenaClaims | undefined)[];
  private readonly roots = new Map<BlockAddress, { name: string; pointer: Pointer }[]>();
  /** Second and further pointers to an address. */
  private readonly others = new Map<BlockAddress, Pointer[]>();

  constructor(engine: Engine, reachable: readonly Pointer[], problems: CheckProblems) {
    this.engine = engine;
    this.reachable = reachable;
    this.problems = problems;
    this.arenas = engine.arenas.arenas.map(({ grownBlocks }) => ({
      marks: new Uint8Array(grownBlocks),
      firsts: new Int32Array(reachable.length === 0 ? 0 : grownBlocks),
      logged: new Map(),
    }));
  }

  claimRoots(roots: ReadonlyMap<string, Pointer>): void {
    for (const [name, pointer] of roots) {
      const { address } = pointer;
      if (!this.isInUse(pointer)) {
        const message = `The root '${name}' points to no block in use.`;
        this.problems.add({ kind: 'root', message, address });
        continue;
      }
      const known = this.roots.get(address);
      if (known === undefined) this.roots.set(address, [{ name, pointer }]);
      else known.push({ name, pointer });
      this.mark(address, MARK_REACHED);
    }
  }

  /** Blocks born lately, by arena. */
  claimLogged(arena: Arena, born: readonly LoggedBlock[]): void {
    const { geometry } = this.engine;
    for (const { block, generation, hashHigh, hashLow } of born) {
      const address = addressOf(arena.index, block as BlockIndex, geometry);
      const claims = this.arenas[arena.index];
      if (claims === undefined || block >= claims.marks.length) continue;
      claims.logged.set(block, { address, generation, hashHigh, hashLow });
      this.mark(address, MARK_LOGGED);
    }
  }

  /** Takes the pointer at `position` of those that the caller calls live. */
  claimLive(position: number): void {
    const pointer = this.reachable[position] as Pointer;
    const { address } = pointer;
    const claims = this.isInUse(pointer)
      ? this.arenas[arenaOf(address, this.engine.geometry)]
      : undefined;
    if (claims === undefined) {
      const message = `A live pointer points to ${address}, where no block is in use.`;
      this.problems.add({ kind: 'dangling', message, address });
      return;
    }
    const block = blockIndexOf(address, this.engine.geometry);
    if (claims.firsts[block] === 0) {
      claims.firsts[block] = position + 1;
      this.mark(address, MARK_REACHED);
      return;
    }
    const message = `More than one live pointer points to the block at ${address}.`;
    this.problems.add({ kind: 'double', message, address });
    this.claimAgain(this.reachable[(claims.firsts[block] as number) - 1] as Pointer, pointer);
  }

  /** At most one of two different pointers to one block can be right, and it may be the second. */
  private claimAgain(first: Pointer, pointer: Pointer): void {
    if (samePointer(first, pointer)) return;
    const others = this.others.get(pointer.address);
    if (others === undefined) this.others.set(pointer.address, [pointer]);
    else others.push(pointer);
  }

  private isInUse({ address }: Pointer): boolean {
    const { arenas, geometry } = this.engine;
    const block = blockIndexOf(address, geometry);
    const arena = arenas.arenas[arenaOf(address, geometry)];
    return Number.isInteger(block) && arena?.isAllocated(block) === true;
  }

  private mark(address: BlockAddress, mark: number): void {
    const { geometry } = this.engine;
    const marks = this.arenas[arenaOf(address, geometry)]?.marks;
    const block = blockIndexOf(address, geometry);
    if (marks !== undefined) marks[block] = (marks[block] as number) | mark;
  }

  /** Whether anything is said about the block, so that it has to be read. */
  isClaimed(arena: number, block: number): boolean {
    return (this.arenas[arena]?.marks[block] ?? 0) !== 0;
  }

  /** Whether a root or a live pointer points to the block. */
  isReached(arena: number, block: number): boolean {
    return ((this.arenas[arena]?.marks[block] ?? 0) & MARK_REACHED) !== 0;
  }

  of(arena: Arena, block: number): BlockClaims {
    const claims = this.arenas[arena.index];
    const address = addressOf(arena.index, block as BlockIndex, this.engine.geometry);
    const first = claims?.firsts[block] ?? 0;
    const live = first === 0 ? [] : [this.reachable[first - 1] as Pointer];
    return {
      logged: claims?.logged.get(block),
      roots: this.roots.get(address) ?? [],
      live: [...live, ...(this.others.get(address) ?? [])],
    };
  }
}
