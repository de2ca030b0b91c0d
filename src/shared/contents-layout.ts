/**
 * The contents memory of a threaded session, in bytes: what requests move between files and threads.
 *
 *     0                     cache slots, then the superblock's staging: the engine's `BlockMemory`
 *     rawStart              a piece a disk, for plain reads and writes of opening, growth and check
 *     landingStart          a piece a client: where what it misses arrives, a block a cell, disk after disk
 *     stageStart            blocks that the page writes, a block a cell (`stage`)
 *
 * Misses land in the client's own piece and not in a cache slot, so that nobody has to keep a slot for a client that
 * may be slow, or dead. The disk worker copies a verified block into a slot it was lent as well.
 */
import { assert } from '../base/assert.ts';
import { DISKS_MAX } from '../format/geometry.ts';
import { CLIENTS_MAX, MAILBOX_CELLS_MAX, PAGE_CLIENT } from './control-layout.ts';

/** Of one plain read or write; longer ones are done piece by piece. */
export const RAW_BYTES = 128 * 1024;
/** Most pages share their store with nobody, so the page has more room than the others, who may not be there. */
const PAGE_LANDING_BYTES = 2 ** 20;
/** One of the largest blocks from each of the most disks. */
const OTHERS_LANDING_BYTES = 2 ** 19;
const LANDING_BYTES = PAGE_LANDING_BYTES + (CLIENTS_MAX - 1) * OTHERS_LANDING_BYTES;
/** Blocks that the page has written and the store worker has not taken yet. */
export const STAGE_BYTES = 2 * 2 ** 20;
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

/** Cells of a client's mailboxes that have room to land: at least one, for the largest blocks on the most disks. */
export function mailboxCells(
  geometry: { blockBytes: number; diskCount: number },
  client: number,
): number {
  const bytes = client === PAGE_CLIENT ? PAGE_LANDING_BYTES : OTHERS_LANDING_BYTES;
  const bytesPerDisk = bytes / geometry.diskCount;
  return Math.min(MAILBOX_CELLS_MAX, Math.floor(bytesPerDisk / geometry.blockBytes));
}

export function landingOffset(
  layout: ContentsLayout,
  geometry: { blockBytes: number; diskCount: number },
  place: { client: number; disk: number; cell: number },
): number {
  const { client, disk, cell } = place;
  const cells = mailboxCells(geometry, client);
  assert(cell < cells, 'a cell of a mailbox has room to land');
  const before =
    client === PAGE_CLIENT ? 0 : PAGE_LANDING_BYTES + (client - 1) * OTHERS_LANDING_BYTES;
  return layout.landingStart + before + (disk * cells + cell) * geometry.blockBytes;
}
