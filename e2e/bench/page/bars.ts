/** The bars of the project: ratios between two sides of one group, or figures with a limit. */
import type { Profile } from '../../../src/index.ts';
import type { Measurement } from './measure.ts';
import { ratioOf, summarize } from './statistics.ts';

/** A ratio of times an operation, with its limit. */
export interface Bar {
  readonly row: string;
  readonly text: string;
  /** Names of sides. */
  readonly ours: string;
  readonly reference: string;
  /** Limit of ours ÷ reference: how many times as long we may take. */
  readonly atMost?: number;
  /** Limit of reference ÷ ours: how many times as fast we must be. */
  readonly atLeast?: number;
  /** The profiles it is a promise for; `threaded` when left out. Elsewhere the ratio is shown, not judged. */
  readonly profiles?: readonly Profile[];
}

export interface Verdict {
  readonly row: string;
  readonly bar: string;
  /** The figure as it is shown, `–` when it could not be measured. */
  readonly text: string;
  readonly value: number | undefined;
  /** Undefined when there is nothing to judge. */
  readonly met: boolean | undefined;
}

export const NOT_MEASURED = '–';
const SAMPLES_ENOUGH = 10;

export function judge(bar: Bar, measurements: readonly Measurement[], profile: Profile): Verdict {
  const summaryOf = (name: string) =>
    summarize(measurements.find((measured) => measured.name === name)?.samples ?? []);
  const [own, other] = [summaryOf(bar.ours), summaryOf(bar.reference)];
  const [ours, reference] = [own?.median, other?.median];
  const sampleCount = Math.min(own?.count ?? 0, other?.count ?? 0);
  const wantsSpeed = bar.atLeast !== undefined;
  const value = wantsSpeed ? ratioOf(reference, ours) : ratioOf(ours, reference);
  const binding = (bar.profiles ?? ['threaded']).includes(profile);
  return {
    row: bar.row,
    bar: bar.text,
    value,
    text: value === undefined ? NOT_MEASURED : ratioText(value, sampleCount),
    met: binding && value !== undefined ? isWithin(value, bar) : undefined,
  };
}

/** A ratio of few samples says so: on a busy machine it may be anything. */
function ratioText(value: number, sampleCount: number): string {
  const few = sampleCount < SAMPLES_ENOUGH ? ` (${sampleCount} samples)` : '';
  return `${value.toFixed(2)} ×${few}`;
}

/** A figure that has a limit of its own. */
export function judgeFigure(figure: {
  readonly row: string;
  readonly bar: string;
  readonly value: number;
  readonly text: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}): Verdict {
  const { row, bar, value, text } = figure;
  return { row, bar, value, text, met: isWithin(value, figure) };
}

function isWithin(
  value: number,
  limits: { readonly atMost?: number; readonly atLeast?: number },
): boolean {
  return value <= (limits.atMost ?? Infinity) && value >= (limits.atLeast ?? -Infinity);
}
