/** Sides that are measured in turns, and the bars that their figures must meet. */
import type { Profile } from '../../../src/index.ts';
import { type Bar, judge, type Verdict } from './bars.ts';
import { interleave, type Measurement, type Plan, type Side, type SideKind } from './measure.ts';
import type { Peer } from './peers/peer.ts';

export interface Group {
  readonly title: string;
  readonly sides: readonly Side[];
  readonly bars: readonly Bar[];
}

export interface GroupResult {
  readonly title: string;
  readonly measurements: readonly Measurement[];
  readonly verdicts: readonly Verdict[];
}

/** What a run is given. */
export interface RunOptions {
  /** Time for each group's rounds. */
  readonly msPerGroup: number;
  readonly roundsMax: number;
  /** Opens the peers' stores too; the limit is always there. */
  readonly peers: boolean;
  /** Only those peers that a bar is about; all when left out. */
  readonly barredPeersOnly?: boolean;
  /** Groups whose title contains it; all when left out. */
  readonly only?: string;
}

export interface RunContext extends RunOptions {
  readonly profile: Profile;
  readonly peersByName: ReadonlyMap<string, Peer>;
  report(progress: string): void;
}

const WARM_UP_ROUNDS = 2;
/** Fewer where samples are long because the clock is coarse. */
const SAMPLES_PER_TURN = { isolated: 6, plain: 3 };
/** Steps of `performance.now`, in microseconds. */
const CLOCK_GRAIN_US = { isolated: 5, plain: 100 };
const GRAINS_PER_SAMPLE = 40;

/** Operations a sample needs so that the clock's grain does not show, for operations of about `typicalUs`. */
export function operationsFor(typicalUs: number): number {
  return Math.ceil((CLOCK_GRAIN_US[clock()] * GRAINS_PER_SAMPLE) / typicalUs);
}

function clock(): 'isolated' | 'plain' {
  return globalThis.crossOriginIsolated ? 'isolated' : 'plain';
}

export async function measureGroup(group: Group, context: RunContext): Promise<GroupResult> {
  const plan: Plan = {
    roundsMax: context.roundsMax,
    warmUpRounds: WARM_UP_ROUNDS,
    samplesPerTurn: SAMPLES_PER_TURN[clock()],
    msMax: context.msPerGroup,
  };
  context.report(group.title);
  const measurements = await interleave(group.sides, plan);
  const verdicts = group.bars.map((bar) => judge(bar, measurements, context.profile));
  return { title: group.title, measurements, verdicts };
}

export function ofKind(kind: SideKind, sides: readonly Side[]): Side[] {
  return sides.map((side) => ({ ...side, kind }));
}

/** `operations` times, one after the other. */
export function repeated(
  name: string,
  operations: number,
  operation: () => Promise<unknown>,
  more: Partial<Side> = {},
): Side {
  return {
    name,
    operations,
    async sample() {
      for (let n = 0; n < operations; n += 1) await operation();
    },
    ...more,
  };
}
