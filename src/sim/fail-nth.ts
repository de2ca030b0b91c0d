/**
 * Fails the n-th call of a kind, for every n, once and for ever, and looks at what the store makes of it (I12):
 * nothing more is acknowledged after a failed write or flush, what is there stays readable, everything thrown is a
 * `StoreError`, and another process opens the files at a state that was promised.
 */
import { assert } from '../base/assert.ts';
import { StoreError, type StoreErrorCode } from '../base/errors.ts';
import { FaultyHandle, type HandleFault, type HandleOperation } from '../device/memory-handle.ts';
import type { SyncHandle } from '../device/sync-handle.ts';
import { crashedFiles, crashPoints, RecordedDisks } from './disk-trace.ts';
import { CrashFailure } from './explorer.ts';
import { FATE } from './fates.ts';
import { judgeAftermath, recoverDisks } from './judge.ts';
import { type HistoryEntry, Player } from './player.ts';
import { Random } from './random.ts';
import { contentOf, noFiles, SimStore } from './sim-store.ts';
import type { Step } from './steps.ts';
import { expectContent } from './tree.ts';
import { createdEntry, type Workload } from './workload.ts';

export type FailingOperation = Exclude<HandleOperation, 'close'>;
export const FAILING_OPERATIONS: readonly FailingOperation[] = [
  'write',
  'flush',
  'truncate',
  'read',
  'getSize',
];

export interface Failure {
  readonly operation: FailingOperation;
  /** Counted over all files from 0, creation included. */
  readonly nth: number;
  /** All later calls of that kind fail, too. */
  readonly lasting: boolean;
  /** Which of the ways in which this kind of call fails. */
  readonly way: number;
}

export interface FailTally {
  workloads: number;
  /** Runs of a workload, each with another failure. */
  loops: number;
  /** Of these, runs that ended poisoned. */
  poisoned: number;
}

export const newFailTally = (): FailTally => ({ workloads: 0, loops: 0, poisoned: 0 });

const THROWS: HandleFault = { throw: 'UnknownError' };
const QUOTA: HandleFault = { throw: 'QuotaExceededError' };
const GONE: HandleFault = { throw: 'InvalidStateError' };
const WAYS: Readonly<Record<FailingOperation, readonly HandleFault[]>> = {
  write: [THROWS, { short: 0 }, { throw: 'UnknownError', after: 512 }, QUOTA, { count: -1 }, GONE],
  flush: [THROWS, GONE],
  truncate: [QUOTA, THROWS, { count: 0 }, GONE],
  read: [THROWS, { short: 0 }, { count: 2 ** 31 }, GONE],
  getSize: [THROWS, { count: -1 }, GONE],
};

/** Counts the calls of all files together and makes some fail. */
class Saboteur {
  readonly calls = { read: 0, write: 0, flush: 0, truncate: 0, getSize: 0, close: 0 };
  private readonly failure: Failure | undefined;

  constructor(failure?: Failure) {
    this.failure = failure;
  }

  readonly wrap = (handle: SyncHandle): SyncHandle =>
    new FaultyHandle(handle, (operation) => this.fateOf(operation));

  private fateOf(operation: HandleOperation): 'ok' | HandleFault {
    const nth = this.calls[operation];
    this.calls[operation] = nth + 1;
    const { failure } = this;
    if (failure?.operation !== operation) return 'ok';
    const isDue = failure.lasting ? nth >= failure.nth : nth === failure.nth;
    const ways = WAYS[failure.operation];
    return isDue ? (ways[failure.way % ways.length] as HandleFault) : 'ok';
  }
}

/** Every n of every kind of call, once and for ever. `waysEach`: how many of the ways to fail are tried for each. */
export function failEveryCall(workload: Workload, waysEach: number, tally: FailTally): void {
  const counting = new Saboteur();
  playUnder(workload, counting);
  for (const operation of FAILING_OPERATIONS) {
    for (let nth = 0; nth < counting.calls[operation]; nth += 1) {
      for (let way = 0; way < Math.min(waysEach, WAYS[operation].length); way += 1) {
        for (const lasting of [false, true]) {
          failOnce(workload, { operation, nth, lasting, way: nth + way }, tally);
        }
      }
    }
  }
  tally.workloads += 1;
}

