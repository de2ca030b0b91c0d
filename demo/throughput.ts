/** One line about the last thing that moved bytes in or out: how many, how long, how fast. */
import { byId, setText } from './dom.ts';
import { bytesText, timeText } from './text.ts';

export interface Job {
  /** Bytes so far. */
  moveTo(bytes: number): void;
  finish(): void;
}

export class Throughput {
  readonly #lastJob = byId('last-job', HTMLElement);

  /** A job that moves bytes: tell it each time how far it is, and at the end that it ended. */
  start(what: string): Job {
    const startMs = performance.now();
    let moved = 0;
    return {
      moveTo: (bytes) => {
        moved = bytes;
      },
      finish: () => {
        const ms = performance.now() - startMs;
        const rate = bytesText((moved * 1000) / Math.max(ms, 1));
        setText(this.#lastJob, `${bytesText(moved)} in ${timeText(ms)}, ${rate}/s: ${what}`);
      },
    };
  }
}
