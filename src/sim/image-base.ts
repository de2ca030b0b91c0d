/** Sound images to be damaged: the files that a workload leaves, what they hold, and what was there before. */
import { RecordedDisks } from './disk-trace.ts';
import { type ImageMap, mapImage } from './image-map.ts';
import { type HistoryEntry, Player } from './player.ts';
import type { SectorFile } from './sector-file.ts';
import { noFiles, type SimSetting, SimStore } from './sim-store.ts';
import { createdEntry, type Workload } from './workload.ts';

export interface ImageBase {
  readonly name: string;
  readonly setting: SimSetting;
  readonly files: readonly SectorFile[];
  readonly history: readonly HistoryEntry[];
  readonly map: ImageMap;
  /** The files as they were after each acknowledged commit, the last one excepted; newest first. */
  readonly older: readonly (readonly SectorFile[])[];
  /** The files of another store, made by the same steps. */
  readonly foreign: readonly SectorFile[];
}

/** Commits become few when there are many: damage is about what is there at the end. */
const OLDER_MAX = 4;

export function imageBase(workload: Workload): ImageBase {
  const { name, setting } = workload;
  const { snapshots, history } = playWithSnapshots(workload, setting);
  const other = playWithSnapshots(workload, { ...setting, seed: setting.seed + 1 });
  const [files, ...older] = snapshots.toReversed();
  if (files === undefined) throw new RangeError('a base for images is a workload that commits');
  return {
    name,
    setting,
    files,
    history,
    map: mapImage(files),
    older: older.slice(0, OLDER_MAX),
    foreign: other.snapshots[other.snapshots.length - 1] ?? [],
  };
}

function playWithSnapshots(
  workload: Workload,
  setting: SimSetting,
): { snapshots: SectorFile[][]; history: readonly HistoryEntry[] } {
  const disks = new RecordedDisks(noFiles(setting));
  const store = new SimStore({ disks, setting });
  const player = new Player(store, createdEntry(store.operationCount));
  const snapshots: SectorFile[][] = [];
  for (const step of workload.steps) {
    const before = player.acked;
    player.play(step);
    if (player.acked !== before) snapshots.push(disks.files.map((file) => file.clone()));
  }
  return { snapshots, history: player.history };
}
