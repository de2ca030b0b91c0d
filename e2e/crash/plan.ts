/** What the kill loop asks of the page, and what the page tells the ledger: all of it plain data. */
import type { Segment } from './tree.ts';

/** Where in a store's life a kill is to fall. */
export type KillMoment = 'work' | 'creation' | 'recovery' | 'compaction';
/** `trace` is for the recording of system calls: nothing falls. */
export type Moment = KillMoment | 'trace';

/** Handed to the page in its address. */
export interface Plan {
  readonly ledgerUrl: string;
  readonly store: string;
  readonly seed: number;
  readonly cycle: number;
  readonly moment: Moment;
  readonly segments: readonly Segment[];
  /** For a recording: how many states to make. */
  readonly states?: number;
  /** A store whose creation was killed. It must be there and sound, or not be there at all. */
  readonly halfCreated?: string;
}

/** The address of a page that is handed a plan. */
export function addressWith(plan: Plan, pageUrl: string): string {
  return `${pageUrl}#${encodeURIComponent(JSON.stringify(plan))}`;
}

/** The plan in a page's own address. */
export function planIn({ hash }: { readonly hash: string }): Plan {
  return JSON.parse(decodeURIComponent(hash.slice(1))) as Plan;
}

/** Small enough that the log compacts and the store grows within a few seconds. */
export const STORE_OPTIONS = {
  blockSize: 4096,
  disks: 2,
  arenaBytes: 2 ** 20,
  maxBytes: 2 ** 22,
  cacheBytes: 2 ** 18,
} as const;

/** Sent to the ledger, and answered only when it is on the disk. */
export type LedgerEntry =
  | { readonly kind: 'opening' }
  | RecoveredEntry
  /** `acked` is certainly durable: its transaction resolved as strict. `submitted` is about to begin. */
  | { readonly kind: 'step'; readonly acked: number; readonly submitted: number }
  | { readonly kind: 'compacting' }
  | { readonly kind: 'creating' }
  | { readonly kind: 'created' }
  /** The store whose creation was killed, opened again. */
  | { readonly kind: 'half-created'; readonly created: boolean; readonly problems: string[] }
  | { readonly kind: 'traced'; readonly asked: readonly AskedOperation[] }
  | { readonly kind: 'failed'; readonly message: string };

/** What the engine asked of a file handle, as its worker saw it. */
export interface AskedOperation {
  readonly kind: 'write' | 'resize' | 'flush';
  /** `disk-0`. */
  readonly file: string;
  readonly offset: number;
  /** Of a write; for `resize`, the new length. */
  readonly byteCount: number;
}

/** Written into a file beside the store's, so that promises stand in the record of system calls, in order. */
export const MARK_PREFIX = 'opfs-blocks mark: ';
/** The channel on which the recording worker is asked for its record. */
export const ASKED_CHANNEL = 'opfs-blocks asked operations';

export interface RecoveredEntry {
  readonly kind: 'recovered';
  readonly state: number;
  readonly generation: number;
  readonly rolledBack: number;
  /** What is wrong, in words: nothing, in a good world. */
  readonly problems: string[];
}
