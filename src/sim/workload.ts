/**
 * A workload and its run: steps played on a store that is created for them, as a trace of the disks and a history of
 * what was promised when.
 */
import { RecordedDisks, type TraceOperation } from './disk-trace.ts';
import { type HistoryEntry, type Marks, Player } from './player.ts';
import type { SectorFile } from './sector-file.ts';
import { noFiles, type SimSetting, SimStore } from './sim-store.ts';
import type { Step } from './steps.ts';

export interface Workload {
  /** `random-17` or one of the catalogue: with it a failure is replayed. */
  readonly name: string;
  readonly setting: SimSetting;
  readonly steps: readonly Step[];
}

export interface Run {
  readonly workload: Workload;
  readonly initial: readonly SectorFile[];
  readonly operations: readonly TraceOperation[];
  readonly history: readonly HistoryEntry[];
  readonly marks: Marks;
  /** The files at the end, nothing lost. */
  readonly files: readonly SectorFile[];
}

/** The generation that creating a store writes. */
export const CREATED_GENERATION = 1;

/** Creates a store and plays the steps; everything is recorded, creation too. */
export function runWorkload(workload: Workload): Run {
  const { setting } = workload;
  const initial = noFiles(setting);
  const disks = new RecordedDisks(initial.map((file) => file.clone()));
  const store = new SimStore({ disks, setting });
  const player = new Player(store, createdEntry(store.operationCount));
  player.playAll(workload.steps);
  const { history, marks } = player;
  return {
    workload,
    initial,
    operations: disks.operations,
    history,
    marks,
    files: disks.files,
  };
}

/** What a store holds that has just been created, acknowledged after `acked` operations. */
export function createdEntry(acked: number): HistoryEntry {
  return { generation: CREATED_GENERATION, content: new Map(), submitted: 0, acked };
}
