/**
 * Notices a worker that answers nothing while calls are pending (I14: 5 s make health `stalled`). It counts ticks of a
 * timer, not time: a page that was frozen has had no ticks, and hears the answers that were waiting before it has five.
 *
 * A stall does not end the session here: without shared memory a worker deep in one long file operation cannot be told
 * from a stuck one. Only when the store is being closed does patience end, after 30 ticks.
 */
import type { Lifeline } from './lifeline.ts';

export const TICK_MS = 1000;
export const TICKS_UNTIL_STALLED = 5;
export const TICKS_UNTIL_LOST = 30;

export interface HeartbeatHooks {
  ping(): void;
  onStalled(stalled: boolean): void;
  /** Silent for too long while `impatient`. */
  onLost(): void;
}

export class Heartbeat {
  readonly #lifeline: Lifeline;
  readonly #hooks: HeartbeatHooks;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unanswered = 0;
  /** Whether silence ends the session after 30 ticks. */
  impatient = false;

  constructor(lifeline: Lifeline, hooks: HeartbeatHooks) {
    this.#lifeline = lifeline;
    this.#hooks = hooks;
    lifeline.onBusy = () => this.#start();
    lifeline.onEnd(() => this.#stop());
  }

  /** The worker has sent something. */
  heard(): void {
    if (this.#unanswered >= TICKS_UNTIL_STALLED) this.#hooks.onStalled(false);
    this.#unanswered = 0;
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unanswered = 0;
  }

  #tick(): void {
    if (this.#lifeline.pendingCount === 0) {
      this.#stop();
      return;
    }
    if (this.#unanswered === 0) this.#hooks.ping();
    this.#unanswered += 1;
    if (this.#unanswered === TICKS_UNTIL_STALLED) this.#hooks.onStalled(true);
    if (this.impatient && this.#unanswered >= TICKS_UNTIL_LOST) this.#hooks.onLost();
  }
}
