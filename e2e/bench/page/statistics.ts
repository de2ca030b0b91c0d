/** What is made of samples. Medians, because a shared machine has hiccups; p99, because users meet them. */

export interface Summary {
  readonly median: number;
  readonly p99: number;
  readonly count: number;
}

/** Undefined without samples: there is no honest number for nothing. */
export function summarize(samples: readonly number[]): Summary | undefined {
  if (samples.length === 0) return undefined;
  const sorted = [...samples].sort((one, other) => one - other);
  return {
    median: (at(sorted, Math.floor((sorted.length - 1) / 2)) + at(sorted, sorted.length >> 1)) / 2,
    p99: at(sorted, Math.ceil(sorted.length * 0.99) - 1),
    count: sorted.length,
  };
}

export function median(samples: readonly number[]): number | undefined {
  return summarize(samples)?.median;
}

/** Undefined when a side is missing or took no measurable time. */
export function ratioOf(numerator: number | undefined, divisor: number | undefined) {
  if (numerator === undefined || divisor === undefined || divisor === 0) return undefined;
  return numerator / divisor;
}

function at(sorted: readonly number[], index: number): number {
  return sorted[index] as number;
}
