/**
 * The crash tests as tasks of some seconds each, for two threads or for vitest, in the sizes of smoke and long runs.
 * What a scale covers stands in TESTING.md.
 */
import { CATALOGUE, LYING_CATALOGUE, workloadNamed } from './catalogue.ts';
import { crashInARow, newChainTally } from './crash-chain.ts';
import { wholesaleDamages } from './damage.ts';
import { Explorer, type ExplorerBudget, type ExplorerTally, newTally } from './explorer.ts';
import { failEveryCall, newFailTally } from './fail-nth.ts';
import { imageBase } from './image-base.ts';
import { judgeByte, judgeDamage, judgeForged, newImageTally } from './image-judge.ts';
import { lieTwice } from './lies-twice.ts';
import { loseNames, newLostNamesTally } from './lost-names.ts';
import { addMarks, type Marks, noMarks } from './player.ts';
import { forgedFields } from './reseal.ts';
import { type Run, runWorkload, type Workload } from './workload.ts';

export type CrashTask =
  /** Crash states of workloads, flushes telling the truth. */
  | { readonly suite: 'states'; readonly workloads: readonly string[]; readonly size: Size }
  /** All subsets of what flushes about the last `window` generations lost. */
  | { readonly suite: 'lies'; readonly workload: string; readonly window: number }
  /** Random subsets of it, of larger workloads, with sectors torn, garbled and astray. */
  | { readonly suite: 'random-lies'; readonly workloads: readonly string[] }
  /** Lies about what follows a roll-back. */
  | { readonly suite: 'lies-twice'; readonly workloads: readonly string[] }
  | { readonly suite: 'chains'; readonly workloads: readonly string[] }
  | { readonly suite: 'names'; readonly workloads: readonly string[] }
  | { readonly suite: 'failures'; readonly workload: string }
  | { readonly suite: 'wholesale'; readonly workload: string }
  | {
      readonly suite: 'bytes';
      readonly workload: string;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly suite: 'forged';
      readonly workload: string;
      readonly from: number;
      readonly to: number;
    };

type Size = 'smoke' | 'thorough';

/** What tasks add up to. */
export interface Figures {
  /** Distinct crash states, flushes telling the truth; each recovered by the real engine. */
  states: number;
  /** Of these, with sectors torn, garbled or astray. */
  hostile: number;
  /** Of these, amid a joint commit, and amid a fenced one; in the others none was under way, or it was never done. */
  amidJoint: number;
  amidFenced: number;
  /** Of these, given up to an older generation, with a report: what is left of joint commits, and torn superblocks. */
  rolledBack: number;
  /** States of which recovery went on to commit, and was opened again. */
  deep: number;
  /** Distinct states of crashes in what followed a recovery. */
  nested: number;
  /** Distinct states after flushes that lied: all subsets, and random ones. */
  lies: number;
  /** Of all subsets, those with a joint commit in flight, and a fenced one. */
  liesAmidJoint: number;
  liesAmidFenced: number;
  randomLies: number;
  /** Crashes in a row on the same store. */
  chained: number;
  lostNames: number;
  failedWorkloads: number;
  failedCalls: number;
  rawImages: number;
  forgedImages: number;
  refusedImages: number;
  /** Longest time and largest growth of memory for one image. */
  imageMsMax: number;
  imageBytesMax: number;
  readonly marks: Marks;
}

export const noFigures = (): Figures => ({
  states: 0,
  hostile: 0,
  amidJoint: 0,
  amidFenced: 0,
  rolledBack: 0,
  deep: 0,
  nested: 0,
  lies: 0,
  liesAmidJoint: 0,
  liesAmidFenced: 0,
  randomLies: 0,
  chained: 0,
  lostNames: 0,
  failedWorkloads: 0,
  failedCalls: 0,
  rawImages: 0,
  forgedImages: 0,
  refusedImages: 0,
  imageMsMax: 0,
  imageBytesMax: 0,
  marks: noMarks(),
});

export function addFigures(sum: Figures, more: Figures): void {
  for (const name of Object.keys(sum) as (keyof Figures)[]) {
    if (name === 'marks') addMarks(sum.marks, more.marks);
    else if (name.endsWith('Max')) sum[name] = Math.max(sum[name], more[name]);
    else sum[name] += more[name];
  }
}

