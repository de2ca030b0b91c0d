/**
 * Lost names: a browser may lose a file's creation in a power cut although the file was flushed. Every set of missing
 * files at every crash point must be noticed, unless nothing was ever stored; then the store may be created again.
 */
import { assert } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';
import { openDevice } from '../device/handle-device.ts';
import { inspectFiles } from '../store/store-files.ts';
import { type CrashPoint, crashedFiles, crashPoints, RecordedDisks } from './disk-trace.ts';
import { CrashFailure } from './explorer.ts';
import { FATE } from './fates.ts';
import { judgeAftermath, recoverDisks } from './judge.ts';
import { hasher } from './memory-store.ts';
import { SectorFile, SectorHandle } from './sector-file.ts';
import type { Run } from './workload.ts';

export interface LostNamesTally {
  states: number;
  /** Of these, creations that were done again. */
  recreated: number;
}

export const newLostNamesTally = (): LostNamesTally => ({ states: 0, recreated: 0 });

export function loseNames(run: Run, tally: LostNamesTally): void {
  const { geometry } = run.workload.setting;
  for (const point of crashPoints(run.initial, run.operations)) {
    for (const fate of [FATE.lost, FATE.kept]) {
      for (let missing = 1; missing < 2 ** geometry.diskCount; missing += 1) {
        try {
          judge(run, point, fate, missing, tally);
        } catch (error) {
          const { name } = run.workload;
          const line = `names workload=${name} crash=${point.operation} fate=${fate} missing=${missing}`;
          throw new CrashFailure(line, error);
        }
      }
    }
  }
}

/** `missing`: a bit for each file. */
function judge(
  run: Run,
  point: CrashPoint,
  fate: number,
  missing: number,
  tally: LostNamesTally,
): void {
  const { setting } = run.workload;
  const fates = new Uint8Array(point.pending.length).fill(fate);
  const files = crashedFiles(point, fates);
  const isMissing = (disk: number) => ((missing >> disk) & 1) === 1;
  tally.states += 1;
  if (refused(files.map((file, disk) => (isMissing(disk) ? undefined : file)))) return;
  const allMissing = files.every((_, disk) => isMissing(disk));
  // What had content was not created anew; of an origin that was emptied nothing here can know.
  const stored = run.history.some(
    ({ acked, content }) =>
      (acked ?? Number.POSITIVE_INFINITY) <= point.operation && content.size > 0,
  );
  assert(allMissing || !stored, 'a store with a missing file is not created anew');
  tally.recreated += 1;
  const left = files.map((file, disk) => (isMissing(disk) ? new SectorFile() : file));
  const disks = new RecordedDisks(left);
  const promised = { setting, history: [], operation: 0, lossAllowed: 0 };
  judgeAftermath(disks, recoverDisks(disks, promised), setting);
}

/** Whether opening says CORRUPT; otherwise there is no store. */
function refused(files: readonly (SectorFile | undefined)[]): boolean {
  const devices = files.map((file, disk) =>
    file === undefined ? undefined : openDevice(`disk-${disk}`, new SectorHandle(file)),
  );
  try {
    assert(
      inspectFiles(devices, hasher).kind === 'unfinished',
      'a store with a missing file is not opened',
    );
    return false;
  } catch (error) {
    if (error instanceof StoreError && error.code === 'CORRUPT') return true;
    throw error;
  }
}
