/**
 * All that the main thread needs of the browser, in one place: tests in Node bring their own. Nothing here is touched
 * before it is asked for, so importing the library is harmless anywhere.
 */
import { unreachable } from '../base/assert.ts';
import { StoreError } from '../base/errors.ts';
import { type Catalogue, indexedDbCatalogue } from './catalogue.ts';
import type { WorkerLike } from './connection.ts';
import { environmentFlaw, sharesMemory } from './environment-flaw.ts';
import type { Locks } from './locks.ts';
import type { WorkerRole, WorkerSource } from './options.ts';

export interface Environment {
  readonly cores: number;
  /** Threads may share memory here, and wait on it without blocking: the `threaded` profile is possible. */
  readonly sharesMemory: boolean;
  readonly locks: Locks;
  readonly catalogue: Catalogue;
  startWorker(role: WorkerRole, store: string, source: WorkerSource | undefined): WorkerLike;
  /** The page goes away, or into the back/forward cache. Returns how to stop listening. */
  onPageHide(listener: () => void): () => void;
  /** The page can no longer be seen, and may never be again. Returns how to stop listening. */
  onHidden(listener: () => void): () => void;
  /** The page can be seen: its timers and threads get all the time that there is. */
  inForeground(): boolean;
  uniqueId(): string;
}

let catalogue: Catalogue | undefined;

/** @throws StoreError UNSUPPORTED, saying what is missing */
export function browserEnvironment(): Environment {
  const flaw = environmentFlaw();
  if (flaw !== undefined) throw new StoreError('UNSUPPORTED', flaw);
  catalogue ??= indexedDbCatalogue();
  return {
    cores: navigator.hardwareConcurrency || 1,
    sharesMemory: sharesMemory(),
    locks: navigator.locks,
    catalogue,
    startWorker,
    onPageHide: (listener) => listenTo(globalThis, 'pagehide', listener),
    onHidden: (listener) => {
      if (typeof document === 'undefined') return () => {};
      return listenTo(document, 'visibilitychange', () => {
        if (document.visibilityState === 'hidden') listener();
      });
    },
    inForeground: () => typeof document === 'undefined' || document.visibilityState === 'visible',
    uniqueId: () => crypto.randomUUID(),
  };
}

function listenTo(target: EventTarget, type: string, listener: () => void): () => void {
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}

/** Which worker is which shows in their names only; a script given by its address hears it from the first message. */
function startWorker(
  role: WorkerRole,
  store: string,
  source: WorkerSource | undefined,
): WorkerLike {
  const name = `opfs-blocks ${role} ${store}`;
  if (typeof source === 'function') return source(role);
  if (source !== undefined) return new Worker(source, { type: 'module', name });
  return startOwnWorker(role, name);
}

/** Bundlers find the workers by these very expressions. */
function startOwnWorker(role: WorkerRole, name: string): Worker {
  switch (role) {
    case 'inline':
      return new Worker(new URL('../../workers/inline.ts', import.meta.url), {
        type: 'module',
        name,
      });
    case 'store':
      return new Worker(new URL('../../workers/store.ts', import.meta.url), {
        type: 'module',
        name,
      });
    case 'disk':
      return new Worker(new URL('../../workers/disk.ts', import.meta.url), {
        type: 'module',
        name,
      });
    default:
      return unreachable(role);
  }
}
