/**
 * Replay is total: whatever a log says under sound checksums, replay answers with a flaw or with a state that an
 * arena can live with. Never an exception, never a loop.
 *
 * To replay a failure: OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/arena/log-replay.fuzz.test.ts
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import type { ArenaIndex } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { UnitBuffer } from '../format/log-records.ts';
import { blockHasher } from '../sim/arena-life.ts';
import { type ForgedBlock, type ForgedLog, forgeLog } from '../sim/log-forger.ts';
import { Random } from '../sim/random.ts';
import { quick, scaled } from '../sim/scale.ts';
import { Arena } from './arena.ts';
import { STATE } from './block-state.ts';
import { type ReplayedLog, replayLog } from './log-replay.ts';

const seedGiven = process.env['OPFS_BLOCKS_SEED'];
const path = process.env['OPFS_BLOCKS_PATH'];

function runs(numRuns: number): { numRuns: number; seed?: number; path?: string } {
  return {
    numRuns,
    ...(seedGiven === undefined ? {} : { seed: Number(seedGiven) }),
    ...(path === undefined ? {} : { path }),
  };
}

const ARENA = 1 as ArenaIndex;
const GROWN = 96;
const WINDOW = { current: 40, previous: 37, beforePrevious: 36 };
const geometry: Geometry = {
  ...{ blockBytes: 512, sectorBytes: 512, slotBytes: 4096, diskCount: 1 },
  arenaBytes: 128 * 512,
};
const common = { arena: ARENA, geometry, hasher: blockHasher, grownBlocks: GROWN };

/** Writes mostly honest records, and now and then one that is not. */
class Liar {
  readonly random: Random;
  private readonly lies: number;
  private readonly used = new Set<number>();
  private generation = 0;

  constructor(seed: number, lies: number) {
    this.random = new Random(seed);
    this.lies = lies;
    for (let block = 0; block < GROWN; block += 1) this.used.add(block);
  }

  get usedBlocks(): number {
    return this.random.chance(this.lies) ? this.random.below(GROWN + 1) : this.used.size;
  }

  /** Any block, or one that is used, or free, as asked. */
  private block(used: boolean): number {
    const { random } = this;
    if (random.chance(this.lies)) return random.below(GROWN + 2);
    for (let block = random.below(GROWN), n = 0; n < GROWN; n += 1, block += 1) {
      if (this.used.has(block % GROWN) === used) return block % GROWN;
    }
    return 0;
  }

  private take(block: number): number {
    this.used.add(block);
    return block;
  }

  private give(block: number): number {
    this.used.delete(block);
    return block;
  }

  append(units: UnitBuffer, log: readonly number[]): void {
    const { random } = this;
    if (this.generation === 0) {
      units.appendAvailable(0, GROWN);
      for (let block = 0; block < GROWN; block += 1) this.used.delete(block);
      for (const block of log) units.appendAllocRaw(this.take(block), 1);
    }
    for (let records = random.below(14); records > 0; records -= 1) {
      const what = random.below(10);
      if (what < 5) units.appendAlloc(this.take(this.block(false)), what === 0, what, what, 1);
      else if (what < 9) this.appendFree(units, log);
      else if (random.chance(this.lies)) units.appendAllocRaw(this.take(this.block(false)), 1);
    }
    this.generation += 1 + random.below(12);
    // No commit has a number between those of the window.
    if (this.generation === 38 || this.generation === 39) this.generation = 40;
    if (random.chance(this.lies)) this.generation = random.below(50);
    units.appendSync(this.generation);
    if (random.chance(this.lies)) this.scribble(units);
  }

  private appendFree(units: UnitBuffer, log: readonly number[]): void {
    const block = this.block(true);
    if (log.includes(block) && !this.random.chance(this.lies)) return;
    if (this.random.chance(this.lies)) units.appendFreeRaw(this.give(block), 1);
    else units.appendFree(this.give(block), 1);
  }

  private scribble(units: UnitBuffer): void {
    const at = this.random.below(2 * units.unitCount);
    units.words[at] = this.random.chance(0.5) ? this.random.next() : this.random.below(200);
  }
}

function liesOf(seed: number, lies: number): ForgedLog {
  const liar = new Liar(seed, lies);
  const { random } = liar;
  const count = 1 + random.below(4);
  const blocks = Array.from({ length: count + 1 }, (_, n) => GROWN - 1 - n);
  for (let n = 0; n <= count; n += 1) {
    if (random.chance(lies)) blocks[n] = random.below(GROWN + 1);
  }
  const chain: ForgedBlock[] = [];
  for (let n = 0; n < count; n += 1) {
    const units = new UnitBuffer();
    liar.append(units, blocks);
    const successor = random.chance(lies) ? random.below(GROWN + 1) : (blocks[n + 1] as number);
    chain.push({ block: blocks[n] as number, successor, units });
  }
  return forgeLog({ ...common, usedBlocks: Math.min(liar.usedBlocks, GROWN), chain });
}

