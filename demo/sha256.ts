/**
 * SHA-256 in steps. The state between two steps is plain bytes, so the work can be done in another thread that
 * remembers nothing: hashing costs far more than storing, and would make the page stutter.
 */
import { wrap } from 'comlink';
import { createSHA256 } from 'hash-wasm';
import { OWN_WORKER_PREFIX } from './worker-watch.ts';

/** What one step leaves for the next. */
export type Sha256State = Uint8Array;

export interface Sha256 {
  /** Goes on with `blocks`, after `state`; `undefined` is the start. */
  extend(state: Sha256State | undefined, blocks: readonly Uint8Array[]): Promise<Sha256State>;
  /** In hexadecimal. */
  finish(state: Sha256State | undefined): Promise<string>;
}

/** In this thread. */
export async function sha256Here(): Promise<Sha256> {
  const hasher = await createSHA256();
  const resume = (state: Sha256State | undefined) =>
    state === undefined ? hasher.init() : hasher.load(state);
  return {
    extend: async (state, blocks) => {
      resume(state);
      for (const block of blocks) hasher.update(block);
      return hasher.save();
    },
    finish: async (state) => resume(state).digest(),
  };
}

/** In a worker of its own, for as long as the page lives. */
export function sha256InWorker(): Sha256 {
  // Bundlers find the worker by this very expression.
  const worker = new Worker(new URL('./sha256-worker.ts', import.meta.url), {
    type: 'module',
    name: `${OWN_WORKER_PREFIX}sha256`,
  });
  const remote = wrap<Sha256>(worker);
  // Comlink's calls wait for ever when the worker is dead.
  const died = new Promise<never>((_, reject) => {
    worker.addEventListener('error', () => reject(new Error('The worker for SHA-256 has died.')));
  });
  died.catch(() => undefined);
  return {
    extend: (state, blocks) => Promise.race([remote.extend(state, blocks), died]),
    finish: (state) => Promise.race([remote.finish(state), died]),
  };
}
