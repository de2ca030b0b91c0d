/**
 * How much of the random and enumerated tests is run. `npm run test:quick` sets OPFS_BLOCKS_QUICK and tries a share
 * of
 * it, for every commit; `npm test` tries all.
 */
const QUICK_SHARE = 0.2;

export const quick = process.env['OPFS_BLOCKS_QUICK'] !== undefined;

/** `count` in a full run, a fifth of it in a quick one, at least 1. */
export function scaled(count: number): number {
  return quick ? Math.max(1, Math.ceil(count * QUICK_SHARE)) : count;
}
