/**
 * The contents memory of a threaded session, in bytes: what requests move between files and threads.
 *
 *     0                     cache slots, then the superblock's staging: the engine's `BlockMemory`
 *     rawStart              a piece a disk, for plain reads and writes of opening, growth and check
 *     landingStart          a piece a client and disk: where what clients miss arrives, a block a cell
 *     stageStart            blocks that the page writes, a block a cell (`stage`)
 *
 * Misses land in the client's own piece and not in a cache slot, so that nobody has to keep a slot for a client that
 * may be slow, or dead. The disk worker copies a verified block into a slot it was lent as well.
 */
import { DISKS_MAX } from '../format/geometry.ts';
import { CLIENTS_MAX, MAILBOX_CELLS_MAX } from './control-layout.ts';

/** Of one plain read or write; longer ones are done piece by piece. */
export const RAW_BYTES = 256 * 1024;
/** Shared among all pairs of a client and a disk. */
const LANDING_BYTES = 8 * 2 ** 20;
/** Blocks that the page has written and the store worker has not taken yet. */
export const STAGE_BYTES = 4 * 2 ** 20;
const BLOCK_BYTES_MAX = 65_536;
const SLOT_BYTES_MAX = 65_536;
/** A cache has a few slots however little was asked for; the store's blocks may be larger than expected. */
const CACHE_BYTES_MIN = 16 * BLOCK_BYTES_MAX;

export interface ContentsLayout {
  readonly rawStart: number;
  readonly landingStart: number;
  readonly stageStart: number;
  readonly byteCount: number;
}

export function contentsLayout(cacheBytes: number): ContentsLayout {
  const slots = Math.ceil(Math.max(cacheBytes, CACHE_BYTES_MIN) / BLOCK_BYTES_MAX);
  const rawStart = slots * BLOCK_BYTES_MAX + SLOT_BYTES_MAX;
  const landingStart = rawStart + DISKS_MAX * RAW_BYTES;
  const stageStart = landingStart + LANDING_BYTES;
  return { rawStart, landingStart, stageStart, byteCount: stageStart + STAGE_BYTES };
}

/** Cells of a mailbox that have room to land: at least two, for the largest blocks on the most disks. */
export function mailboxCells(geometry: { blockBytes: number; diskCount: number }): number {
  const pairs = CLIENTS_MAX * geometry.diskCount;
  return Math.min(MAILBOX_CELLS_MAX, Math.floor(LANDING_BYTES / (pairs * geometry.blockBytes)));
}

export function landingOffset(
  layout: ContentsLayout,
  geometry: { blockBytes: number; diskCount: number },
  place: { client: number; disk: number; cell: number },
): number {
  const { client, disk, cell } = place;
  const mailbox = client * geometry.diskCount + disk;
  return layout.landingStart + (mailbox * mailboxCells(geometry) + cell) * geometry.blockBytes;
}
