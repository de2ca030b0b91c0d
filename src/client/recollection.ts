/**
 * What the catalogue remembers of a store, held against what is found: a store that was here once and is gone is said
 * to be evicted, never created anew in silence.
 */
import { StoreError } from '../base/errors.ts';
import type { Recovery } from '../store/report.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { OpenedStore } from '../store/verbs.ts';
import { type Catalogue, type CatalogueEntry, type CatalogueStatus, hexOf } from './catalogue.ts';

export interface Memory {
  readonly entry: CatalogueEntry | undefined;
  readonly status: CatalogueStatus;
}

/** What the catalogue remembers; without a catalogue the store opens all the same, and says so. */
export async function recall(catalogue: Catalogue, store: string): Promise<Memory> {
  try {
    return { entry: await catalogue.recall(store), status: 'ok' };
  } catch {
    return { entry: undefined, status: 'unavailable' };
  }
}

/** A store that was here once is never created anew in silence. */
export function settingsFor(
  settings: StoreSettings,
  entry: CatalogueEntry | undefined,
): StoreSettings {
  return entry === undefined ? settings : { ...settings, create: false };
}

export function evictedError(store: string): StoreError {
  return new StoreError(
    'EVICTED',
    `The files of the store '${store}' are gone: the browser or the user has removed them. ` +
      'Call deleteStore to accept the loss; then create it anew, or import a backup.',
    { coordinates: { store } },
  );
}

/** For the error that opening a store came to: one that is remembered and not found was removed. */
export function errorOfOpening(error: StoreError, store: string, { entry }: Memory): StoreError {
  return entry !== undefined && error.code === 'NOT_FOUND' ? evictedError(store) : error;
}

export function assertSameStore(
  name: string,
  opened: OpenedStore,
  entry: CatalogueEntry | undefined,
): void {
  if (entry === undefined || entry.storeId === hexOf(opened.storeId)) return;
  throw new StoreError(
    'EVICTED',
    `The store '${name}' is not the one that was here before: its files were removed, and others stand in their ` +
      'place. Call deleteStore to accept the loss; that removes these files too.',
    {
      coordinates: { store: name, expected: entry.storeId, actual: hexOf(opened.storeId) },
    },
  );
}

export function withExpectation(recovery: Recovery, entry: CatalogueEntry | undefined): Recovery {
  if (entry === undefined || entry.generation <= recovery.generation) return recovery;
  return { ...recovery, expectedGeneration: entry.generation };
}
