/**
 * Check: fsck of an open store. Everything is read from the disk and past the cache, and compared with what the
 * engine has in memory: labels, superblocks, lengths, allocation logs, the blocks that anything points to.
 *
 * Guarantees: total (any bytes in the files and any pointers handed in give a report), and it changes nothing but
 * `engine.damaged`, which it brings up to date. It works in slices, so that others get their turn; memory beside the
 * report is about 5 bytes a block.
 *
 * Needs the store at rest: no transaction runs, and all that has ended is durable. Reading may go on.
 */
import type { Arena } from '../arena/arena.ts';
import { STATE } from '../arena/block-state.ts';
import { assert } from '../base/assert.ts';
import type { BlockAddress, BlockIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import { addressOf, arenaDisk, fileOffsetOf } from '../format/geometry.ts';
import { type Pointer, samePointer } from '../format/pointer.ts';
import type { DiskPort } from '../sync/disk-port.ts';
import { checkArena } from './check-arena.ts';
import { type BlockClaims, Claims } from './check-claims.ts';
import { checkLabels, checkLengths, checkSuperblocks } from './check-files.ts';
import { blocksText, CheckProblems } from './check-problems.ts';
import type { Engine } from './engine.ts';
import { BLOCK_STATE, type CheckReport } from './report.ts';
import { blockStates } from './stats.ts';
import { describeFault } from './store-errors.ts';
import type { OpenedEngine } from './store-files.ts';
import type { CheckOptions } from './verbs.ts';

/** Neighbouring blocks are read with one call, up to this many bytes. */
const RUN_BYTES_MAX = 2 ** 20;
/** Looking at this many blocks' states, or at this many pointers, costs about as much as reading a block. */
const GLANCES_PER_BLOCK = 1024;

/**
 * @example
 * const checker = new Checker(opened, { reachable }); while (!checker.step(256)) await nextTask(); const report =
 * checker.report();
 */
export class Checker {
  /** How many steps there are in all, in units that mean nothing but progress. */
  readonly total: number;
  done = 0;
  private readonly opened: OpenedEngine;
  private readonly engine: Engine;
  private readonly reachable: readonly Pointer[];
  /** Leaks can only be told when the caller has said what is live. */
  private readonly findLeaks: boolean;
  private readonly problems = new CheckProblems();
  private readonly claims: Claims;
  private readonly work: Generator<void>;
  private readonly run: Uint8Array;
  private blocksRead = 0;
  /** Blocks that the current slice may still read. */
  private budget = 0;
  private finished = false;

  constructor(opened: OpenedEngine, options: CheckOptions = {}) {
    const { engine } = opened;
    this.opened = opened;
    this.engine = engine;
    this.reachable = options.reachable ?? [];
    this.findLeaks = options.reachable !== undefined;
    this.claims = new Claims(engine, this.reachable, this.problems);
    const grownBlocks = engine.arenas.arenas.reduce((sum, arena) => sum + arena.grownBlocks, 0);
    this.total = grownBlocks + this.reachable.length;
    this.run = new Uint8Array(Math.min(RUN_BYTES_MAX, grownBlocks * engine.blockBytes));
    this.work = this.slices();
  }

  /** Goes on for about as long as reading `budgetBlocks` blocks takes. True: it is done. */
  step(budgetBlocks: number): boolean {
    assert(budgetBlocks > 0, 'a slice of a check reads something');
    this.budget = budgetBlocks;
    this.finished ||= this.work.next().done === true;
    return this.finished;
  }

  report(): CheckReport {
    assert(this.finished, 'a check reports when it is done');
    const census = Object.values(BLOCK_STATE).map(() => 0);
    for (const state of blockStates(this.engine).bytes) census[state] = (census[state] ?? 0) + 1;
    const blocksUsed = [BLOCK_STATE.data, BLOCK_STATE.metadata, BLOCK_STATE.damaged].reduce(
      (sum, state) => sum + (census[state] as number),
      0,
    );
    return {
      clean: this.problems.count === 0,
      generation: this.engine.durableGeneration,
      problems: this.problems.listed,
      problemCount: this.problems.count,
      blocksRead: this.blocksRead,
      blocksUsed,
      census,
    };
  }

  private *slices(): Generator<void> {
    this.checkStructure();
    for (let position = 0; position < this.reachable.length; position += 1) {
      this.claims.claimLive(position);
      this.done += 1;
      this.budget -= 1 / GLANCES_PER_BLOCK;
      if (this.budget <= 0) yield;
    }
    for (const arena of this.engine.arenas.arenas) {
      yield* this.checkBlocks(arena);
      if (this.findLeaks) this.reportLeaks(arena);
    }
  }

  /** In one slice, because a commit between two parts of it would change what they are compared with. */
  private checkStructure(): void {
    const { engine, opened, problems } = this;
    const compare = engine.health === 'ok';
    assert(!compare || !engine.committing, 'a check starts when the store is at rest');
    checkLabels(opened, problems);
    const superblock = checkSuperblocks(opened, problems);
    if (superblock !== undefined) {
      checkLengths(engine, superblock, problems);
      for (const arena of engine.arenas.arenas) {
        const { born, blocksRead } = checkArena(opened, { arena, superblock, compare }, problems);
        this.blocksRead += blocksRead;
        this.claims.claimLogged(arena, born);
      }
    }
    this.claims.claimRoots(engine.roots);
  }

  /** Reads what is claimed, neighbours together. */
  private *checkBlocks(arena: Arena): Generator<void> {
    const { claims } = this;
    const runMax = RUN_BYTES_MAX / this.engine.blockBytes;
    for (let block = 0; block < arena.grownBlocks; ) {
      let count = 0;
      while (count < runMax && claims.isClaimed(arena.index, block + count)) count += 1;
      if (count > 0) this.checkRun(arena, block, count);
      const step = Math.max(1, count);
      block += step;
      this.done += step;
      this.budget -= Math.max(count, 1 / GLANCES_PER_BLOCK);
      if (this.budget <= 0) yield;
    }
  }

  private checkRun(arena: Arena, first: number, count: number): void {
    const { blockBytes } = this.engine;
    const fault = this.read(arena, first, this.run.subarray(0, count * blockBytes));
    for (let n = 0; n < count; n += 1) {
      const bytes = this.run.subarray(n * blockBytes, (n + 1) * blockBytes);
      // One block that cannot be read must not hide its neighbours.
      const blockFault = fault === undefined ? undefined : this.read(arena, first + n, bytes);
      this.blocksRead += 1;
      if (blockFault === undefined) this.checkBlock(arena, first + n, bytes);
      else {
        const address = this.addressOf(arena, first + n);
        this.problems.add({ kind: 'io', message: `${describeFault(blockFault)}.`, address });
      }
    }
  }

  private read(arena: Arena, block: number, into: Uint8Array): DeviceFault | undefined {
    const { geometry, ports } = this.engine;
    const port = ports[arenaDisk(arena.index, geometry)] as DiskPort;
    return port.readRaw(fileOffsetOf(this.addressOf(arena, block), geometry), into);
  }

  private addressOf(arena: Arena, block: number): BlockAddress {
    return addressOf(arena.index, block as BlockIndex, this.engine.geometry);
  }

  private checkBlock(arena: Arena, block: number, bytes: Uint8Array): void {
    const address = this.addressOf(arena, block);
    const claims = this.claims.of(arena, block);
    const { logged, roots, live } = claims;
    const isLogged = logged !== undefined && this.verify(bytes, logged);
    const matches = (pointer: Pointer) =>
      logged !== undefined && samePointer(pointer, logged) ? isLogged : this.verify(bytes, pointer);
    let wrong = 0;
    for (const { name, pointer } of roots) {
      if (matches(pointer)) continue;
      wrong += 1;
      const message = `The block of the root '${name}' is not the one that it names.`;
      this.problems.add({ kind: 'root', message, address });
    }
    for (const pointer of live) {
      if (matches(pointer)) continue;
      wrong += 1;
      const message = isLogged
        ? `The block at ${address} is sound, but not the one that a live pointer names.`
        : `The block at ${address} is not the one that a live pointer names.`;
      this.problems.add({ kind: 'hash', message, address });
    }
    if (wrong === 0 && logged !== undefined && !isLogged) {
      const message = `The block at ${address} is not the one that was logged.`;
      this.problems.add({ kind: 'hash', message, address });
    }
    this.noteDamage(address, claims, isLogged, wrong);
  }

  private verify(bytes: Uint8Array, pointer: Pointer): boolean {
    return this.opened.blockHasher.verify(bytes, pointer);
  }

  /** What the engine itself wrote there decides, where it is known; else any pointer that does match. */
  private noteDamage(
    address: BlockAddress,
    { logged, roots, live }: BlockClaims,
    isLogged: boolean,
    wrong: number,
  ): void {
    const sound = logged === undefined ? wrong < roots.length + live.length : isLogged;
    if (sound) this.engine.damaged.delete(address);
    else if (this.engine.health === 'ok') this.engine.damaged.add(address);
  }

  private reportLeaks(arena: Arena): void {
    const { states } = arena;
    const isLeak = (block: number) =>
      (states[block] === STATE.data || states[block] === STATE.metadata) &&
      !this.claims.isReached(arena.index, block);
    for (let block = 0; block < arena.grownBlocks; block += 1) {
      if (!isLeak(block)) continue;
      const start = block;
      while (isLeak(block + 1)) block += 1;
      const address = this.addressOf(arena, start);
      const count = blocksText(block + 1 - start);
      const message = `${count} from ${address} on in use, but nothing points there.`;
      this.problems.add({ kind: 'leak', message, address, arena: arena.index });
    }
  }
}
