/**
 * What every session says of itself, whether it is driven by promises (`session`) or by waiting (`sync-session`): its
 * state, what opening found, its errors, and when space runs short.
 */
import { StoreError } from '../base/errors.ts';
import type { Engine } from './engine.ts';
import type { Health } from './report.ts';
import type { OpenedFiles } from './session-files.ts';
import type { OpenedEngine } from './store-files.ts';
import type { OpenedStore, PressureEvent, PublishedState } from './verbs.ts';

/** A relaxed transaction is committed after this time at the latest, in milliseconds. */
export const RELAXED_WAIT_MS = 100;
/** Commits that let pending frees come of age before FULL or QUOTA is answered. */
export const RECLAIM_COMMITS_MAX = 3;

/**
 * Whether empty commits would bring space back (I9), or show that it is readers who hold it. Rolled-back blocks count
 * from the start: without a thread of its own a disk looks at what is queued only when a fence asks for it.
 */
export function commitsMayHelp({ reclaimable, io }: Pick<Engine, 'reclaimable' | 'io'>): boolean {
  return reclaimable || io.discarding;
}

/** Blocks that a check looks at between two reports of its progress. */
export const CHECK_SLICE_BLOCKS = 256;

export function publishedState(engine: Engine, isClosed: boolean): PublishedState {
  return {
    publication: engine.publication,
    generation: engine.durableGeneration,
    roots: [...engine.roots],
    health: isClosed ? 'closed' : engine.health,
    ...(engine.reason === '' ? {} : { reason: engine.reason }),
  };
}

/** @param startedMs when opening began, by `performance.now()`. */
export function openedStore(
  files: OpenedFiles,
  opening: OpenedEngine,
  startedMs: number,
): OpenedStore {
  const { label } = files;
  const { recovered, engine } = opening;
  return {
    storeId: label.storeId,
    blockBytes: label.geometry.blockBytes,
    arenaBytes: label.geometry.arenaBytes,
    diskCount: label.geometry.diskCount,
    recovery: {
      created: files.created,
      generation: recovered.superblock.generation,
      rejected: recovered.rejected,
      rolledBack: recovered.rejected.length,
      damagedBlocks: recovered.damaged,
      verifiedBytes: recovered.verifiedBytes,
      unverifiedBytes: recovered.unverifiedBytes,
      recordsReplayed: recovered.recordsReplayed,
      openMs: performance.now() - startedMs,
    },
    state: publishedState(engine, false),
  };
}

/** `failure` is why there was no room, after all that could be done about it. */
export function pressureOf(engine: Engine, failure: StoreError): PressureEvent {
  const { blockBytes } = engine;
  const held = engine.heldByReadersBlocks;
  const refused = failure.code === 'QUOTA' ? 'quota' : 'full';
  return {
    kind: held > 0 ? 'readers' : refused,
    heldByReadersBytes: held * blockBytes,
    freeBytes: engine.arenas.availableBlocks * blockBytes,
  };
}

export function closedError(): StoreError {
  return new StoreError('CLOSED', 'The store is closed: open it again.');
}

export function readOnlyError(): StoreError {
  return new StoreError('READ_ONLY', 'The store was opened with readOnly: open it without.');
}

/** For whoever waits for a commit that will never be acknowledged. */
export function notSavedError(health: Health, reason: string): StoreError {
  return new StoreError(
    health === 'evicted' ? 'EVICTED' : 'POISONED',
    `${reason} Whether this transaction was saved is not known: open the store again and look.`,
    { maybeApplied: true },
  );
}

/** A layer could not write its nodes. What has ended stays visible, and the next commit tries again. */
export function refusedError({ code, message, coordinates }: StoreError): StoreError {
  return new StoreError(code, message, { coordinates, maybeApplied: true });
}
