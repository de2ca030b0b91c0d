/** The memory that the threads of one session share: allocated once by the opener, seen by everyone through views. */

import { DISKS_MAX } from '../format/geometry.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { cacheLayout } from './cache-layout.ts';
import { type ContentsLayout, contentsLayout, mailboxCells } from './contents-layout.ts';
import { CLIENTS_MAX, type ControlLayout, controlLayout, SESSION } from './control-layout.ts';
import { Doorbell } from './doorbell.ts';

/** Plain data: it crosses to every thread by message. */
export interface SessionMemory {
  readonly control: SharedArrayBuffer;
  readonly contents: SharedArrayBuffer;
  readonly cacheBytes: number;
  /** The smallest blocks that the store may turn out to have. */
  readonly blockBytesMin: number;
}

/** What the store turned out to be, as far as its threads must know. */
export interface SessionGeometry {
  readonly blockBytes: number;
  readonly slotCount: number;
  readonly diskCount: number;
}

/** However small the cache asked for: room for a commit's log batches, loads and a block being written. */
const SLOTS_MIN = 16;

export function cacheSlots(cacheBytes: number, blockBytes: number): number {
  return Math.max(SLOTS_MIN, Math.floor(cacheBytes / blockBytes));
}

export function allocateSessionMemory(sizes: {
  readonly cacheBytes: number;
  readonly blockBytesMin: number;
}): SessionMemory {
  const { wordCount } = controlLayoutOf(sizes);
  const { byteCount } = contentsLayout(sizes.cacheBytes);
  return {
    ...sizes,
    control: new SharedArrayBuffer(wordCount * 4),
    contents: new SharedArrayBuffer(byteCount),
  };
}

function controlLayoutOf(sizes: { cacheBytes: number; blockBytesMin: number }): ControlLayout {
  const { cacheBytes, blockBytesMin } = sizes;
  return controlLayout({ slotCountMax: cacheSlots(cacheBytes, blockBytesMin), blockBytesMin });
}

/** One thread's views of the memory. */
export class SessionViews {
  readonly memory: SessionMemory;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly control: ControlLayout;
  readonly contents: ContentsLayout;

  constructor(memory: SessionMemory) {
    this.memory = memory;
    this.words = new Int32Array(memory.control);
    this.bytes = new Uint8Array(memory.contents);
    this.control = controlLayoutOf(memory);
    this.contents = contentsLayout(memory.cacheBytes);
  }

  /** The cache's index and headers, once the geometry is known. */
  cacheWords({ slotCount, blockBytes }: SessionGeometry): Int32Array {
    const { wordCount } = cacheLayout({ slotCount, blockBytes });
    return this.words.subarray(this.control.cache, this.control.cache + wordCount);
  }

  get storeBell(): Doorbell {
    return new Doorbell(this.words, this.control.storeBell);
  }

  diskBell(disk: number): Doorbell {
    return new Doorbell(this.words, this.control.diskBell(disk));
  }

  clientBell(client: number): Doorbell {
    return new Doorbell(this.words, this.control.clientBell(client));
  }

  /** By the store worker, when it has read the label, before any disk is told to go on. */
  setGeometry(geometry: SessionGeometry): void {
    this.store(SESSION.blockBytes, geometry.blockBytes);
    this.store(SESSION.slotCount, geometry.slotCount);
    this.store(SESSION.diskCount, geometry.diskCount);
    this.store(SESSION.mailboxCells, mailboxCells(geometry));
  }

  get geometry(): SessionGeometry {
    return {
      blockBytes: this.load(SESSION.blockBytes),
      slotCount: this.load(SESSION.slotCount),
      diskCount: this.load(SESSION.diskCount),
    };
  }

  get ended(): boolean {
    return this.load(SESSION.ended) !== 0;
  }

  /** Wakes whoever sleeps: disk workers let go of their files, and nobody waits for an answer any more (I14). */
  end(): void {
    this.store(SESSION.ended, 1);
    const { control } = this;
    this.wake(control.storeBell);
    for (let disk = 0; disk < DISKS_MAX; disk += 1) this.wake(control.diskBell(disk));
    for (let client = 0; client < CLIENTS_MAX; client += 1) this.wake(control.clientBell(client));
  }

  /** The browser has removed the files: closing their handles would never return. */
  get filesGone(): boolean {
    return this.load(SESSION.filesGone) !== 0;
  }

  setFilesGone(gone: boolean): void {
    this.store(SESSION.filesGone, gone ? 1 : 0);
  }

  private wake(at: number): void {
    new Doorbell(this.words, at).ring();
  }

  private load(field: number): number {
    return atomicLoad(this.words, this.control.session + field);
  }

  private store(field: number, value: number): void {
    atomicStore(this.words, this.control.session + field, value);
  }
}
