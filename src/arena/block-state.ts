/**
 * What the allocator knows of each block, a byte a block. The low three bits are the public state; the flags above them
 * mark an allocation that no frozen commit has logged yet, and one that no ended transaction has published.
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
/**
 * Taken by a transaction that is still open, or granted and not used yet. Nobody but that transaction may name the
 * block: what lies at its address may still be the block that was there before, and match a pointer to that.
 */
export const UNPUBLISHED = 0x10;

/**
 * Where an arena's bytes live: gives room for `count` blocks that begins with `before` and goes on free. With shared
 * memory the room is always the same, and other threads look at it.
 */
export type StatesRoom = (arena: number, count: number, before: Uint8Array) => Uint8Array;

export function unsharedStates(_arena: number, count: number, before: Uint8Array): Uint8Array {
  const states = new Uint8Array(count);
  states.set(before);
  return states;
}
