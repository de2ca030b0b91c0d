/**
 * How much of the random and enumerated tests is run. `npm run test:quick` sets OPFS_BLOCKS_QUICK and tries a share of
 * it, in a minute, for every commit; `npm test` tries all.
 */
const QUICK_SHARE = 0.03;

export const quick = process.env['OPFS_BLOCKS_QUICK'] !== undefined;

/** `count` random tries in a full run, three in a hundred of them in a quick one, at least 1. */
export function scaled(count: number): number {
  return quick ? Math.max(1, Math.ceil(count * QUICK_SHARE)) : count;
}

/** From one step of an enumeration to the next: 1 in a full run, `quickStride` in a quick one. */
export function stride(quickStride: number): number {
  return quick ? quickStride : 1;
}

/** All of the cases in a full run, the first and every `quickStride`-th after it in a quick one. */
export function someOf<Case>(cases: readonly Case[], quickStride: number): readonly Case[] {
  return cases.filter((_, n) => n % stride(quickStride) === 0);
}
