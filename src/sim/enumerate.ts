/** Schedules in tests: as many pre-emptions as the run allows, and a line that says how many it was. */
import { quick } from './scale.ts';
import { type Bounds, explore, type Story } from './schedules.ts';

/** Full runs try all schedules with three pre-emptions, quick ones with two. */
const PREEMPTIONS = quick ? 2 : 3;

interface Extent extends Omit<Bounds, 'preemptions'> {
  /** Pre-emptions to do without: stories of three threads have too many schedules. */
  readonly fewer?: number;
}

/**
 * Plays all schedules of a story and prints their number. `atLeast` so many in a full run: a story that is over before
 * anything can happen is noticed.
 */
export function enumerate(name: string, atLeast: number, extent: Extent, start: () => Story): void {
  const before = performance.now();
  const preemptions = PREEMPTIONS - (extent.fewer ?? 0);
  const { schedules, accesses } = explore({ ...extent, preemptions }, start);
  const ms = Math.round(performance.now() - before);
  console.log(
    `${name}: ${schedules} schedules, ${preemptions} pre-emptions, ≤ ${accesses} accesses, ${ms} ms`,
  );
  if (!quick && schedules < atLeast) throw new Error(`only ${schedules} schedules of ${name}`);
}
