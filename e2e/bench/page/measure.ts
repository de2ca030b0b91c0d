/**
 * Measures several ways of doing the same thing, in turns: A B C A B C … What disturbs the machine disturbs all of
 * them, so their ratios hold where their absolute figures drift.
 */

/** Whose way it is; a peer's when left out. The limit is what the platform takes for the same work. */
export type SideKind = 'own' | 'limit' | 'peer';

/** One way of doing it. */
export interface Side {
  readonly name: string;
  readonly kind?: SideKind;
  /** What its end promises, or how it is done, for the table. */
  readonly note?: string;
  /** Operations in one sample: enough that a sample is long beside the clock's grain. */
  readonly operations: number;
  /** Does them; what it returns is awaited. */
  sample(): unknown;
  /** What `sample` returns is the milliseconds it took, because the clock that counts is in a worker. */
  readonly timesItself?: boolean;
  /** Not timed, after each turn: waits for what goes on in the background, puts things back. */
  settle?(): Promise<void>;
  /** Takes its turn in every n-th round only, because it is slow. */
  readonly every?: number;
  /** Overrides the plan's. */
  readonly samplesPerTurn?: number;
}

export interface Measurement {
  readonly name: string;
  readonly kind: SideKind;
  readonly note: string;
  readonly operations: number;
  /** Microseconds an operation. */
  readonly samples: readonly number[];
}

export interface Plan {
  readonly roundsMax: number;
  /** Of warm-up, thrown away. */
  readonly warmUpRounds: number;
  /** In a row, so that a thread that has slept through the others' turns is awake; the first one is thrown away. */
  readonly samplesPerTurn: number;
  /** No round begins after this time, the least number of rounds apart. */
  readonly msMax: number;
}

/** So many rounds even when time is up: a median of fewer says nothing. */
export const ROUNDS_MIN = 5;

export async function interleave(
  sides: readonly Side[],
  plan: Plan,
  now: () => number = () => performance.now(),
): Promise<Measurement[]> {
  const samples = sides.map((): number[] => []);
  let startedMs = now();
  for (let round = -plan.warmUpRounds; round < plan.roundsMax; round += 1) {
    if (round === 0) startedMs = now();
    if (round >= ROUNDS_MIN && now() - startedMs > plan.msMax) break;
    for (const [index, side] of sides.entries()) {
      if (!isDue(side, round)) continue;
      const turn = await takeTurn(side, side.samplesPerTurn ?? plan.samplesPerTurn, now);
      if (round >= 0) samples[index]?.push(...turn);
    }
  }
  return sides.map(({ name, kind = 'peer', note = '', operations }, index) => {
    return { name, kind, note, operations, samples: samples[index] as number[] };
  });
}

/** Every side is warmed up, the slow ones once. */
function isDue({ every = 1 }: Side, round: number): boolean {
  return round < 0 ? every === 1 || round === -1 : round % every === 0;
}

async function takeTurn(side: Side, sampleCount: number, now: () => number): Promise<number[]> {
  const turn: number[] = [];
  for (let sample = 0; sample < sampleCount; sample += 1) {
    const startedMs = now();
    const result = await side.sample();
    const ms = side.timesItself === true ? (result as number) : now() - startedMs;
    if (sample > 0 || sampleCount === 1) turn.push((ms * 1000) / side.operations);
  }
  await side.settle?.();
  return turn;
}
