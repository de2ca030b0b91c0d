/**
 * The workloads of the crash tests: random ones by seed, and some made by hand for what chance meets too seldom. A
 * name is all it takes to have a workload again.
 */
import { assert } from '../base/assert.ts';
import type { Geometry } from '../format/geometry.ts';
import { Random } from './random.ts';
import type { SimSetting } from './sim-store.ts';
import { parseSteps, randomSteps, type Step } from './steps.ts';
import type { Workload } from './workload.ts';

/** Compaction, a full arena, ring wrap and growth happen within 40 steps. */
const TINY: Geometry = {
  blockBytes: 512,
  sectorBytes: 512,
  slotBytes: 4096,
  diskCount: 2,
  arenaBytes: 128 * 512,
};
/** Blocks that tear: four sectors each; several batches to a log block. */
const TALL: Geometry = { ...TINY, blockBytes: 2048, arenaBytes: 96 * 2048 };

const GEOMETRIES: readonly Geometry[] = [
  TINY,
  TINY,
  TINY,
  { ...TINY, diskCount: 1 },
  { ...TINY, blockBytes: 1024, arenaBytes: 96 * 1024, diskCount: 3 },
  TALL,
];

const setting = (over: Partial<SimSetting> = {}): SimSetting => ({
  geometry: TINY,
  blocksMax: 3 * 128,
  cacheBlocks: 24,
  seed: 1,
  ...over,
});

/** Text, or text to be repeated with `#` standing for the number of the turn. */
const turns = (count: number, text: string): string =>
  Array.from({ length: count }, (_, n) => text.replaceAll('#', String(n))).join('; ');

const FILL = 'put 0..7 1; end; put 8..15 2; end; put 16..23 3; end; commit';

const HAND_MADE: Readonly<Record<string, { steps: string; setting?: Partial<SimSetting> }>> = {
  creation: { steps: 'commit' },
  'creation-three-disks': {
    steps: 'put 1 1; end; commit',
    setting: { geometry: { ...TINY, diskCount: 3 } },
  },
  'ring-wrap': { steps: turns(9, 'put 1 #; end; commit') },
  'full-and-delete': {
    steps: `${FILL}; put 24..31 4; end; put 32..39 5; end; commit; put 40..47 6; end; put 48..55 7; end;
      commit; commit; put 56..63 8; end; put 64..79 9; end; commit; delete 0..7; end; commit; delete 64..71; end;
      commit; commit; put 0..3 10; end; commit; put 4..7 11; end; commit`,
    setting: { blocksMax: 128 },
  },
  'compaction-chain': {
    steps: `${turns(12, 'put # 7; end; commit')}; ${turns(4, 'compact; delete #; end; commit; commit; commit')}`,
  },
  'compaction-while-full': {
    steps: `${FILL}; put 24..31 4; end; commit; ${turns(10, 'put 3# 9; end; commit; delete 3#; end; commit')}`,
    setting: { blocksMax: 112 },
  },
  readers: {
    steps: `${FILL}; pin; put 0..3 9; end; commit; put 4..7 9; end; commit; commit; commit; put 8..9 9; end;
      commit; unpin; commit; put 10..13 9; end; commit; pin; compact; delete 0..7; end; commit; unpin; commit;
      put 14..15 9; end; commit`,
  },
  'landed-aborts': {
    steps: `${FILL}; put 0..3 9; begin; finish; abort; put 4..7 9; end; commit; put 8..11 9; begin; abort; finish;
      put 12 9; end; commit; put 13 9; end; commit`,
  },
  'relaxed-group': {
    steps: `${turns(6, 'put # 5; end')}; commit; ${turns(6, 'put 1# 6; end')}; delete 3; end; commit; commit;
      ${turns(5, 'put 2# 7; end; put 2# 8; end')}; commit`,
  },
  'larger-than-the-cache': {
    steps:
      'put 0..39 1; end; commit; put 0..39 2; end; commit; put 0..39 3; abort; put 0..9 4; end; commit',
    setting: { cacheBlocks: 16 },
  },
  roots: {
    steps: `put 64..75 1; end; commit; put 64..69 2; delete 70; end; commit; delete 64..68; end; commit;
      put 76..79 3; end; commit; delete 69..79; end; commit; put 64..79 4; end; commit; commit`,
  },
  'growth-in-steps': {
    steps: `${FILL}; commit; reopen 200; put 24..31 4; end; commit; put 32..39 5; end; commit; put 40..47 6; end;
      commit; reopen 300; put 48..55 7; end; commit; put 56..63 7; end; commit; put 64..79 1; end; commit`,
    setting: { blocksMax: 100 },
  },
  reopens: {
    steps: `put 0..3 1; end; commit; put 4 2; begin; reopen 0; put 5 3; end; begin; reopen 0; put 6 4; end; commit;
      put 7 5; reopen 0; put 8 6; end; begin; put 9 7; end; reopen 0; delete 0; end; commit; commit`,
  },
  overtaken: {
    steps: `${FILL}; put 0 9; end; begin; put 1 9; end; put 2 9; end; finish; begin; put 3 9; end; delete 0; end;
      commit; put 4 9; begin; put 5 9; end; finish; commit`,
  },
  'tall-blocks': {
    steps: `put 0..3 1; end; commit; ${turns(5, 'put # 2; end; commit')}; compact; delete 1; end; commit; commit`,
    setting: { geometry: TALL, blocksMax: 2 * 96 },
  },
  // For lying flushes: one put a commit, so that all subsets of three generations are few enough to be tried.
  'single-puts': {
    steps: `put 0..2 1; end; commit; commit; commit; ${turns(6, 'put 1 2#; end; commit')}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128 },
  },
  'single-puts-two-disks': {
    steps: `put 0..2 1; end; commit; commit; commit; ${turns(6, 'put 1 2#; end; commit')}`,
    setting: { blocksMax: 128 },
  },
  'single-deletes': {
    steps: `put 0..5 1; end; commit; commit; commit; ${turns(5, 'delete #; end; commit')}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128 },
  },
  'single-roots': {
    steps: `put 64..65 1; end; commit; commit; commit; ${turns(8, 'put 64 2#; end; commit')}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128 },
  },
  'lies-about-compaction': {
    steps: `put 64..65 1; end; commit; commit; commit; put 64 2; end; commit; compact; put 64 3; end; commit;
      ${turns(4, 'put 64 4#; end; commit')}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128 },
  },
  // While a commit is under way so much more is written that it lands before that commit is acknowledged.
  'lies-overtaken': {
    steps: `put 64..67 1; end; commit; commit; commit;
      ${turns(
        4,
        `put 64..65 2#; end; commit; put 66..67 3#; end; begin;
         put 68..79 4#; end; put 68..79 5#; end; finish`,
      )}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128, cacheBlocks: 16 },
  },
  // A root is a block and a sector of log: joint. Two are more than two blocks: fenced.
  'single-kinds-in-turn': {
    steps: `put 64..65 1; end; commit; commit; commit;
      ${turns(4, 'put 64 2#; end; commit; put 64 3#; put 65 3#; end; commit')}`,
    setting: { geometry: { ...TINY, diskCount: 1 }, blocksMax: 128, jointBlocksMax: 2 },
  },
  // Processes die with a commit written and nothing flushed; what the next one does touches other disks.
  'written-and-not-flushed': {
    steps: `put 64..67 1; end; commit; ${turns(6, 'put 64..66 2#; end; die; put 7# #; end; commit')}; put 0..3 1; end;
      die; commit; commit; put 64 9; end; commit; die; put 65 9; end; commit`,
    setting: { geometry: { ...TINY, diskCount: 3 } },
  },
  'stalled-fences': {
    steps: `${FILL}; ${turns(4, 'put 0..3 4#; end; start; put 8..11 5#; end; put 16..19 6#; end; finish; commit')};
      put 0 9; end; start; put 1 9; abort; delete 2; end; begin; put 3 9; end; finish; commit`,
  },
};

