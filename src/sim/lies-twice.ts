/**
 * Flushes that lie twice: a store that has been rolled back, with the superblocks of what it gave up still in their
 * slots, goes on, and its next commits are lied about as well. The generation numbers that were given up are burnt
 * then, so that numbers tell nothing about how many commits lie between two superblocks.
 */
import { assert } from '../base/assert.ts';
import { crashedFiles, lyingPoint, RecordedDisks } from './disk-trace.ts';
import { Explorer, type ExplorerBudget, type ExplorerTally } from './explorer.ts';
import { FATE } from './fates.ts';
import { recoverDisks } from './judge.ts';
import { Player } from './player.ts';
import { parseSteps } from './steps.ts';
import { isSuperblock } from './superblock-unit.ts';
import type { Run } from './workload.ts';

const WINDOW = 3;
const NEXT_COMMITS = parseSteps(
  'put 2 90; end; commit; put 2 91; end; commit; put 2 92; end; commit; put 2 93; end; commit',
);

/**
 * Of the last three generations of the run only the superblocks are there. Then four more commits, and what lies do
 * to them.
 */
export function lieTwice(run: Run, budget: ExplorerBudget, tally: ExplorerTally): void {
  const { setting, name } = run.workload;
  const acks = run.history.map(({ acked }) => acked).filter((acked) => acked !== undefined);
  const from = acks[acks.length - 1 - WINDOW];
  const to = acks[acks.length - 1];
  assert(from !== undefined && to !== undefined, 'the run has more than three commits');
  // Up to the last flush: the newest generation is the one in flight.
  const point = lyingPoint(run.initial, run.operations, from, to - 1);
  const fates = Uint8Array.from(point.pending, (unit) =>
    isSuperblock(unit, setting.geometry) ? FATE.kept : FATE.lost,
  );
  const initial = crashedFiles(point, fates);
  const disks = new RecordedDisks(initial.map((file) => file.clone()));
  const recovery = recoverDisks(disks, {
    setting,
    history: run.history,
    operation: point.operation,
    lossAllowed: WINDOW - 1,
  });
  assert(recovery.rejected === WINDOW, 'all that was lied about is given up');
  const player = new Player(recovery.store, { ...recovery.entry, submitted: 0, acked: 0 });
  player.playAll(NEXT_COMMITS);
  const trace = { setting, initial, operations: disks.operations, history: player.history };
  for (let lies = 1; lies <= WINDOW; lies += 1) {
    new Explorer(trace, budget, tally, `twice workload=${name}`).explore(lies);
  }
}
