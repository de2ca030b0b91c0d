/**
 * What the browser gives to a dedicated worker that runs an engine itself. Nothing is touched before it is asked for.
 */
import { StoreError } from '../base/errors.ts';
import { type Catalogue, indexedDbCatalogue } from './catalogue.ts';
import { workerFlaw } from './environment-flaw.ts';
import type { WorkerEnvironment } from './open-sync-store.ts';
import { opfsDirectory } from './opfs-directory.ts';

let catalogue: Catalogue | undefined;

/** @throws StoreError UNSUPPORTED, saying what is missing */
export function workerEnvironment(): WorkerEnvironment {
  const flaw = workerFlaw();
  if (flaw !== undefined) throw new StoreError('UNSUPPORTED', flaw);
  catalogue ??= indexedDbCatalogue();
  return {
    cores: navigator.hardwareConcurrency || 1,
    locks: navigator.locks,
    catalogue,
    profile: 'inline',
    openDirectory: opfsDirectory,
  };
}
