/**
 * The bound of `reserve.ts`, by adversaries: arenas that are full or nearly so, in which every commit says as much as
 * it can, in the order that hurts most. The assertion 'I9: the reserve holds a block for the log' must never be met;
 * and what they need must come near enough to what is kept that the reserve is no waste.
 */
import { describe, expect, test } from 'vitest';
import { assert } from '../base/assert.ts';
import { arenaBlocks, type Geometry } from '../format/geometry.ts';
import { ArenaLife } from '../sim/arena-life.ts';
import { Random } from '../sim/random.ts';
import { scaled, someOf } from '../sim/scale.ts';
import { compactedLogBlocksMax, logBlocksMax, logReserveBlocks } from './reserve.ts';

function geometryOf(blockBytes: number, sectorBytes: number, blocks: number): Geometry {
  return {
    ...{ blockBytes, sectorBytes, slotBytes: 4096, diskCount: 1 },
    arenaBytes: blocks * blockBytes,
  };
}

/** One arena, full, and somebody who wants its log to overflow. */
class Adversary {
  readonly life: ArenaLife;
  readonly random: Random;
  /** The most blocks that the log has had at once: chain, successor, and a replaced chain that is not back yet. */
  neededBlocks = 0;
  /** The longest chain a compaction has left. */
  compactedBlocks = 0;

  constructor(geometry: Geometry, seed: number) {
    this.life = new ArenaLife(geometry);
    this.random = new Random(seed);
    this.life.arena.grow(arenaBlocks(geometry));
    this.fill();
    this.commit();
  }

  /** Takes everything, block by block: 16 bytes an address. */
  fill(countMax = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < countMax; count += 1) {
      if (this.life.allocate('data', 1) === 0) break;
    }
    this.life.end();
  }

  /** Frees every `step`-th block: a record and, when it is back, a range for each. */
  thin(step: number, first: number, countMax = Number.POSITIVE_INFINITY): void {
    const { life } = this;
    const blocks = [...life.used.keys()].sort((one, other) => one - other);
    for (let n = first, count = 0; n < blocks.length && count < countMax; n += step, count += 1) {
      life.free(blocks[n] as number);
    }
    life.end();
  }

  /** Frees everything, with one record a block: 8 bytes an address. */
  empty(): void {
    this.thin(2, 0);
    this.thin(1, 0);
  }

  /** The longest a commit can be: everything that is free is taken, and everything there is freed. */
  dump(): void {
    this.fill();
    this.empty();
  }

  tiny(): void {
    this.fill(1);
    if (this.life.used.size > 0) this.thin(1, this.random.below(this.life.used.size), 1);
  }

  commit(): void {
    const { life } = this;
    const { arena } = life;
    const { compactionCount } = arena;
    life.freeze();
    if (arena.compactionCount > compactionCount) {
      this.compactedBlocks = Math.max(this.compactedBlocks, arena.log.blockCount);
    }
    this.neededBlocks = Math.max(this.neededBlocks, arena.log.blockCount + arena.oldLogBlocks);
    life.durable();
  }
}

type Strategy = (adversary: Adversary, commit: number) => void;

/** Waits with short commits until the chain is about to be compacted. */
const isLong = ({ life, random }: Adversary) =>
  life.arena.log.blockCount >=
  logBlocksMax(life.arena.grownBlocks, life.geometry) - 1 - random.below(2);

const strategies: Record<string, Strategy> = {
  'everything at once, again and again': (adversary) => adversary.dump(),
  'tiny commits in a full arena': (adversary) => adversary.tiny(),
  'every second block, and then the others': (adversary, commit) => {
    if (commit % 4 === 0) adversary.thin(2, 0);
    else if (commit % 4 === 2) adversary.fill();
    else adversary.thin(2, 1, 5);
  },
  'patience, then everything': (adversary) => {
    if (isLong(adversary)) adversary.dump();
    else adversary.tiny();
  },
  'patience, then whatever': (adversary) => {
    if (isLong(adversary)) whatever(adversary);
    else if (adversary.random.chance(0.7)) adversary.tiny();
  },
  'compaction whenever it is allowed': (adversary) => {
    adversary.life.arena.askCompaction();
    whatever(adversary);
  },
  'a crash now and then': (adversary) => {
    whatever(adversary);
    if (!adversary.random.chance(0.2)) return;
    adversary.life.freeze();
    adversary.life.reopen({ lands: () => adversary.random.chance(0.5) });
    whatever(adversary);
  },
  whatever: (adversary) => whatever(adversary),
};

function whatever(adversary: Adversary): void {
  const { random } = adversary;
  const what = random.below(8);
  if (what === 0) adversary.dump();
  else if (what === 1) adversary.thin(2, random.below(2));
  else if (what === 2) adversary.fill();
  else if (what === 3) adversary.tiny();
  else if (what < 6) adversary.empty();
  else adversary.thin(3, random.below(3), 10);
  if (what === 4) adversary.fill();
}

const arenas = [
  { blockBytes: 512, sectorBytes: 512, blocks: 32, commits: 200 },
  { blockBytes: 512, sectorBytes: 512, blocks: 128, commits: 200 },
  { blockBytes: 512, sectorBytes: 512, blocks: 600, commits: 60 },
  { blockBytes: 4096, sectorBytes: 512, blocks: 256, commits: 100 },
  { blockBytes: 4096, sectorBytes: 4096, blocks: 64, commits: 200 },
  { blockBytes: 4096, sectorBytes: 4096, blocks: 2048, commits: 60 },
  { blockBytes: 16_384, sectorBytes: 4096, blocks: 64, commits: 200 },
  { blockBytes: 16_384, sectorBytes: 4096, blocks: 1024, commits: 40 },
];

