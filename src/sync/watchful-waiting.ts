/**
 * How a thread waits that hears of nobody's death, because it does not return to its event loop: it sleeps on the bell,
 * and looks at the disks whenever a while has passed without a ring. When none has done anything for `STUCK_LOOKS` such
 * whiles in a row, and none is inside a call of its file, the session is over (I14); then nobody waits any more.
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
  private looks = 0;
  private progressSeen = 0;

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
    bell.wait(seen, this.lookMs);
    if (bell.value === seen) this.look();
    else this.looks = 0;
  }

  private look(): void {
    const pages = this.pages();
    const progress = pages.reduce((sum, page) => sum + page.progress, 0);
    const isBusy = pages.some((page) => page.operation !== undefined);
    this.looks = isBusy || progress !== this.progressSeen ? 0 : this.looks + 1;
    this.progressSeen = progress;
    if (this.looks >= STUCK_LOOKS) this.memory.end();
  }
}
