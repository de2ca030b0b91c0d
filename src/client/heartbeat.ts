/**
 * Notices a worker that does nothing while calls are pending (I14: 5 s make health `stalled`, 30 s end the session). It
 * counts ticks of a timer, not time: a page that was frozen has had no ticks, and hears the answers that were waiting
 * before it has five.
 *
 * Until its first answer a worker has no excuse: all it has to do is to begin.
 *
 * The engine's worker is asked by message. It cannot answer while it waits for a disk, and a disk's worker hears no
 * messages at all, so the disks show in shared memory what they are at (`disk-watch`). Silence ends the session only
 * where that is known: without shared memory a worker deep in one long file operation cannot be told from a stuck one,
 * and patience ends only when the store is being closed.
 */
import type { ThreadsLook } from './disk-watch.ts';
import type { Lifeline } from './lifeline.ts';

export const TICK_MS = 1000;
export const TICKS_UNTIL_STALLED = 5;
export const TICKS_UNTIL_LOST = 30;

export interface HeartbeatHooks {
  ping(): void;
  onStalled(stalled: boolean): void;
  /** A worker has been silent for too long; says which, and outside what. */
  onLost(reason: string): void;
  /** Timers of pages in the background are slow, and threads may get no time at all. */
  inForeground(): boolean;
}

/** What can be seen of threads that share memory. */
export interface WatchedThreads {
  look(inForeground: boolean): ThreadsLook;
  forget(): void;
}

export class Heartbeat {
  readonly #lifeline: Lifeline;
  readonly #hooks: HeartbeatHooks;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unanswered = 0;
  /** Of the unanswered ticks, those for which the engine has no excuse. */
  #idle = 0;
  #stillTicks = 0;
  #stalled = false;
  #isShared = false;
  #hasAnswered = false;
  /** Whether silence ends the session after 30 ticks, whatever the reason. */
  impatient = false;
  threads: WatchedThreads | undefined;

  constructor(lifeline: Lifeline, hooks: HeartbeatHooks) {
    this.#lifeline = lifeline;
    this.#hooks = hooks;
    lifeline.onBusy = () => this.#start();
    lifeline.onEnd(() => this.#stop());
  }

  /** Others use the session too, whose pending calls are not known here: then it is watched all the time. */
  set isShared(isShared: boolean) {
    this.#isShared = isShared;
    if (isShared && this.#lifeline.ended === undefined) this.#start();
  }

  /** The engine's worker has sent something. */
  heard(): void {
    this.#hasAnswered = true;
    this.#unanswered = 0;
    this.#idle = 0;
    this.#tellStalled();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.threads?.forget();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unanswered = 0;
    this.#idle = 0;
    this.#stillTicks = 0;
  }

  #tick(): void {
    if (this.#lifeline.pendingCount === 0 && !this.#isShared) {
      this.#stop();
      this.#tellStalled();
      return;
    }
    if (this.#unanswered === 0) this.#hooks.ping();
    this.#unanswered += 1;
    const inForeground = this.#hooks.inForeground();
    const look = this.threads?.look(inForeground);
    this.#stillTicks = look?.stillTicks ?? 0;
    // Without shared memory nobody can tell what it is at, once it has begun.
    const isExcused = look?.engineAtWork ?? this.#hasAnswered;
    if (inForeground && !isExcused) this.#idle += 1;
    this.#tellStalled();
    const why = this.#whyLost(look);
    if (why !== undefined) this.#hooks.onLost(why);
  }

  #whyLost(look: ThreadsLook | undefined): string | undefined {
    if (look?.stuck !== undefined && look.stuck.ticks >= TICKS_UNTIL_LOST) {
      return `the worker of disk-${look.stuck.disk} has done nothing for 30 s`;
    }
    if (this.#idle >= TICKS_UNTIL_LOST) return 'its worker has not answered for 30 s';
    if (this.impatient && this.#unanswered >= TICKS_UNTIL_LOST) {
      return 'its worker did not answer for 30 s while it was being closed';
    }
    return undefined;
  }

  #tellStalled(): void {
    const stalled = Math.max(this.#unanswered, this.#stillTicks) >= TICKS_UNTIL_STALLED;
    if (stalled === this.#stalled) return;
    this.#stalled = stalled;
    this.#hooks.onStalled(stalled);
  }
}