const BUDGETS: Readonly<Record<Size, ExplorerBudget>> = {
  smoke: {
    exhaustiveUnits: 8,
    randomSubsets: 24,
    randomFates: 12,
    deepEvery: 16,
    nestedEvery: 64,
  },
  thorough: {
    exhaustiveUnits: 9,
    randomSubsets: 40,
    randomFates: 24,
    deepEvery: 16,
    nestedEvery: 64,
  },
};
const LIES_BUDGET: ExplorerBudget = {
  // A window of three single puts. Larger ones, when the tree is first filled, get the telling subsets.
  exhaustiveUnits: 16,
  randomSubsets: 1000,
  randomFates: 0,
  deepEvery: 256,
  nestedEvery: 0,
};
export const RANDOM_LIES_BUDGET: ExplorerBudget = {
  exhaustiveUnits: 4,
  randomSubsets: 40,
  randomFates: 20,
  deepEvery: 16,
  nestedEvery: 64,
};
const CHAIN_DEPTH = 8;

/** Throws a `CrashFailure`, which names the line that replays it. */
export function runTask(task: CrashTask): Figures {
  const figures = noFigures();
  switch (task.suite) {
    case 'states':
      for (const name of task.workloads) exploreStates(workloadNamed(name), task.size, figures);
      break;
    case 'lies': {
      const tally = exploreLies(workloadNamed(task.workload), task.window, LIES_BUDGET);
      figures.lies += tally.distinct;
      figures.liesAmidJoint += tally.amidJoint;
      figures.liesAmidFenced += tally.amidFenced;
      break;
    }
    case 'random-lies':
      for (const name of task.workloads) {
        for (const window of [2, 3]) {
          const tally = exploreLies(workloadNamed(name), window, RANDOM_LIES_BUDGET);
          figures.randomLies += tally.distinct;
        }
      }
      break;
    case 'lies-twice':
      for (const name of task.workloads) {
        const tally = newTally();
        lieTwice(runWorkload(workloadNamed(name)), RANDOM_LIES_BUDGET, tally);
        figures.randomLies += tally.distinct;
      }
      break;
    case 'chains':
      for (const name of task.workloads) {
        const tally = newChainTally();
        crashInARow(workloadNamed(name), CHAIN_DEPTH, tally);
        figures.chained += tally.crashes;
      }
      break;
    case 'names':
      for (const name of task.workloads) {
        const tally = newLostNamesTally();
        loseNames(runWorkload(workloadNamed(name)), tally);
        figures.lostNames += tally.states;
      }
      break;
    case 'failures':
      failCalls(task.workload, figures);
      break;
    default:
      damageImages(task, figures);
  }
  return figures;
}

function explorerOf(run: Run, budget: ExplorerBudget) {
  const tally = newTally();
  const { workload, ...trace } = run;
  const label = `crash workload=${workload.name}`;
  const explorer = new Explorer({ ...trace, setting: workload.setting }, budget, tally, label);
  return { explorer, tally };
}

function exploreStates(workload: Workload, size: Size, figures: Figures): void {
  const run = runWorkload(workload);
  const { explorer, tally } = explorerOf(run, BUDGETS[size]);
  explorer.explore();
  figures.states += tally.distinct;
  figures.hostile += tally.hostile;
  figures.amidJoint += tally.amidJoint;
  figures.amidFenced += tally.amidFenced;
  figures.rolledBack += tally.rolledBack;
  figures.deep += tally.deep;
  figures.nested += tally.nested;
  addMarks(figures.marks, run.marks);
}

function exploreLies(workload: Workload, window: number, budget: ExplorerBudget): ExplorerTally {
  const { explorer, tally } = explorerOf(runWorkload(workload), budget);
  explorer.explore(window);
  return tally;
}

function failCalls(name: string, figures: Figures): void {
  const tally = newFailTally();
  failEveryCall(workloadNamed(name), 1, tally);
  figures.failedWorkloads += tally.workloads;
  figures.failedCalls += tally.loops;
}

function damageImages(
  task: Extract<CrashTask, { suite: 'wholesale' | 'bytes' | 'forged' }>,
  figures: Figures,
): void {
  const base = imageBase(workloadNamed(task.workload));
  const tally = newImageTally();
  if (task.suite === 'wholesale') {
    for (const damage of wholesaleDamages(base)) judgeDamage(base, damage, tally);
  } else if (task.suite === 'bytes') {
    for (let index = task.from; index < task.to; index += 1) judgeByte(base, index, tally);
  } else {
    const fields = forgedFields(base);
    for (let index = task.from; index < task.to; index += 1) {
      const field = fields[index % fields.length];
      if (field === undefined) throw new RangeError('an image has fields');
      judgeForged(base, field, Math.floor(index / fields.length), tally);
    }
  }
  if (task.suite === 'forged') figures.forgedImages += tally.images;
  else figures.rawImages += tally.images;
  figures.refusedImages += tally.refused;
  figures.imageMsMax = tally.msMax;
  figures.imageBytesMax = tally.bytesMax;
}

