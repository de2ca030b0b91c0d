/** The throughput panel: the meter's numbers, drawn while something moves. */
import { byId, setText } from './dom.ts';
import { Meter, SAMPLE_MS } from './meter.ts';
import { bytesText, timeText } from './text.ts';

const CHART_HEIGHT = 40;
/** The chart's scale never shows less than this, in bytes per second, so that a trickle does not look like a flood. */
const CHART_MIN = 10_000_000;

export interface Job {
  /** Bytes so far. */
  moveTo(bytes: number): void;
  finish(): void;
}

export class Throughput {
  readonly #meter = new Meter();
  readonly #rate = byId('rate', HTMLElement);
  readonly #area = byId('chart-area', SVGPathElement);
  readonly #lastJob = byId('last-job', HTMLElement);

  constructor() {
    setInterval(() => this.#draw(), SAMPLE_MS);
  }

  /** A job that moves bytes: tell it each time how far it is, and at the end that it ended. */
  start(what: string): Job {
    const startMs = performance.now();
    let moved = 0;
    return {
      moveTo: (bytes) => {
        this.#meter.add(bytes - moved, performance.now());
        moved = bytes;
      },
      finish: () => {
        const ms = performance.now() - startMs;
        const rate = bytesText((moved * 1000) / Math.max(ms, 1));
        setText(this.#lastJob, `${bytesText(moved)} in ${timeText(ms)}, ${rate}/s: ${what}`);
      },
    };
  }

  #draw(): void {
    if (document.hidden) return;
    const now = performance.now();
    setText(this.#rate, (this.#meter.rate(now) / 1e6).toFixed(0));
    const history = this.#meter.history(now);
    const top = Math.max(CHART_MIN, ...history);
    let path = `M0 ${CHART_HEIGHT}`;
    history.forEach((rate, n) => {
      const y = (CHART_HEIGHT * (1 - rate / top)).toFixed(2);
      path += `V${y}H${n + 1}`;
    });
    path += `V${CHART_HEIGHT}H0Z`;
    if (this.#area.getAttribute('d') !== path) this.#area.setAttribute('d', path);
  }
}
