/** Schedules in tests: as many pre-emptions as the run allows, and a line that says how many it was. */
import { quick } from './scale.ts';
import { type Bounds, explore, type Story } from './schedules.ts';

/** Full runs try all schedules with three pre-emptions, quick ones with two. */
export const PREEMPTIONS = quick ? 2 : 3;

/**
 * Plays all schedules of a story and prints their number. `atLeast` so many with three pre-emptions: a story that is
 * over before anything can happen is noticed.
 */
export function enumerate(
  name: string,
  atLeast: number,
  bounds: Partial<Bounds>,
  start: () => Story,
): void {
  const before = performance.now();
  const preemptions = bounds.preemptions ?? PREEMPTIONS;
  const { schedules, accesses } = explore({ ...bounds, preemptions }, start);
  const ms = Math.round(performance.now() - before);
  console.log(
    `${name}: ${schedules} schedules, ${preemptions} pre-emptions, ≤ ${accesses} accesses, ${ms} ms`,
  );
  if (!quick && schedules < atLeast) throw new Error(`only ${schedules} schedules of ${name}`);
}