export function failOnce(workload: Workload, failure: Failure, tally: FailTally): void {
  try {
    const { disks, history, poisoned } = playUnder(workload, new Saboteur(failure));
    tally.loops += 1;
    if (poisoned) tally.poisoned += 1;
    judgeWhatIsLeft(workload, disks, history, failure);
  } catch (error) {
    const { operation, nth, lasting, way } = failure;
    const line = `fail workload=${workload.name} operation=${operation} nth=${nth} lasting=${lasting} way=${way}`;
    throw new CrashFailure(line, error);
  }
}

interface Played {
  readonly disks: RecordedDisks;
  readonly history: readonly HistoryEntry[];
  readonly poisoned: boolean;
}

/** What a failing disk may make a transaction or an opening say. */
const TOLERATED: readonly StoreErrorCode[] = ['FULL', 'QUOTA', 'IO', 'CORRUPT', 'POISONED'];

function playUnder(workload: Workload, saboteur: Saboteur): Played {
  const { setting, steps } = workload;
  const disks = new RecordedDisks(noFiles(setting));
  let store: SimStore;
  try {
    store = new SimStore({ disks, setting, wrap: saboteur.wrap });
  } catch (error) {
    expectTolerated(error);
    const created = { ...createdEntry(0), acked: undefined };
    return { disks, history: [created], poisoned: false };
  }
  const player = new Player(store, createdEntry(store.operationCount), TOLERATED);
  const poisoned = playSteps(player, steps, store);
  return { disks, history: player.history, poisoned };
}

/** Returns whether the store was poisoned. */
function playSteps(player: Player, steps: readonly Step[], store: SimStore): boolean {
  for (const step of steps) {
    const { engine } = player.opened;
    const before = { health: engine.health, durable: engine.durableGeneration };
    try {
      player.play(step);
    } catch (error) {
      expectTolerated(error);
      // A process that could not even open its files again does nothing more.
      if (step.kind === 'reopen') return false;
    }
    if (before.health === 'ok' || player.opened !== store.opened) continue;
    assert(engine.durableGeneration === before.durable, 'I12: nothing is acknowledged any more');
  }
  const { engine } = player.opened;
  if (engine.health === 'ok') return false;
  expectReadable(player);
  return true;
}

/**
 * I12: what was acknowledged stays readable in a poisoned store. What was not may be gone with the write that failed,
 * but nothing wrong is read. And it takes no transaction.
 */
function expectReadable({ opened, acked, visible }: Player): void {
  expectContent(contentOf(opened, acked.roots).content, acked.entry.content);
  const readable = outcomeOf(() => contentOf(opened));
  if (readable instanceof StoreError) expectTolerated(readable);
  else expectContent(readable.content, visible);
  const begun = outcomeOf(() => opened.engine.begin());
  assert(
    begun instanceof StoreError && begun.code === 'POISONED',
    'I12: a poisoned store takes no transaction',
  );
}

function outcomeOf<Result>(action: () => Result): Result | StoreError {
  try {
    return action();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}

function expectTolerated(error: unknown): void {
  if (!(error instanceof StoreError) || !TOLERATED.includes(error.code)) throw error;
}

/** Another process opens the files as they are, and as a power cut may leave them. */
function judgeWhatIsLeft(
  { setting }: Workload,
  disks: RecordedDisks,
  history: readonly HistoryEntry[],
  failure: Failure,
): void {
  const operation = disks.operations.length;
  const points = crashPoints(noFiles(setting), disks.operations);
  const point = points[points.length - 1];
  assert(point !== undefined, 'every trace has a crash point at its end');
  const random = new Random(failure.nth);
  const fates = new Uint8Array(point.pending.length);
  for (const keeping of [1, 0, 0.5]) {
    for (let n = 0; n < fates.length; n += 1) {
      fates[n] = random.chance(keeping) ? FATE.kept : FATE.lost;
    }
    const left = new RecordedDisks(crashedFiles(point, fates));
    const promised = { setting, history, operation, lossAllowed: 0 };
    judgeAftermath(left, recoverDisks(left, promised), setting);
    if (fates.length === 0) return;
  }
}
