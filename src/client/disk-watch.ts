/**
 * Whether the threads that share a session's memory get on, as anybody can see there without asking (I14). A disk's
 * thread counts on at least twice a second, also while it has nothing to do, unless it is inside a call of its file:
 * such a call may take as long as the device likes. The engine cannot answer while it waits for a disk.
 *
 * Counts ticks, not time: a page that was frozen has had no ticks, and its threads none either.
 */
import type { DiskPageReader } from '../shared/disk-page.ts';
import { ringMoves } from '../shared/ring.ts';
import type { SessionMemory } from '../shared/session-memory.ts';

/** What one look has found. */
export interface ThreadsLook {
  /** For how many ticks the stillest disk has done nothing, inside a call or not. */
  readonly stillTicks: number;
  /** The disk that has been still outside its calls for longest, if any is still, and for how many ticks. */
  readonly stuck: { readonly disk: number; readonly ticks: number } | undefined;
  /** The engine has given its disks something to do since the last look, or waits for one that is deep in a call. */
  readonly engineAtWork: boolean;
}

interface WatchedDisk {
  readonly disk: number;
  readonly page: DiskPageReader;
  readonly mayBeDeepInCall: boolean;
  progress: number;
  stillTicks: number;
  outsideTicks: number;
}

export class DiskWatch {
  readonly #memory: SessionMemory;
  readonly #disks = new Map<number, WatchedDisk>();
  #moves = 0;

  constructor(memory: SessionMemory) {
    this.#memory = memory;
  }

  /**
   * The disk's thread has its file.
   *
   * @param mayBeDeepInCall False where nothing else would tell of the thread's death: then no call takes for ever.
   */
  begin(disk: number, page: DiskPageReader, mayBeDeepInCall: boolean): void {
    const { progress } = page;
    const counts = { progress, stillTicks: 0, outsideTicks: 0 };
    this.#disks.set(disk, { disk, page, mayBeDeepInCall, ...counts });
  }

  /** The disk's thread has given its file back, or is about to. */
  end(disk: number): void {
    this.#disks.delete(disk);
  }

  /** Once a tick. In the background threads may get no time, so nothing is held against them there. */
  look(inForeground: boolean): ThreadsLook {
    let stillTicks = 0;
    let stuck: WatchedDisk | undefined;
    let inCall = false;
    for (const disk of this.#disks.values()) {
      const isInside = disk.mayBeDeepInCall && disk.page.operation !== undefined;
      inCall ||= isInside;
      this.#count(disk, isInside || !inForeground);
      stillTicks = Math.max(stillTicks, disk.stillTicks);
      if (disk.outsideTicks > (stuck?.outsideTicks ?? 0)) stuck = disk;
    }
    return {
      stillTicks,
      stuck: stuck && { disk: stuck.disk, ticks: stuck.outsideTicks },
      engineAtWork: this.#engineMoved() || inCall,
    };
  }

  #count(disk: WatchedDisk, isExcused: boolean): void {
    const { progress } = disk.page;
    if (progress !== disk.progress) {
      disk.progress = progress;
      disk.stillTicks = 0;
      disk.outsideTicks = 0;
      return;
    }
    disk.stillTicks += 1;
    if (!isExcused) disk.outsideTicks += 1;
  }

  #engineMoved(): boolean {
    const { words, control } = this.#memory;
    let moves = 0;
    for (const disk of this.#disks.keys()) {
      const asked = ringMoves(words, control.requestRing(disk)).written;
      const taken = ringMoves(words, control.completionRing(disk)).read;
      moves = (moves + asked + taken) | 0;
    }
    const moved = moves !== this.#moves;
    this.#moves = moves;
    return moved;
  }

  /** Nobody has looked for a while: what was counted before says nothing. */
  forget(): void {
    for (const disk of this.#disks.values()) {
      disk.stillTicks = 0;
      disk.outsideTicks = 0;
    }
  }
}
