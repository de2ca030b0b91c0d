/**
 * Random lives of one arena against a model, on small geometries, so that everything happens often: whole blocks of
 * log in one commit, compactions in a row, full arenas, frees that readers hold for long, crashes with a commit under
 * way.
 *
 * To replay a failure: OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/arena/arena.fuzz.test.ts
 */
import fc from 'fast-check';
import { test } from 'vitest';
import type { Geometry } from '../format/geometry.ts';
import { ArenaLife } from '../sim/arena-life.ts';
import { Random } from '../sim/random.ts';
import { scaled } from '../sim/scale.ts';

const seed = process.env['OPFS_BLOCKS_SEED'];
const path = process.env['OPFS_BLOCKS_PATH'];

type Command =
  | { readonly kind: 'write'; readonly count: number; readonly metadata: boolean }
  | { readonly kind: 'free'; readonly which: number; readonly count: number; readonly step: number }
  | { readonly kind: 'discard'; readonly which: number; readonly landed: boolean }
  | { readonly kind: 'abort'; readonly landed: boolean }
  | { readonly kind: 'grow'; readonly count: number }
  | { readonly kind: 'unpin'; readonly which: number }
  | { readonly kind: 'crash'; readonly back: number; readonly lands: number }
  | { readonly kind: 'end' | 'freeze' | 'durable' | 'commit' | 'compact' | 'pin' };

const which = fc.nat(1000);
const landed = fc.boolean();

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      count: fc.integer({ min: 1, max: 20 }),
      metadata: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('free' as const),
      which,
      count: fc.integer({ min: 1, max: 30 }),
      step: fc.constantFrom(1, 1, 2, 3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), which, landed }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), landed }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('grow' as const),
      count: fc.constantFrom(1, 3, 16, 64),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unpin' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      back: fc.constantFrom(0, 0, 0, 1, 2),
      lands: which,
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'end' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'freeze' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'durable' as const }) },
  { weight: 9, arbitrary: fc.constant({ kind: 'commit' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'compact' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'pin' as const }) },
);

function run(life: ArenaLife, blocksMax: number, each: Command): void {
  if (each.kind === 'write') life.allocate(each.metadata ? 'metadata' : 'data', each.count);
  else if (each.kind === 'free') free(life, each);
  else if (each.kind === 'discard') {
    if (life.born.length > 0) life.discard(each.which, each.landed);
  } else if (each.kind === 'abort') life.abort(each.landed);
  else if (each.kind === 'grow') {
    const count = Math.min(each.count, blocksMax - life.arena.grownBlocks);
    if (count > 0) life.arena.grow(count);
  } else if (each.kind === 'end') life.end();
  else if (each.kind === 'pin') life.pin();
  else if (each.kind === 'unpin') life.unpin(each.which);
  else if (each.kind === 'compact') life.arena.askCompaction();
  else if (each.kind === 'crash') {
    const random = new Random(each.lands);
    life.reopen({ back: each.back, lands: () => random.chance(0.5) });
    life.verify();
  } else commit(life, each.kind);
}

function free(life: ArenaLife, each: { which: number; count: number; step: number }): void {
  const blocks = [...life.used.keys()].filter((block) => !life.freed.has(block));
  const first = each.which % Math.max(1, blocks.length);
  for (let n = 0; n < each.count; n += 1) {
    const block = blocks[first + n * each.step];
    if (block !== undefined) life.free(block);
  }
}

function commit(life: ArenaLife, kind: 'freeze' | 'durable' | 'commit'): void {
  if (kind !== 'durable' && !life.committing) life.freeze();
  if (kind === 'freeze' || !life.committing) return;
  life.durable();
  life.verifyNewest();
}

const geometry = (blockBytes: number, sectorBytes: number, blocks: number): Geometry => ({
  ...{ blockBytes, sectorBytes, slotBytes: 4096, diskCount: 1 },
  arenaBytes: blocks * blockBytes,
});

test.each([
  { blockBytes: 512, sectorBytes: 512, blocks: 160, runs: scaled(150) },
  { blockBytes: 1024, sectorBytes: 512, blocks: 96, runs: scaled(150) },
  { blockBytes: 4096, sectorBytes: 512, blocks: 256, runs: scaled(60) },
  { blockBytes: 16_384, sectorBytes: 4096, blocks: 128, runs: scaled(60) },
])('I1, I3, I4, I5, I9: $runs lives of an arena of $blocks blocks of $blockBytes bytes', (each) => {
  const { blockBytes, sectorBytes, blocks, runs } = each;
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: blocks }), fc.constant(Math.floor(blocks * 0.7))),
      fc.array(command, { minLength: 10, maxLength: 200, size: 'max' }),
      (grown, commands) => {
        const life = new ArenaLife(geometry(blockBytes, sectorBytes, blocks));
        life.arena.grow(grown);
        for (const next of commands) run(life, blocks, next);
        if (!life.committing) life.freeze();
        life.durable();
        life.verify();
      },
    ),
    {
      numRuns: runs,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  );
});
