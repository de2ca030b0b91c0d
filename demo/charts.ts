/** Charts of the last minute, drawn by uPlot in the page's own colours. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { byId, onColoursChange, styleValue, typeScale } from './dom.ts';
import type { History } from './sampler.ts';

export interface ChartLine {
  /** What it is, for those who do not see it. */
  readonly name: string;
  /** The custom property that has its colour. */
  readonly colour: string;
  /** Filled down to zero. */
  readonly filled?: boolean;
}

export interface ChartOptions {
  readonly lines: readonly ChartLine[];
  /** The scale never ends below this, so that a trickle does not look like a flood. */
  readonly least: number;
  readonly unit: string;
}

const AXIS_FONT_PIXELS = 11;

export class Chart {
  readonly #element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #history: History;
  #plot: uPlot | undefined;
  /** Of the type in it. */
  #scale = 1;

  constructor(id: string, history: History, options: ChartOptions) {
    this.#element = byId(id, HTMLElement);
    this.#element.setAttribute('role', 'img');
    this.#options = options;
    this.#history = history;
    new ResizeObserver(() => this.#resize()).observe(this.#element);
    onColoursChange(() => this.#remake());
    this.#describe();
  }

  /** The history has changed. */
  show(): void {
    this.#plot?.setData(this.#data());
    this.#describe();
  }

  #data(): uPlot.AlignedData {
    return [this.#history.times, ...this.#history.lines];
  }

  #describe(): void {
    const { lines, unit } = this.#options;
    const parts = lines.map(({ name }, n) => {
      const value = this.#history.last(n);
      return `${name} ${value.toFixed(value < 10 ? 1 : 0)}`;
    });
    this.#element.setAttribute('aria-label', `Now: ${parts.join(', ')} ${unit}`);
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#element;
    if (width === 0) return;
    if (this.#plot === undefined || this.#scale !== typeScale()) this.#remake();
    else this.#plot.setSize({ width, height });
  }

  #remake(): void {
    this.#plot?.destroy();
    this.#scale = typeScale();
    const { clientWidth: width, clientHeight: height } = this.#element;
    this.#plot = new uPlot(this.#plotOptions(width, height), this.#data(), this.#element);
  }

  #plotOptions(width: number, height: number): uPlot.Options {
    const { lines, least } = this.#options;
    const scale = this.#scale;
    const ink = styleValue('--ink-soft');
    const grid = styleValue('--grid');
    const axis: uPlot.Axis = {
      stroke: ink,
      font: `${AXIS_FONT_PIXELS * scale}px system-ui, sans-serif`,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height,
      padding: [6, 14 * scale, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-60, 0] },
        y: { range: (_plot, _min, max) => [0, Math.max(least, max * 1.08)] },
      },
      axes: [
        {
          ...axis,
          size: 22 * scale,
          gap: 5 * scale,
          grid: { show: false },
          splits: [-60, -45, -30, -15, 0],
          values: seconds,
        },
        { ...axis, size: 38 * scale, gap: 4 * scale, space: yTickSpace },
      ],
      series: [
        {},
        ...lines.map(({ colour, filled }) => ({
          stroke: styleValue(colour),
          ...(filled === true ? { fill: `${styleValue(colour)}40` } : {}),
          width: 1.5 * scale,
          points: { show: false },
        })),
      ],
    };
  }
}

/** Half a dozen ticks, fewer in a low chart. */
function yTickSpace(_plot: uPlot, _axis: number, _min: number, _max: number, pixels: number) {
  return Math.max(28, pixels / 6);
}

function seconds(_plot: uPlot, splits: number[]): string[] {
  return splits.map((value) => (value === 0 ? 'now' : value === -60 ? '' : `${value} s`));
}
