/**
 * The two memories of a threaded session, with their layouts: what every thread of it is given. Allocated by whoever
 * opens the store, before anything is known of it.
 */
import { assert } from '../base/assert.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { type ContentsLayout, contentsLayout } from './contents-layout.ts';
import { type ControlLayout, controlLayout, SESSION } from './control-layout.ts';

export interface SessionMemory {
  /** The control memory. */
  readonly words: Int32Array;
  readonly control: ControlLayout;
  /** The contents memory. */
  readonly bytes: Uint8Array;
  readonly contents: ContentsLayout;
}

/** What crosses to another thread; layouts are functions, so each makes its own. */
export interface SessionBuffers {
  readonly control: ArrayBufferLike;
  readonly contents: ArrayBufferLike;
  readonly cacheBytes: number;
  readonly slotCountMax: number;
  readonly blockBytesMin: number;
}

/** @param blockBytesMin The smallest blocks that the store may turn out to have. */
export function allocateSession(options: {
  readonly cacheBytes: number;
  readonly slotCountMax: number;
  readonly blockBytesMin: number;
}): SessionBuffers {
  const { wordCount } = controlLayout(options);
  const { byteCount } = contentsLayout(options.cacheBytes);
  return {
    control: new SharedArrayBuffer(wordCount * 4),
    contents: new SharedArrayBuffer(byteCount),
    cacheBytes: options.cacheBytes,
    slotCountMax: options.slotCountMax,
    blockBytesMin: options.blockBytesMin,
  };
}

export function sessionMemory(buffers: SessionBuffers): SessionMemory {
  const words = new Int32Array(buffers.control);
  const bytes = new Uint8Array(buffers.contents);
  const control = controlLayout(buffers);
  const contents = contentsLayout(buffers.cacheBytes);
  assert(words.length >= control.wordCount, 'the control memory has the size of its layout');
  assert(bytes.length >= contents.byteCount, 'the contents memory has the size of its layout');
  return { words, control, bytes, contents };
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