const HAND_MADE_NAMES: readonly string[] = Object.keys(HAND_MADE);
const NO_COMMIT_IS_JOINT: Partial<SimSetting> = { jointBlocksMax: -1 };
/** Commits of the stores in the catalogue are small, so that all are joint. */
const ALL_FENCED = '-fenced';

export const CATALOGUE: readonly string[] = [
  ...HAND_MADE_NAMES,
  ...HAND_MADE_NAMES.map((name) => name + ALL_FENCED),
];
/** Workloads whose commits are so small that lying flushes can be tried in all their subsets. */
export const LYING_CATALOGUE: readonly string[] = CATALOGUE.filter((name) =>
  /^(single|lies)-/.test(name),
);

export function workloadNamed(name: string): Workload {
  const seed = /^random-(\d+)$/.exec(name)?.[1];
  if (seed !== undefined) return randomWorkload(Number(seed));
  const fenced = name.endsWith(ALL_FENCED);
  const made = HAND_MADE[fenced ? name.slice(0, -ALL_FENCED.length) : name];
  assert(made !== undefined, 'a workload is random-<seed> or one of the catalogue');
  const index = CATALOGUE.indexOf(name);
  return {
    name,
    setting: setting({
      seed: 2 ** 20 + index,
      ...made.setting,
      ...(fenced ? NO_COMMIT_IS_JOINT : {}),
    }),
    steps: stepsOf(made),
  };
}

function stepsOf({ steps }: { readonly steps: string }): Step[] {
  return parseSteps(steps);
}

/** All joint, all fenced, and twice so that both meet in one store: single changes joint, several fenced. */
const JOINT_KINDS: readonly Partial<SimSetting>[] = [
  {},
  NO_COMMIT_IS_JOINT,
  { jointBlocksMax: 5 },
  { jointBlocksMax: 7 },
];

/**
 * About 40 steps. The seed decides on the geometry, on how narrow the store is and on which commits are joint, too.
 */
export function randomWorkload(seed: number): Workload {
  const random = new Random(seed);
  const geometry = GEOMETRIES[random.below(GEOMETRIES.length)] as Geometry;
  const arenaBlocks = geometry.arenaBytes / geometry.blockBytes;
  const blocksMax = Math.ceil(arenaBlocks * (random.chance(0.3) ? 1 : 1 + random.below(9) / 4));
  const cacheBlocks = random.chance(0.2) ? 16 : 24;
  return {
    name: `random-${seed}`,
    setting: { geometry, blocksMax, cacheBlocks, seed, ...JOINT_KINDS[seed % JOINT_KINDS.length] },
    steps: randomSteps(seed, 40),
  };
}
