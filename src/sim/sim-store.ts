/**
 * A store on simulated files, driven synchronously, small enough to be opened thousands of times a second: the real
 * code from labels to engine, with the process, the disks and the liveness probe in the hands of the test.
 */
import { assert } from '../base/assert.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/handle-device.ts';
import type { SyncHandle } from '../device/sync-handle.ts';
import type { Geometry } from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import {
  createFiles,
  type Inspection,
  inspectFiles,
  type OpenedEngine,
  openInlineEngine,
} from '../store/store-files.ts';
import type { RecordedDisks } from './disk-trace.ts';
import { hasher } from './memory-store.ts';
import { Random } from './random.ts';
import { SectorFile } from './sector-file.ts';
import { type WalkedTree, walkRoots } from './tree.ts';

/** What a workload stands on. */
export interface SimSetting {
  readonly geometry: Geometry;
  /** Blocks that all arenas together may grow to. */
  readonly blocksMax: number;
  readonly cacheBlocks: number;
  /** Store ids come from it: workloads of different seeds have no bytes in common. */
  readonly seed: number;
  /** New blocks up to which a commit is joint, its log counted; unless told, the engine's own limit: all are then. */
  readonly jointBlocksMax?: number;
}

/** What was told of a commit that is durable. */
export interface Acknowledged {
  /** Operations done by then. */
  readonly operation: number;
  readonly joint: boolean;
}

export interface SimStoreOptions {
  readonly disks: RecordedDisks;
  readonly setting: SimSetting;
  /** Puts something between the engine and a file. */
  readonly wrap?: (handle: SyncHandle, file: number) => SyncHandle;
}

export class SimStore {
  opened: OpenedEngine;
  /** There was no store: it was created. */
  readonly created: boolean;
  readonly liveness: { begin(): void; answer: 'pending' | 'alive' | 'gone' } = {
    begin() {},
    answer: 'alive',
  };
  /** By generation. */
  readonly acknowledged = new Map<number, Acknowledged>();
  private readonly options: SimStoreOptions;
  private blocksMax: number;

  /** Opens, or creates where nothing was ever acknowledged. Throws what opening throws. */
  constructor(options: SimStoreOptions) {
    this.options = options;
    this.blocksMax = options.setting.blocksMax;
    const devices = this.openDevices();
    const found = inspectFiles(devices, hasher);
    this.created = found.kind === 'unfinished';
    this.opened = this.openEngine(devices, this.created ? this.create(devices) : found);
  }

  get operationCount(): number {
    return this.options.disks.operations.length;
  }

  /** The same files by another process; `blocks`, if not 0, is how far the store may grow from now on. */
  reopen(blocks = 0): OpenedEngine {
    if (blocks > 0) this.blocksMax = blocks;
    this.options.disks.anotherProcess();
    const devices = this.openDevices();
    this.liveness.answer = 'alive';
    this.opened = this.openEngine(devices, inspectFiles(devices, hasher));
    return this.opened;
  }

  private openDevices(): Device[] {
    const { disks, wrap } = this.options;
    return disks.files.map((_, disk) => {
      const handle = disks.handle(disk);
      return openDevice(`disk-${disk}`, wrap === undefined ? handle : wrap(handle, disk));
    });
  }

  private create(devices: Device[]): Inspection {
    const { setting } = this.options;
    // Ids differ from creation to creation, as they do in life.
    const random = new Random(setting.seed * 1009 + this.operationCount);
    const id = () => Uint8Array.from({ length: 16 }, () => random.below(256));
    const fields = { storeId: id(), hashDomain: id(), geometry: setting.geometry };
    createFiles(devices, fields, hasher);
    return { kind: 'store', label: { ...fields, diskIndex: 0, writable: true } };
  }

  private openEngine(devices: Device[], found: Inspection): OpenedEngine {
    assert(found.kind === 'store', 'what was created, or was open before, is a store');
    const { geometry, cacheBlocks, jointBlocksMax } = this.options.setting;
    const { blockBytes } = geometry;
    return openInlineEngine({
      label: found.label,
      devices,
      hasher,
      cacheBytes: cacheBlocks * blockBytes,
      maxBytes: this.blocksMax * blockBytes,
      readOnly: false,
      queueEntries: 64,
      liveness: this.liveness,
      ...(jointBlocksMax === undefined ? {} : { jointBytesMax: jointBlocksMax * blockBytes }),
      events: {
        durable: ({ generation, joint }) =>
          this.acknowledged.set(generation, { operation: this.operationCount, joint }),
        published() {},
        broken() {},
      },
    });
  }
}

/** What an opened store holds, or held when it had these roots. Throws what reading throws. */
export function contentOf(
  { engine }: OpenedEngine,
  roots: ReadonlyMap<string, Pointer> = engine.roots,
): WalkedTree {
  // One buffer for all: the walk takes from a block what it needs before it reads the next.
  const bytes = new Uint8Array(engine.blockBytes);
  return walkRoots(roots, (pointer) => {
    engine.read(pointer, bytes);
    return bytes;
  });
}

/** Empty files for a store that is still to be created. */
export function noFiles(setting: SimSetting): SectorFile[] {
  return Array.from({ length: setting.geometry.diskCount }, () => new SectorFile());
}