describe('I9: the reserve is never short, and most of it can be needed', () => {
  test.each(someOf(arenas, 4))('$blocks blocks of $blockBytes/$sectorBytes', (arena) => {
    const { blockBytes, sectorBytes, blocks, commits } = arena;
    const geometry = geometryOf(blockBytes, sectorBytes, blocks);
    const reserve = logReserveBlocks(blocks, geometry);
    let neededBlocks = 0;
    for (const [seed, strategy] of Object.values(strategies).entries()) {
      const adversary = new Adversary(geometry, seed);
      for (let commit = 0; commit < commits; commit += 1) {
        strategy(adversary, commit);
        adversary.commit();
      }
      adversary.life.verify();
      expect(adversary.compactedBlocks).toBeLessThanOrEqual(
        compactedLogBlocksMax(blocks, geometry),
      );
      neededBlocks = Math.max(neededBlocks, adversary.neededBlocks);
    }
    expect(neededBlocks).toBeLessThanOrEqual(reserve);
    expect(neededBlocks).toBeGreaterThanOrEqual(0.55 * reserve);
  });
});

describe('I9: the reserve holds', () => {
  const geometry = geometryOf(512, 512, 128);

  /**
   * With readers in the way, each compaction's old chain stayed in the reserve, and after some `compactLogs` there was
   * no block left for the log.
   */
  test('when a reader stays for ever and every log is compacted as often as may be', () => {
    const adversary = new Adversary(geometry, 1);
    const { life } = adversary;
    life.pin();
    for (let commit = 0; commit < 500; commit += 1) {
      life.arena.askCompaction();
      if (commit % 9 === 0) adversary.thin(1, 0, 1);
      adversary.commit();
    }
    expect(life.arena.compactionCount).toBeGreaterThan(150);
    life.verify();
  });

  test('when the arena grows block by block and is always full', () => {
    for (const [blockBytes, sectorBytes, blocks] of [
      [512, 512, 256],
      [4096, 4096, 128],
      [16_384, 4096, 128],
    ] as const) {
      const life = new ArenaLife(geometryOf(blockBytes, sectorBytes, blocks));
      while (life.arena.grownBlocks < blocks) {
        life.arena.grow(1);
        while (life.allocate('data', 1) > 0);
        life.end();
        const [oldest] = life.used.keys();
        if (oldest !== undefined && life.arena.grownBlocks % 2 === 0) life.free(oldest);
        life.end();
        life.commitAll();
        assert(life.arena.availableBlocks <= 1, 'the arena is full');
      }
      life.verify();
    }
  });

  test('in an arena of any size, from the first commit on', () => {
    for (let blocks = 1; blocks <= 64; blocks += 1) {
      const life = new ArenaLife(geometryOf(512, 512, 64));
      life.arena.grow(blocks);
      for (let commit = 0; commit < 12; commit += 1) {
        life.allocate('data', 3);
        life.end();
        for (const block of life.used.keys()) life.free(block);
        life.end();
        life.commitAll();
      }
      life.verify();
    }
  });

  /** The point of it all: what is deleted in a full store comes back, for ever. */
  test(`and the space comes back: ${scaled(1000)} rounds of fill, delete, fill`, () => {
    const adversary = new Adversary(geometry, 2);
    const { life } = adversary;
    const full = life.used.size;
    for (let round = 0; round < scaled(1000); round += 1) {
      adversary.thin(2, round % 2);
      adversary.commit();
      adversary.commit();
      adversary.commit();
      adversary.fill();
      adversary.commit();
      assert(life.used.size === full, 'I9: what was freed can be used again, all of it');
    }
    expect(life.arena.log.blockCount).toBeLessThan(20);
    life.verify();
  });
});

describe('the numbers', () => {
  const geometries = arenas.map((arena) =>
    geometryOf(arena.blockBytes, arena.sectorBytes, arena.blocks),
  );

  test('a reserve is at least four compacted logs and a block each', () => {
    for (const geometry of geometries) {
      for (let blocks = 1; blocks < 5000; blocks += 7) {
        // The last block of what is compacted at most is its successor.
        const compacted = compactedLogBlocksMax(blocks, geometry) - 1;
        expect(logReserveBlocks(blocks, geometry)).toBeGreaterThanOrEqual(4 * (compacted + 1));
      }
    }
  });

  test('growth by a block adds at most a block: growing leaves no arena short', () => {
    for (const geometry of geometries) {
      let before = logReserveBlocks(1, geometry);
      for (let blocks = 2; blocks < 5000; blocks += 1) {
        const reserve = logReserveBlocks(blocks, geometry);
        assert(reserve - before === 0 || reserve - before === 1, 'I9: a block at most');
        before = reserve;
      }
    }
  });

  test('fewer than one block in a hundred of an arena of 64 MiB, two in five of the smallest one', () => {
    expect(logReserveBlocks(0, geometryOf(512, 512, 32))).toBe(0);
    expect(logReserveBlocks(4096, geometryOf(16_384, 4096, 4096))).toBe(37);
    expect(logReserveBlocks(64, geometryOf(16_384, 4096, 4096))).toBe(13);
    expect(logReserveBlocks(32, geometryOf(16_384, 4096, 32))).toBe(13);
    // Of blocks that only tests have, more than half.
    expect(logReserveBlocks(32, geometryOf(512, 512, 32))).toBe(20);
  });
});
