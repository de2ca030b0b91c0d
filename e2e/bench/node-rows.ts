/** The rows that need no browser: replay of a large store, and the allocator. */
import { type Mill, scatteredMill } from '../../src/sim/allocation-mill.ts';
import { halfFreeStore } from '../../src/sim/half-free-store.ts';
import { type Bar, judge, judgeFigure, type Verdict } from './page/bars.ts';
import type { GroupResult } from './page/group.ts';
import { interleave, type Measurement, type Plan, type Side } from './page/measure.ts';
import { median } from './page/statistics.ts';

const PAIRS = 100_000;
const REPLAY_MS_MAX = 150;
const PAIRS_PER_SECOND_MIN = 1e6;
const FEW_IN_ONE = '1,000 free ranges in 1 arena';
const MANY_IN_ONE = '1,000,000 free ranges in 1 arena';
const FEW_IN_512 = '1,000 free ranges in 512 arenas';
const MANY_IN_512 = '1,000,000 free ranges in 512 arenas';
const MILLS: readonly [string, number, number][] = [
  [FEW_IN_ONE, 1, 1000],
  [MANY_IN_ONE, 1, 1_000_000],
  [FEW_IN_512, 512, 1000],
  [MANY_IN_512, 512, 1_000_000],
];
const ROW = 'alloc + free with logging, Node';
const BARS: readonly Bar[] = [
  {
    row: ROW,
    text: '1,000,000 free ranges in 512 arenas: ≤ 2 × 1,000',
    ...{ ours: MANY_IN_512, reference: FEW_IN_512, atMost: 2 },
  },
  {
    row: ROW,
    text: '1,000,000 free ranges in one arena: ≤ 4 × 1,000',
    ...{ ours: MANY_IN_ONE, reference: FEW_IN_ONE, atMost: 4 },
  },
];

const REPLAY_TITLE = 'Replay of a 16 GiB store, Node';
const ALLOCATION_TITLE = 'Allocation and free, logged, Node';

export async function measureNodeRows(
  msPerGroup: number,
  isWanted: (title: string) => boolean,
  log: (line: string) => void,
): Promise<GroupResult[]> {
  const plan: Plan = { roundsMax: 40, warmUpRounds: 2, samplesPerTurn: 1, msMax: msPerGroup };
  const results: GroupResult[] = [];
  for (const [title, measure] of [
    [REPLAY_TITLE, measureReplay],
    [ALLOCATION_TITLE, measureAllocation],
  ] as const) {
    if (!isWanted(title)) continue;
    log(title);
    results.push(await measure(plan));
  }
  return results;
}

async function measureReplay(plan: Plan): Promise<GroupResult> {
  const replay = halfFreeStore();
  const side: Side = {
    name: 'replay',
    note: '256 arenas, 500,000 free ranges, then 100,000 records; in memory',
    operations: 1,
    sample: () => replay(),
  };
  const measurements = await interleave([side], plan);
  const ms = medianOf(measurements, 'replay') / 1000;
  const verdict = judgeFigure({
    row: 'open: 16 GiB, every second block free, 100,000 records',
    bar: '≤ 150 ms of replay',
    value: ms,
    text: `${ms.toFixed(0)} ms`,
    atMost: REPLAY_MS_MAX,
  });
  return { title: REPLAY_TITLE, measurements, verdicts: [verdict] };
}

async function measureAllocation(plan: Plan): Promise<GroupResult> {
  const sides = MILLS.map(([name, arenaCount, rangeCount]): Side => {
    const mill: Mill = scatteredMill(arenaCount, rangeCount);
    return { name, operations: PAIRS, sample: () => mill.run(PAIRS) };
  });
  const measurements = await interleave(sides, plan);
  const rate = 1e6 / medianOf(measurements, FEW_IN_ONE);
  const verdicts: Verdict[] = [
    judgeFigure({
      row: ROW,
      bar: '≥ 1 million pairs/s',
      value: rate,
      text: `${(rate / 1e6).toFixed(2)} M/s`,
      atLeast: PAIRS_PER_SECOND_MIN,
    }),
    ...BARS.map((bar) => judge(bar, measurements, 'threaded')),
  ];
  return { title: ALLOCATION_TITLE, measurements, verdicts };
}

function medianOf(measurements: readonly Measurement[], name: string): number {
  return median(measurements.find((found) => found.name === name)?.samples ?? []) ?? Number.NaN;
}
