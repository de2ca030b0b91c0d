/**
 * The page's one loop: everything that is drawn is drawn from here, and how long that took is measured, because a page
 * that shows an engine at work must not get in its way.
 */

/** Two seconds of frames, most of the time. */
const FRAMES_KEPT = 120;

/** How long frames took, for people and for tests. */
export class FrameMeter {
  readonly #times = new Float64Array(FRAMES_KEPT);
  #count = 0;

  add(ms: number): void {
    this.#times[this.#count % FRAMES_KEPT] = ms;
    this.#count += 1;
  }

  /** The time that this share of the last frames did not exceed: 0.5 is the median, 1 the slowest. */
  quantile(share: number): number {
    const times = this.#times.slice(0, Math.min(this.#count, FRAMES_KEPT)).sort();
    return times[Math.max(0, Math.ceil(share * times.length) - 1)] ?? 0;
  }
}

export class FrameLoop {
  readonly meter = new FrameMeter();
  readonly #paint: (nowMs: number) => void;

  constructor(paint: (nowMs: number) => void) {
    this.#paint = paint;
  }

  start(): void {
    const frame = (): void => {
      requestAnimationFrame(frame);
      const startMs = performance.now();
      this.#paint(startMs);
      // Charts draw in a microtask; this one comes after theirs.
      queueMicrotask(() => this.meter.add(performance.now() - startMs));
    };
    requestAnimationFrame(frame);
  }
}
