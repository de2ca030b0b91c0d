/**
 * The control memory of a threaded session: which Int32 word means what, for all threads. One buffer, laid out when
 * the session starts, before anything is known of the store; what depends on the store's geometry has room for the
 * worst case and is told apart by the words of the *session page*.
 *
 *     session page        what the store's geometry is, and whether the session has ended
 *     doorbells           one of the store worker, one a disk, one a client; a cache line each
 *     epochs              the global epoch, and a word a client (`epoch/epochs`)
 *     published state     in two copies: publication, generation, health, roots (`published-state`)
 *     disk pages          progress, counters, and the texts of faults (`disk-page`)
 *     request rings       store worker → disk worker, one a disk
 *     completion rings    disk worker → store worker, one a disk
 *     mailboxes           client → disk worker, one a pair
 *     cache               index and slot headers (`cache-layout`)
 *
 * Contents lie in a second buffer, see `contents-layout`.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import { DISKS_MAX } from '../format/geometry.ts';
import { cacheLayout } from './cache-layout.ts';
import { DISK_PAGE_WORDS } from './disk-page.ts';
import { mailboxWords } from './mailbox.ts';
import { LINE_WORDS, type RingLayout, ringWords } from './ring.ts';

/** Threads that read a store besides its own workers: the page, and those that it was shared with. */
export const CLIENTS_MAX = 8;
/** The page's place among them: who opened the store. */
export const PAGE_CLIENT = 0;
/** The store worker's own place among the readers, for exports and checks. */
export const STORE_CLIENT = CLIENTS_MAX;
/** Requests of one client that may be on their way to one disk. Landing room may allow fewer. */
export const MAILBOX_CELLS_MAX = 128;

export const REQUEST_CELLS = 1024;
export const REQUEST_WORDS = 16;
export const COMPLETION_CELLS = 1024;
export const COMPLETION_WORDS = 16;

/** Offsets in the session page. */
export const SESSION = {
  blockBytes: 0,
  slotCount: 1,
  diskCount: 2,
  /** Cells of the page's mailboxes that have landing room; the other clients' have fewer. */
  mailboxCells: 3,
  /** Not 0: the session has ended, whoever waits gives up. Set once, with all doorbells rung. */
  ended: 4,
  /** Not 0: the files are not found under their names any more. */
  filesGone: 5,
  /** Counts blocks of the page's that were taken from the stage, see `stage`. */
  stagedTaken: 6,
} as const;
const SESSION_WORDS = LINE_WORDS;

export const PUBLISHED_WORDS = 2048;

export interface ControlLayout {
  readonly session: number;
  readonly storeBell: number;
  /** Not 0: the store's thread is blocked until any completion comes, or is about to be. */
  readonly storeWaits: number;
  diskBell(disk: number): number;
  clientBell(client: number): number;
  /** The global epoch. */
  readonly epoch: number;
  /** Clients that have a word for their epoch: `STORE_CLIENT` included. */
  readonly clientCount: number;
  /** The epoch that a client has pinned. */
  clientEpoch(client: number): number;
  readonly published: number;
  diskPage(disk: number): number;
  requestRing(disk: number): RingLayout;
  completionRing(disk: number): RingLayout;
  mailbox(client: number, disk: number): number;
  /** Where the cache's control memory begins. */
  readonly cache: number;
  readonly wordCount: number;
}

/** @param slotCountMax of the cache, with the smallest blocks that the store may turn out to have. */
export function controlLayout(options: {
  readonly slotCountMax: number;
  readonly blockBytesMin: number;
}): ControlLayout {
  const requests = { cellCount: REQUEST_CELLS, cellWords: REQUEST_WORDS };
  const completions = { cellCount: COMPLETION_CELLS, cellWords: COMPLETION_WORDS };
  const mailboxSize = roundUp(mailboxWords(MAILBOX_CELLS_MAX));
  let next = 0;
  const take = (words: number): number => {
    const start = next;
    next += roundUp(words);
    return start;
  };
  const session = take(SESSION_WORDS);
  const storeBell = take(LINE_WORDS);
  const diskBells = take(DISKS_MAX * LINE_WORDS);
  const clientBells = take(CLIENTS_MAX * LINE_WORDS);
  const epoch = take(LINE_WORDS);
  const clientCount = CLIENTS_MAX + 1;
  const clientEpochs = take(clientCount * LINE_WORDS);
  const published = take(PUBLISHED_WORDS);
  const diskPages = take(DISKS_MAX * DISK_PAGE_WORDS);
  const requestRings = take(DISKS_MAX * roundUp(ringWords(requests)));
  const completionRings = take(DISKS_MAX * roundUp(ringWords(completions)));
  const mailboxes = take(CLIENTS_MAX * DISKS_MAX * mailboxSize);
  const { slotCountMax: slotCount, blockBytesMin: blockBytes } = options;
  const cache = take(cacheLayout({ slotCount, blockBytes }).wordCount);
  return {
    session,
    storeBell,
    storeWaits: storeBell + 1,
    diskBell: (disk) => diskBells + diskOf(disk) * LINE_WORDS,
    clientBell: (client) => clientBells + clientOf(client, CLIENTS_MAX) * LINE_WORDS,
    epoch,
    clientCount,
    clientEpoch: (client) => clientEpochs + clientOf(client, clientCount) * LINE_WORDS,
    published,
    diskPage: (disk) => diskPages + diskOf(disk) * DISK_PAGE_WORDS,
    requestRing: (disk) => ({
      ...requests,
      start: requestRings + diskOf(disk) * roundUp(ringWords(requests)),
    }),
    completionRing: (disk) => ({
      ...completions,
      start: completionRings + diskOf(disk) * roundUp(ringWords(completions)),
    }),
    mailbox: (client, disk) =>
      mailboxes + (clientOf(client, CLIENTS_MAX) * DISKS_MAX + diskOf(disk)) * mailboxSize,
    cache,
    wordCount: next,
  };
}

function diskOf(disk: number): number {
  assert(isCount(disk) && disk < DISKS_MAX, 'a disk has a place in the control memory');
  return disk;
}

function clientOf(client: number, count: number): number {
  assert(isCount(client) && client < count, 'a client has a place in the control memory');
  return client;
}

function roundUp(words: number): number {
  return Math.ceil(words / LINE_WORDS) * LINE_WORDS;
}
