/**
 * How a store's files are reached in tests: in place, or each in a disk's thread (`stepped-threads`). The same suites
 * run in both: `OPFS_BLOCKS_PROFILE=threads npx vitest run src/store`, and see `vitest.config.ts`.
 */
export const PROFILES = ['inline', 'threads'] as const;
export type Profile = (typeof PROFILES)[number];

export const profileHere: Profile =
  process.env['OPFS_BLOCKS_PROFILE'] === 'threads' ? 'threads' : 'inline';
