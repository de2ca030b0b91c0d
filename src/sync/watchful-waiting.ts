/**
 * How a thread waits that hears of nobody's death, because it does not return to its event loop: it sleeps on the bell,
 * and looks at the disks whenever a while has passed without a ring. A disk's thread counts on more often than that,
 * also while it has nothing to do. When one has not for `STUCK_LOOKS` such whiles in a row, and is not inside a call of
 * its file, the session is over (I14); then nobody waits any more.
 *
 * A disk that is deep in one long call is waited for, however long. Looks are counted, not time: a machine that slept
 * has not been looked at meanwhile (I13).
 */
import type { DiskPageReader } from '../shared/disk-page.ts';
import type { Doorbell } from '../shared/doorbell.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import type { Waiting } from './disk-link.ts';

/** Between two looks, in milliseconds. */
const LOOK_MS = 500;
/** 30 s of them. */
export const STUCK_LOOKS = 60;

export class WatchfulWaiting implements Waiting {
  private readonly memory: SessionMemory;
  /** Of the disks that are open. */
  private readonly pages: () => readonly DiskPageReader[];
  private readonly lookMs: number;
  /** What each disk was at when last looked at, and for how many looks it has been. */
  private readonly seen = new Map<DiskPageReader, { progress: number; looks: number }>();

  constructor(
    memory: SessionMemory,
    pages: () => readonly DiskPageReader[],
    options: { readonly lookMs?: number } = {},
  ) {
    this.memory = memory;
    this.pages = pages;
    this.lookMs = options.lookMs ?? LOOK_MS;
  }

  wait(bell: Doorbell, seen: number): void {
    bell.waitAwake(seen, this.lookMs);
    if (bell.value === seen) this.look();
    else this.seen.clear();
  }

  private look(): void {
    for (const page of this.pages()) {
      const { progress, operation } = page;
      const before = this.seen.get(page);
      const isStill = operation === undefined && before?.progress === progress;
      const looks = isStill ? before.looks + 1 : 0;
      this.seen.set(page, { progress, looks });
      if (looks >= STUCK_LOOKS) this.memory.end();
    }
  }
}