/** What every arena relies on. */
function assertSound(replayed: ReplayedLog, log: ForgedLog): void {
  const { free, states, pending, born, chain, successor } = replayed;
  assert(free.checkInvariants() === undefined, 'the ranges are sound');
  const counts = new Uint32Array(8);
  for (let block = 0; block < GROWN; block += 1) {
    const state = states[block] as number;
    counts[state] = (counts[state] as number) + 1;
    assert(free.isFree(block, 1) === (state === STATE.free), 'states and ranges agree');
  }
  const waiting = new Set<number>();
  for (const { start, count } of pending) {
    for (let block = start; block < start + count; block += 1) {
      assert(!waiting.has(block), 'a block is pending once');
      assert(states[block] === STATE.pending, 'its state says so');
      waiting.add(block);
    }
  }
  assert(waiting.size === counts[STATE.pending], 'nothing else is pending');
  const logBlocks = new Set([...chain, successor]);
  assert(logBlocks.size === chain.length + 1, 'log blocks are different blocks');
  assert(logBlocks.size === counts[STATE.log], 'nothing else is the log’s');
  const { usedBlocks } = log.entry;
  assert(free.blockCount + waiting.size === GROWN - usedBlocks, 'the rest is in use');
  for (const { block, generation, commit } of born) {
    const isData = states[block] === STATE.data || states[block] === STATE.metadata;
    assert(isData && generation >= 0 && commit > -3 && commit <= 0, 'what was born is in use');
  }
}

/** What is pending comes back, as if two more commits were durable. */
function assertLiveable(replayed: ReplayedLog): void {
  const arena = new Arena(ARENA, geometry, blockHasher);
  arena.resume(replayed);
  for (const { start, count, log } of replayed.pending) {
    arena.release(start, count);
    if (log) arena.releaseOldLog(count);
  }
  assert(arena.pendingBlocks === 0, 'nothing is pending any more');
  assert(arena.free.checkInvariants() === undefined, 'the ranges are sound still');
  assert(arena.free.blockCount === GROWN - arena.entry.usedBlocks, 'all of it is free');
}

test('I3: logs that lie now and then: a flaw, or a state that an arena can live with', () => {
  const found = new Map<string, number>();
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(0, 0.01, 0.03, 0.1), (seed, lies) => {
      const log = liesOf(seed, lies);
      const { entry, readBlock } = log;
      const result = replayLog({ ...common, entry, readBlock, window: WINDOW });
      const answer = 'flaw' in result ? result.flaw.replace(/[0-9]+/g, 'n') : 'sound';
      found.set(answer, (found.get(answer) ?? 0) + 1);
      if ('flaw' in result) return;
      assertSound(result, log);
      assertLiveable(result);
    }),
    runs(scaled(800)),
  );
  if (quick) return;
  expect(found.get('sound')).toBeGreaterThan(100);
  expect(found.size).toBeGreaterThan(10);
});

test('I3: random words under sound checksums are a flaw', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 57 }), (seed, unitCount) => {
      const random = new Random(seed);
      const units = new UnitBuffer();
      units.appendAvailable(0, GROWN);
      units.appendAllocRaw(GROWN - 2, 2);
      for (let n = units.unitCount; n < unitCount; n += 1) {
        units.appendFree(0, 1);
        // Operations that exist, of blocks and counts that may.
        units.words[2 * n] = random.chance(0.9) ? random.below(GROWN) : random.next();
        units.words[2 * n + 1] = random.chance(0.9)
          ? random.below(8) + 256 * random.below(3)
          : random.next();
      }
      const chain = [{ block: GROWN - 1, successor: GROWN - 2, units }];
      const { entry, readBlock } = forgeLog({ ...common, usedBlocks: random.below(GROWN), chain });
      expect(replayLog({ ...common, entry, readBlock, window: WINDOW })).toHaveProperty('flaw');
    }),
    runs(scaled(600)),
  );
});

test('I5: blocks of random bytes are a flaw, whatever the superblock says of them', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 512, maxLength: 512 }),
      fc.record({
        ...{ grownBlocks: fc.constant(GROWN), usedBlocks: fc.nat(GROWN) },
        ...{ logHead: fc.nat(GROWN - 1), logSectors: fc.nat(GROWN) },
        ...{ logHashHigh: fc.nat(3), logHashLow: fc.nat(3) },
      }),
      fc.boolean(),
      (bytes, entry, honestHeader) => {
        const log = liesOf(1, 0);
        const result = replayLog({
          ...{ ...common, entry, window: WINDOW },
          readBlock(block, into) {
            if (honestHeader) log.readBlock(block, into);
            into.set(honestHeader ? bytes.subarray(32) : bytes, honestHeader ? 32 : 0);
            return undefined;
          },
        });
        expect(result).toHaveProperty('flaw');
      },
    ),
    runs(scaled(200)),
  );
});