// ---- sizes

const seeds = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `random-${from + n}`);

/** Lists of at most `size`. */
function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  );
}

/**
 * From this scale on a run is a long one: lying flushes about three generations are tried in all their subsets, not
 * two, and more states of each workload.
 */
const LONG_FROM = 10;

export function stateTasks(scale: number): Extract<CrashTask, { suite: 'states' }>[] {
  const isLong = scale >= LONG_FROM;
  const size = isLong ? 'thorough' : 'smoke';
  const made = chunks(CATALOGUE, 2).map(
    (workloads) => ({ suite: 'states', workloads, size }) as const,
  );
  const random = chunks(seeds(1, Math.ceil((isLong ? 80 : 90) * scale)), 4).map(
    (workloads) => ({ suite: 'states', workloads, size }) as const,
  );
  return [...made, ...random];
}

export function lyingTasks(scale: number): CrashTask[] {
  const isLong = scale >= LONG_FROM;
  const windows = isLong ? [2, 3] : [2];
  const all = windows.flatMap((window) =>
    LYING_CATALOGUE.map((workload) => ({ suite: 'lies', workload, window }) as const),
  );
  const random = chunks(seeds(10_001, Math.ceil((isLong ? 2 : 6) * scale)), 3).map(
    (workloads) => ({ suite: 'random-lies', workloads }) as const,
  );
  const twice = LYING_CATALOGUE.map(
    (name) => ({ suite: 'lies-twice', workloads: [name] }) as const,
  );
  return [...all, ...twice, ...random];
}

export function rowTasks(scale: number): CrashTask[] {
  const chains = chunks(seeds(20_001, Math.ceil(250 * scale)), 250).map(
    (workloads) => ({ suite: 'chains', workloads }) as const,
  );
  const names = chunks([...CATALOGUE, ...seeds(1, Math.min(100, Math.ceil(4 * scale)))], 8).map(
    (workloads) => ({ suite: 'names', workloads }) as const,
  );
  return [...chains, ...names];
}

/** Hand-made workloads first, then random ones. */
export function failureTasks(scale: number): CrashTask[] {
  const count = Math.ceil(scale < LONG_FROM ? 10 * scale : Math.max(100, 2 * scale));
  const first = ['full-and-delete', 'landed-aborts', 'reopens', 'growth-in-steps', 'readers'];
  const rest = CATALOGUE.filter((name) => !first.includes(name));
  const made = [...first, ...(scale > 1 ? rest : [])];
  const workloads = [...made, ...seeds(30_001, Math.max(0, count - made.length))].slice(0, count);
  return workloads.map((workload) => ({ suite: 'failures', workload }) as const);
}

const IMAGE_WORKLOADS = ['roots', 'growth-in-steps', 'readers', 'tall-blocks'] as const;
const IMAGES_A_TASK = 4000;

export function imageTasks(scale: number): CrashTask[] {
  const tasks: CrashTask[] = [];
  // So many images that a base knows no more of are taken from random workloads.
  for (const [suite, count] of [
    ['bytes', Math.ceil(10_000 * scale)],
    ['forged', Math.ceil(2000 * scale)],
  ] as const) {
    let left = count;
    for (let n = 0; left > 0; n += 1) {
      const workload = IMAGE_WORKLOADS[n] ?? `random-${40_000 + n}`;
      const known = suite === 'bytes' ? 10_000 * 11 : 10_000;
      const share = Math.min(left, Math.max(Math.ceil(count / IMAGE_WORKLOADS.length), 500), known);
      for (let from = 0; from < share; from += IMAGES_A_TASK) {
        tasks.push({ suite, workload, from, to: Math.min(share, from + IMAGES_A_TASK) });
      }
      left -= share;
    }
  }
  for (const workload of IMAGE_WORKLOADS) tasks.push({ suite: 'wholesale', workload });
  return tasks;
}

export function allTasks(scale: number): CrashTask[] {
  return [
    ...lyingTasks(scale).reverse(),
    ...stateTasks(scale),
    ...failureTasks(scale),
    ...imageTasks(scale),
    ...rowTasks(scale),
  ];
}
