/**
 * How much of the random and enumerated tests is run. `npm run test:quick` sets OPFS_BLOCKS_QUICK and tries a share of
 * it, in a minute, for every commit; `npm test` tries all.
 */
import { profileHere } from './profile.ts';

const QUICK_SHARE = 0.03;
/** With disks in threads a try takes three times as long, and finds what is wrong between threads only. */
const THREADS_SHARE = 1 / 3;

export const quick = process.env['OPFS_BLOCKS_QUICK'] !== undefined;

/** `count` random tries in a full run in place; a share in a quick run, and with disks in threads. At least 1. */
export function scaled(count: number): number {
  const share = (quick ? QUICK_SHARE : 1) * (profileHere === 'threads' ? THREADS_SHARE : 1);
  return Math.max(1, Math.ceil(count * share));
}

/** From one step of an enumeration to the next: 1 in a full run, `quickStride` in a quick one. */
export function stride(quickStride: number): number {
  return quick ? quickStride : 1;
}

/** All of the cases in a full run, the first and every `quickStride`-th after it in a quick one. */
export function someOf<Case>(cases: readonly Case[], quickStride: number): readonly Case[] {
  return cases.filter((_, n) => n % stride(quickStride) === 0);
}
