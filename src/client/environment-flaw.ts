/** What a browser lacks for a store, said before anything is tried. */
import { fileSystemFlaw } from '../device/opfs.ts';
import { canWaitAsync } from '../shared/atomics.ts';

/** What is missing for a store, as a sentence that says what to do, or `undefined`. */
export function environmentFlaw(): string | undefined {
  if (typeof navigator === 'undefined' || typeof Worker === 'undefined') {
    return 'There is no browser here: open stores on a page, or use opfs-blocks/testing elsewhere.';
  }
  if (globalThis.isSecureContext === false) {
    return 'The page is not a secure context: serve it over https, or from localhost.';
  }
  const flaw = fileSystemFlaw();
  if (flaw === undefined && navigator.locks === undefined) {
    return 'This browser has no Web Locks: use a browser of 2022 or later.';
  }
  return flaw;
}

/** As `environmentFlaw`, for the thread that is to run the engine itself. */
export function workerFlaw(): string | undefined {
  if (typeof document !== 'undefined') {
    return 'opfs-blocks/worker works in dedicated workers only: on a page, call openStore of opfs-blocks.';
  }
  if (typeof navigator !== 'undefined' && !('DedicatedWorkerGlobalScope' in globalThis)) {
    return (
      'This worker is shared, or a service worker, and those have no files of their own: ' +
      'open the store in a dedicated worker.'
    );
  }
  return environmentFlaw();
}

/** Cross-origin isolated, in a browser that has all of it: else the `inline` profile, with the same files. */
export function sharesMemory(): boolean {
  return (
    globalThis.crossOriginIsolated === true &&
    typeof SharedArrayBuffer !== 'undefined' &&
    canWaitAsync()
  );
}
