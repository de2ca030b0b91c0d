/**
 * The crash explorer: takes a recorded run, builds the disks that crashes may leave behind, recovers each with the
 * real open code and judges what comes out.
 *
 * Every distinct state is opened, and its content compared with the model. What is as good as the same for states
 * that were opened with the same outcome (check, going on, opening again) is done for the first of each crash point
 * with that outcome, and for every so many besides: states with the same outcome differ only in bytes that nothing
 * points to.
 */
import { StoreError } from '../base/errors.ts';
import {
  type CrashPoint,
  crashedFiles,
  crashPoints,
  lyingPoint,
  RecordedDisks,
  type TraceOperation,
} from './disk-trace.ts';
import { FATE, type FateBudget, type Fates, fatesOf, fatesText, parseFates } from './fates.ts';
import { judgeAftermath, recoverDisks } from './judge.ts';
import type { HistoryEntry } from './player.ts';
import type { SectorFile } from './sector-file.ts';
import type { SimSetting } from './sim-store.ts';
import { StateHasher } from './state-hash.ts';

export interface ExplorerBudget extends FateBudget {
  /** Check, going on and opening again for every so many states, besides the first of each outcome. */
  readonly deepEvery: number;
  /** For every so many deep states, what happens after recovery is itself crashed. 0: never. */
  readonly nestedEvery: number;
}

export interface ExplorerTally {
  /** Crash states built. */
  states: number;
  /** Of these, different from all others of their run: bytes, or promises made by then. Each was recovered. */
  distinct: number;
  /** Of these, with sectors torn, garbled or astray. */
  hostile: number;
  /** Crashes in what followed a recovery, distinct. */
  nested: number;
  /** States for which recovery went on to commit and was opened again. */
  deep: number;
  /** States whose recovery reported that it gave up newer generations. */
  rolledBack: number;
  /** Distinct states of crashes while a joint commit was under way, and a fenced one. */
  amidJoint: number;
  amidFenced: number;
}

export const newTally = (): ExplorerTally => ({
  states: 0,
  distinct: 0,
  hostile: 0,
  nested: 0,
  deep: 0,
  rolledBack: 0,
  amidJoint: 0,
  amidFenced: 0,
});

/** A crash state that was not recovered as promised. `replay` is the line that gives it back. */
export class CrashFailure extends Error {
  readonly replay: string;

  constructor(replay: string, cause: unknown) {
    super(`${describeError(cause)}\n  replay: ${replay}`, { cause });
    this.replay = replay;
  }
}

