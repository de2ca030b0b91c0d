/**
 * What the browser gives to a dedicated worker that runs an engine itself. Nothing is touched before it is asked for.
 */
import { StoreError } from '../base/errors.ts';
import { type Catalogue, indexedDbCatalogue } from './catalogue.ts';
import type { WorkerLike } from './connection.ts';
import { sharesMemory, workerFlaw } from './environment-flaw.ts';
import type { WorkerEnvironment } from './open-sync-store.ts';
import { opfsDirectory } from './opfs-directory.ts';
import type { WorkerRole, WorkerSource } from './options.ts';

let catalogue: Catalogue | undefined;

/** @throws StoreError UNSUPPORTED, saying what is missing */
export function workerEnvironment(): WorkerEnvironment {
  const flaw = workerFlaw();
  if (flaw !== undefined) throw new StoreError('UNSUPPORTED', flaw);
  catalogue ??= indexedDbCatalogue();
  return {
    cores: navigator.hardwareConcurrency || 1,
    sharesMemory: sharesMemory(),
    locks: navigator.locks,
    catalogue,
    uniqueId: () => crypto.randomUUID(),
    startWorker: startDiskWorker,
    openDirectory: opfsDirectory,
  };
}

/** The only workers that this one starts. Bundlers find them by this very expression. */
function startDiskWorker(
  role: WorkerRole,
  store: string,
  source: WorkerSource | undefined,
): WorkerLike {
  const name = `opfs-blocks ${role} ${store}`;
  if (typeof source === 'function') return source(role);
  if (source !== undefined) return new Worker(source, { type: 'module', name });
  return new Worker(new URL('../../workers/disk.ts', import.meta.url), { type: 'module', name });
}
