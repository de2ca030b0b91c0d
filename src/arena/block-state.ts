/**
 * What the allocator knows of each block, a byte a block. The low three bits are the public state; the flag above
 * them
 * marks an allocation that no frozen commit has logged yet.
 */
export const STATE = {
  free: 0,
  data: 1,
  metadata: 2,
  log: 3,
  pending: 5,
} as const;

export const STATE_MASK = 0x07;
/** Allocated by a transaction that no commit has frozen: as far as the log knows, the block is free. */
export const UNLOGGED = 0x08;