export function describeError(error: unknown): string {
  if (error instanceof StoreError) return `${error.code} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** What a run leaves for the explorer. */
export interface Trace {
  readonly setting: SimSetting;
  readonly initial: readonly SectorFile[];
  readonly operations: readonly TraceOperation[];
  readonly history: readonly HistoryEntry[];
}

/** A crash state of a trace, as a replay line names it. */
export interface StateName {
  /** 1: flushes told the truth. More: they did nothing for so many generations, the one in flight counted. */
  readonly lies: number;
  readonly operation: number;
  readonly fates: string;
}

export class Explorer {
  private readonly trace: Trace;
  private readonly budget: ExplorerBudget;
  private readonly tally: ExplorerTally;
  /** What replay lines begin with. */
  private readonly label: string;
  private readonly hashes = new StateHasher();
  private readonly seen = new Set<number>();
  private readonly outcomes = new Set<string>();

  constructor(trace: Trace, budget: ExplorerBudget, tally: ExplorerTally, label: string) {
    this.trace = trace;
    this.budget = budget;
    this.tally = tally;
    this.label = label;
  }

  /** All crash states, when the flushes of the last `lies` generations did nothing, the one in flight counted. */
  explore(lies = 1): void {
    for (const point of this.points(lies)) {
      this.outcomes.clear();
      for (const fates of fatesOf(point, this.budget)) this.visit(point, fates, lies);
    }
  }

  /** One state, and, if `then` is given, one crash in what followed its recovery. */
  replay(name: StateName, then?: StateName): void {
    const point = this.points(name.lies).find(({ operation }) => operation === name.operation);
    if (point === undefined) throw new RangeError('the run has no such crash point');
    const fates = parseFates(name.fates);
    if (fates.length !== point.pending.length) {
      throw new RangeError('the crash point has another number of pending writes');
    }
    const inner = this.judge(point, fates, name.lies, crashedFiles(point, fates), true);
    if (then !== undefined) inner?.replay(then);
  }

  private points(lies: number): CrashPoint[] {
    const { initial, operations, history } = this.trace;
    if (lies === 1) return crashPoints(initial, operations);
    const acks = history.map(({ acked }) => acked).filter((acked) => acked !== undefined);
    const points: CrashPoint[] = [];
    for (const [n, ack] of acks.entries()) {
      const from = acks[n - (lies - 1)];
      // Up to the last flush of the commit in flight, not its acknowledgement.
      const to = (acks[n + 1] ?? operations.length + 1) - 1;
      if (from !== undefined && to > ack) points.push(lyingPoint(initial, operations, from, to));
    }
    return points;
  }

  private visit(point: CrashPoint, fates: Fates, lies: number): void {
    const { tally } = this;
    tally.states += 1;
    const files = crashedFiles(point, fates);
    const hash = this.hashes.hash(files, this.ackedBefore(point.operation) * 8 + lies);
    if (this.seen.has(hash)) return;
    this.seen.add(hash);
    tally.distinct += 1;
    if (fates.some((fate) => fate > FATE.kept)) tally.hostile += 1;
    const underWay = this.underWay(point.operation);
    if (underWay?.joint === true) tally.amidJoint += 1;
    if (underWay?.joint === false) tally.amidFenced += 1;
    try {
      const deepDue = tally.distinct % this.budget.deepEvery === 0;
      const inner = this.judge(point, fates, lies, files, deepDue);
      if (inner === undefined) return;
      tally.deep += 1;
      const { nestedEvery } = this.budget;
      if (nestedEvery > 0 && tally.deep % nestedEvery === 0) this.exploreInner(inner);
    } catch (error) {
      if (error instanceof CrashFailure) throw error;
      throw new CrashFailure(this.lineOf(point, fates, lies), error);
    }
  }

  private exploreInner(inner: Explorer): void {
    inner.explore();
    this.tally.nested += inner.tally.distinct;
  }

  private lineOf(point: CrashPoint, fates: Fates, lies: number): string {
    return `${this.label} lies=${lies} crash=${point.operation} fates=${fatesText(fates)}`;
  }

  /**
   * Recovers and judges one state. A deep one, or one whose outcome is new, goes on; what it did can be crashed
   * again.
   */
  private judge(
    point: CrashPoint,
    fates: Fates,
    lies: number,
    files: SectorFile[],
    deepDue: boolean,
  ): Explorer | undefined {
    const { setting, history } = this.trace;
    const disks = new RecordedDisks(files);
    const recovery = recoverDisks(disks, {
      setting,
      history,
      operation: point.operation,
      lossAllowed: lies - 1,
    });
    if (recovery.rejected > 0) this.tally.rolledBack += 1;
    if (!deepDue && this.outcomes.has(recovery.outcome)) return undefined;
    this.outcomes.add(recovery.outcome);
    const after = judgeAftermath(disks, recovery, setting);
    const trace: Trace = {
      setting,
      initial: crashedFiles(point, fates),
      operations: disks.operations,
      history: after,
    };
    const budget = { ...this.budget, nestedEvery: 0 };
    return new Explorer(trace, budget, newTally(), `${this.lineOf(point, fates, lies)} then`);
  }

  private underWay(operation: number): HistoryEntry | undefined {
    return this.trace.history.find(
      ({ submitted, acked }) => submitted <= operation && acked !== undefined && operation < acked,
    );
  }

  private ackedBefore(operation: number): number {
    let count = 0;
    for (const { acked } of this.trace.history) {
      if (acked !== undefined && acked <= operation) count += 1;
    }
    return count;
  }
}
