/** A store over memory files, driven synchronously: what the engine's own tests stand on. */
import { StoreError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import { MemoryDirectory } from '../device/memory-handle.ts';
import type { Geometry } from '../format/geometry.ts';
import { createHasher, type Hasher } from '../format/hasher.ts';
import type { Pointer } from '../format/pointer.ts';
import type { Engine } from '../store/engine.ts';
import type { Layer } from '../store/layer.ts';
import {
  createFiles,
  type EngineSettings,
  inlineDisks,
  inspectFiles,
  type OpenedEngine,
  openEngine,
} from '../store/store-files.ts';
import type { Transaction } from '../store/transaction.ts';
import { type Profile, profileHere } from './profile.ts';
import { SteppedStore } from './stepped-store.ts';
import type { Chance } from './stepped-threads.ts';

/** Limits are hit within a few dozen operations. */
export const TINY_GEOMETRY: Geometry = {
  blockBytes: 512,
  sectorBytes: 512,
  slotBytes: 4096,
  diskCount: 2,
  arenaBytes: 128 * 512,
};

export const hasher: Hasher = await createHasher();

export interface MemoryStoreOptions {
  readonly geometry?: Geometry;
  readonly cacheBytes?: number;
  readonly maxBytes?: number;
  readonly readOnly?: boolean;
  readonly directory?: MemoryDirectory;
  readonly layers?: readonly Layer[];
  /** Wraps each device, to inject faults. */
  readonly wrap?: (device: Device) => Device;
  readonly liveness?: EngineSettings['liveness'];
  /** See `EngineOptions`; less than nothing for no joint commit at all. */
  readonly jointBytesMax?: number;
  /** `threads`: each file in a disk's thread of its own, run while the engine waits; see `SteppedStore`. */
  readonly profile?: Profile;
  /** In the profile `threads`: how far the disks get is left to chance. */
  readonly chance?: Chance;
}

export class MemoryStore {
  readonly directory: MemoryDirectory;
  readonly opened: OpenedEngine;
  readonly devices: readonly Device[];
  readonly threads: SteppedStore | undefined;
  private readonly options: MemoryStoreOptions;

  constructor(options: MemoryStoreOptions = {}) {
    this.options = options;
    const geometry = options.geometry ?? TINY_GEOMETRY;
    this.directory = options.directory ?? new MemoryDirectory();
    const fresh = this.directory.list().length === 0;
    const wrap = options.wrap ?? ((device: Device) => device);
    const names = Array.from({ length: geometry.diskCount }, (_, disk) => `disk-${disk}`);
    const files = names.map((name) => wrap(openDevice(name, this.directory.open(name))));
    const cacheBytes = options.cacheBytes ?? 32 * geometry.blockBytes;
    const { chance, profile = profileHere } = options;
    if (profile === 'threads') this.threads = new SteppedStore({ cacheBytes, hasher, chance });
    this.devices = files.map((file, disk) => this.threads?.start(disk, file) ?? file);
    if (fresh) {
      const storeId = new Uint8Array(16).fill(0x51);
      createFiles(this.devices, { storeId, hashDomain: storeId, geometry }, hasher);
    }
    const inspection = inspectFiles(this.devices, hasher);
    if (inspection.kind === 'unfinished') throw new StoreError('NOT_FOUND', 'unfinished');
    const settings: EngineSettings = {
      label: inspection.label,
      hasher,
      cacheBytes,
      maxBytes: options.maxBytes ?? 4 * geometry.arenaBytes,
      readOnly: options.readOnly ?? false,
      liveness: options.liveness ?? { begin() {}, answer: 'alive' },
      events: {
        durable() {},
        published: (publication) => this.engine.setOldestPublication(publication),
        broken() {},
      },
      layers: options.layers ?? [],
      ...(options.jointBytesMax === undefined ? {} : { jointBytesMax: options.jointBytesMax }),
    };
    this.opened = openEngine(settings, this.threads?.disks ?? inlineDisks(this.devices));
  }

  get engine(): Engine {
    return this.opened.engine;
  }

  /** Runs `change` in a transaction and ends it; it is not yet durable. */
  transact<Result>(change: (transaction: Transaction) => Result): Result {
    const transaction = this.engine.begin();
    let result: Result;
    try {
      result = change(transaction);
    } catch (error) {
      this.engine.abort(transaction);
      throw error;
    }
    this.engine.end(transaction);
    return result;
  }

  /** Makes everything that has ended durable. */
  commit(): void {
    this.engine.beginCommit();
    while (this.engine.committing && (this.engine.pump() || this.waitForThreads()));
    if (this.engine.committing) this.engine.assertUsable();
  }

  /** Disks in this thread have done by now what they were to do. */
  private waitForThreads(): boolean {
    return this.threads !== undefined && this.engine.io.waitForCompletion();
  }

  read(pointer: Pointer): Uint8Array {
    const bytes = new Uint8Array(this.engine.blockBytes);
    this.engine.read(pointer, bytes);
    return bytes;
  }

  close(): void {
    for (const device of this.devices) device.close();
  }

  /** Closes without committing and opens the same files again. */
  reopen(options: Partial<MemoryStoreOptions> = {}): MemoryStore {
    this.close();
    return new MemoryStore({ ...this.options, ...options, directory: this.directory });
  }
}
