/**
 * The two memories of a threaded session, with their layouts: what every thread of it is given. Allocated by whoever
 * opens the store, before anything is known of it.
 */
import { assert } from '../base/assert.ts';
import { DISKS_MAX } from '../format/geometry.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { cacheLayout } from './cache-layout.ts';
import { type ContentsLayout, contentsLayout, RAW_BYTES } from './contents-layout.ts';
import { CLIENTS_MAX, type ControlLayout, controlLayout, SESSION } from './control-layout.ts';
import { Doorbell } from './doorbell.ts';

/** What crosses to another thread; layouts are functions, so each makes its own. */
export interface SessionBuffers {
  readonly control: ArrayBufferLike;
  readonly contents: ArrayBufferLike;
  readonly cacheBytes: number;
  readonly slotCountMax: number;
  readonly blockBytesMin: number;
}

/** However small the cache asked for: room for a commit's log batches, loads and a block being written. */
const SLOTS_MIN = 16;

export function cacheSlots(cacheBytes: number, blockBytes: number): number {
  return Math.max(SLOTS_MIN, Math.floor(cacheBytes / blockBytes));
}

/** @param sizes `blockBytesMin`: the smallest blocks that the store may turn out to have. */
export function allocateSession(sizes: {
  readonly cacheBytes: number;
  readonly slotCountMax?: number;
  readonly blockBytesMin: number;
}): SessionBuffers {
  const { cacheBytes, blockBytesMin } = sizes;
  const slotCountMax = sizes.slotCountMax ?? cacheSlots(cacheBytes, blockBytesMin);
  const { wordCount } = controlLayout({ slotCountMax, blockBytesMin });
  const { byteCount } = contentsLayout(cacheBytes);
  const control = new SharedArrayBuffer(wordCount * 4);
  const contents = new SharedArrayBuffer(byteCount);
  return { control, contents, cacheBytes, slotCountMax, blockBytesMin };
}

/** One thread's views of the memory. */
export class SessionMemory {
  readonly buffers: SessionBuffers;
  /** The control memory. */
  readonly words: Int32Array;
  readonly control: ControlLayout;
  /** The contents memory. */
  readonly bytes: Uint8Array;
  readonly contents: ContentsLayout;

  constructor(buffers: SessionBuffers) {
    this.buffers = buffers;
    this.words = new Int32Array(buffers.control);
    this.bytes = new Uint8Array(buffers.contents);
    this.control = controlLayout(buffers);
    this.contents = contentsLayout(buffers.cacheBytes);
    const { words, bytes, control, contents } = this;
    assert(words.length >= control.wordCount, 'the control memory has the size of its layout');
    assert(bytes.length >= contents.byteCount, 'the contents memory has the size of its layout');
  }

  /** The cache's index and headers, once the geometry is known. */
  cacheWords({
    slotCount,
    blockBytes,
  }: Pick<SessionGeometry, 'slotCount' | 'blockBytes'>): Int32Array {
    const { wordCount } = cacheLayout({ slotCount, blockBytes });
    return this.words.subarray(this.control.cache, this.control.cache + wordCount);
  }

  /** Where the bytes of a disk's plain reads and writes pass. */
  rawPiece(disk: number): Uint8Array {
    const start = this.contents.rawStart + disk * RAW_BYTES;
    return this.bytes.subarray(start, start + RAW_BYTES);
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

/** What the session page says of the store, once it is known. */
export interface SessionGeometry {
  readonly blockBytes: number;
  readonly slotCount: number;
  readonly diskCount: number;
  readonly mailboxCells: number;
}

/** The store worker's, once, before it tells anybody that the store is open. */
export function describeSession(memory: SessionMemory, geometry: SessionGeometry): void {
  const { words, control } = memory;
  for (const field of ['blockBytes', 'slotCount', 'diskCount', 'mailboxCells'] as const) {
    atomicStore(words, control.session + SESSION[field], geometry[field]);
  }
}

export function sessionGeometry({ words, control }: SessionMemory): SessionGeometry {
  const field = (name: keyof SessionGeometry) => atomicLoad(words, control.session + SESSION[name]);
  return {
    blockBytes: field('blockBytes'),
    slotCount: field('slotCount'),
    diskCount: field('diskCount'),
    mailboxCells: field('mailboxCells'),
  };
}
