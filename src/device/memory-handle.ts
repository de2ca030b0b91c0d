/**
 * Files in memory, behind the same handle as the browser's: for tests in Node, for crash images, for
 * `opfs-blocks/testing`. They behave as OPFS does where our code can tell the difference: one open handle per file,
 * short counts past the end, growth that reads as zeroes, exceptions by the browser's names, bytes that stay when a
 * handle is closed, and files that live on unlinked under an open handle.
 *
 * A file is a table of chunks shared between clones and copied by the first write, so that a clone costs the table
 * and not the bytes: crash exploration makes millions. A chunk never written is absent and reads as zeroes.
 *
 * Rejected: one buffer per file. Each crash image would copy all of it, and a sparse file could not be had.
 *
 * What is in here is not durable and models no loss: `src/sim` does that.
 */
import { assert } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import type { SyncHandle } from './sync-handle.ts';

/**
 * Of 1, 4, 16 and 64 KiB the best at cloning a 256 KiB image and writing two blocks into it
 * (memory-handle.bench.ts).
 */
const CHUNK_BYTES = 4096;

function domException(name: string, message: string): DOMException {
  return new DOMException(message, name);
}

/**
 * One file. Its bytes outlive its handles; at most one handle is open at a time.
 *
 * @example
 * const file = MemoryFile.from(Uint8Array.of(1, 2, 3));
 * file.write(Uint8Array.of(9), 1);
 * console.log(file.bytes()); // 1, 9, 3
 */
export class MemoryFile {
  #chunks: (Uint8Array | undefined)[] = [];
  /** `#owned[i]`: no clone shares chunk i, so it may be written in place. */
  #owned: boolean[] = [];
  #size = 0;
  #open: MemoryHandle | undefined;

  /** A file that holds a copy of `bytes`. Never throws. */
  static from(bytes: Uint8Array): MemoryFile {
    const file = new MemoryFile();
    file.write(bytes, 0);
    return file;
  }

  /** Its length in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Whether a handle is open on it. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Opens the one handle.
   *
   * @throws DOMException NoModificationAllowedError while another handle is open
   */
  open(): SyncHandle {
    if (this.#open !== undefined) {
      throw domException('NoModificationAllowedError', 'another handle is open on this file');
    }
    this.#open = new MemoryHandle(this);
    return this.#open;
  }

  /**
   * What the death of the worker that holds the handle does: it is closed, and every later call on it throws. Never
   * throws.
   */
  revoke(): void {
    this.#open?.close();
  }

  /** @internal `handle` is closed. Called by the handle. */
  release(handle: MemoryHandle): void {
    assert(this.#open === handle, 'a file is given back by the handle that is open on it');
    this.#open = undefined;
  }

  /**
   * The same bytes as a file of its own, not open. Costs about 8 bytes a chunk; the bytes are copied when written.
   * Never throws.
   */
  clone(): MemoryFile {
    const copy = new MemoryFile();
    copy.#chunks = this.#chunks.slice();
    copy.#size = this.#size;
    this.#owned = [];
    return copy;
  }

  /** A copy of everything, for comparing. Never throws. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size);
    this.read(all, 0);
    return all;
  }

  /**
   * Copies what there is from `at`, returns how much: less than asked at the end of the file, 0 behind it. Never
   * throws.
   */
  read(into: Uint8Array, at: number): number {
    const count = Math.max(0, Math.min(into.length, this.#size - at));
    for (let done = 0; done < count; ) {
      const inChunk = (at + done) % CHUNK_BYTES;
      const take = Math.min(count - done, CHUNK_BYTES - inChunk);
      const chunk = this.#chunks[(at + done - inChunk) / CHUNK_BYTES];
      if (chunk === undefined) into.fill(0, done, done + take);
      else into.set(chunk.subarray(inChunk, inChunk + take), done);
      done += take;
    }
    return count;
  }

  /**
   * Writes all of `from`, whoever has the file open: also the way for tests to damage it. Grows it as needed. Never
   * throws.
   */
  write(from: Uint8Array, at: number): void {
    for (let done = 0; done < from.length; ) {
      const inChunk = (at + done) % CHUNK_BYTES;
      const take = Math.min(from.length - done, CHUNK_BYTES - inChunk);
      const chunk = this.#writable((at + done - inChunk) / CHUNK_BYTES);
      chunk.set(take === from.length ? from : from.subarray(done, done + take), inChunk);
      done += take;
    }
    if (from.length > 0) this.#size = Math.max(this.#size, at + from.length);
  }

  /** Makes the file `size` bytes long. What was cut off is forgotten: growing again reads zeroes. Never throws. */
  truncate(size: number): void {
    if (size < this.#size) {
      const inChunk = size % CHUNK_BYTES;
      const last = (size - inChunk) / CHUNK_BYTES;
      if (inChunk !== 0 && this.#chunks[last] !== undefined) this.#writable(last).fill(0, inChunk);
      const kept = inChunk === 0 ? last : last + 1;
      if (kept < this.#chunks.length) this.#chunks.length = kept;
    }
    this.#size = size;
  }

  /** Chunk `index`, present and shared with no clone. */
  #writable(index: number): Uint8Array {
    const present = this.#chunks[index];
    if (present !== undefined && this.#owned[index] === true) return present;
    while (this.#chunks.length < index) this.#chunks.push(undefined);
    while (this.#owned.length < index) this.#owned.push(false);
    const chunk = present === undefined ? new Uint8Array(CHUNK_BYTES) : present.slice();
    this.#chunks[index] = chunk;
    this.#owned[index] = true;
    return chunk;
  }
}

class MemoryHandle implements SyncHandle {
  #file: MemoryFile | undefined;

  constructor(file: MemoryFile) {
    this.#file = file;
  }

  #opened(at: number): MemoryFile {
    if (this.#file === undefined) throw domException('InvalidStateError', 'the handle is closed');
    if (!isCount(at)) throw new TypeError('an offset or size is a safe integer, 0 or more');
    return this.#file;
  }

  read(buffer: Uint8Array, options: { at: number }): number {
    return this.#opened(options.at).read(buffer, options.at);
  }

  write(buffer: Uint8Array, options: { at: number }): number {
    this.#opened(options.at).write(buffer, options.at);
    return buffer.length;
  }

  flush(): void {
    this.#opened(0);
  }

  truncate(size: number): void {
    this.#opened(size).truncate(size);
  }

  getSize(): number {
    return this.#opened(0).size;
  }

  close(): void {
    this.#file?.release(this);
    this.#file = undefined;
  }
}

/**
 * Named files, as one store's directory.
 *
 * @example
 * const directory = new MemoryDirectory();
 * directory.open('disk-0').close();
 * console.log(directory.list(), directory.clone().list());
 */
export class MemoryDirectory {
  #files = new Map<string, MemoryFile>();

  /**
   * Opens a file.
   *
   * @throws DOMException NotFoundError when it does not exist and `create` is false, NoModificationAllowedError when
   * it is open already
   */
  open(name: string, options: { readonly create: boolean } = { create: true }): SyncHandle {
    let file = this.#files.get(name);
    if (file === undefined) {
      if (!options.create) throw domException('NotFoundError', `there is no file ${name}`);
      file = new MemoryFile();
      this.#files.set(name, file);
    }
    return file.open();
  }

  /** The file itself, to look at or to damage; `undefined` when there is none. Never throws. */
  file(name: string): MemoryFile | undefined {
    return this.#files.get(name);
  }

  /**
   * Puts a file under a name, in place of what was there: to swap files, or to bring an older one back. Never throws.
   */
  put(name: string, file: MemoryFile): void {
    this.#files.set(name, file);
  }

  /** The names of all files. Never throws. */
  list(): string[] {
    return [...this.#files.keys()];
  }

  /**
   * Removes a file.
   *
   * @throws DOMException NotFoundError, or NoModificationAllowedError while the file is open
   */
  remove(name: string): void {
    const file = this.#files.get(name);
    if (file === undefined) throw domException('NotFoundError', `there is no file ${name}`);
    if (file.isOpen) throw domException('NoModificationAllowedError', `${name} is open`);
    this.#files.delete(name);
  }

  /**
   * What "clear site data" does: no name is found any more, and open handles go on as if nothing had happened. Never
   * throws.
   */
  evict(): void {
    this.#files.clear();
  }

  /** The same files, none of them open: what a crash leaves when nothing is lost. Never throws. */
  clone(): MemoryDirectory {
    const copy = new MemoryDirectory();
    for (const [name, file] of this.#files) copy.#files.set(name, file.clone());
    return copy;
  }
}

export type HandleOperation = 'read' | 'write' | 'flush' | 'truncate' | 'getSize' | 'close';

/**
 * What a `FaultyHandle` does instead of its duty:
 *
 * - `short`: transfers only that many bytes and says so.
 * - `count`: transfers nothing and returns this number, possible or not.
 * - `throw`: transfers the first `after` bytes (none, if not given) and throws an exception of this name.
 */
export type HandleFault =
  | { readonly short: number }
  | { readonly count: number }
  | { readonly throw: string; readonly after?: number };

/**
 * Decides each call's fate. `nth` counts the calls of this operation on this handle from 0. `offset` is where a
 * transfer starts or the size asked of `truncate`; `length` is how many bytes were asked for. Both are 0 where they
 * mean nothing.
 */
export type FaultPlan = (
  operation: HandleOperation,
  nth: number,
  offset: number,
  length: number,
) => 'ok' | HandleFault;

/**
 * A handle that fails as told: short and impossible counts, exceptions before and in the middle of a transfer.
 *
 * @example
 * const handle = new FaultyHandle(new MemoryDirectory().open('disk-0'), (operation, nth) =>
 *   operation === 'write' && nth === 1 ? { short: 3 } : 'ok',
 * );
 * console.log(handle.write(bytes, { at: 0 }), handle.write(bytes, { at: 0 })); // all of it, then 3
 */
export class FaultyHandle implements SyncHandle {
  readonly #inner: SyncHandle;
  readonly #plan: FaultPlan;
  readonly #calls = { read: 0, write: 0, flush: 0, truncate: 0, getSize: 0, close: 0 };

  constructor(inner: SyncHandle, plan: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  /** How often `operation` was called, fault or not. Never throws. */
  calls(operation: HandleOperation): number {
    return this.#calls[operation];
  }

  /**
   * As the inner handle, or as planned.
   *
   * @throws DOMException as planned
   */
  read(buffer: Uint8Array, options: { at: number }): number {
    const fate = this.#fate('read', options.at, buffer.length);
    if (fate === 'ok') return this.#inner.read(buffer, options);
    return faultyTransfer(fate, (count) => this.#inner.read(buffer.subarray(0, count), options));
  }

  /**
   * As the inner handle, or as planned.
   *
   * @throws DOMException as planned
   */
  write(buffer: Uint8Array, options: { at: number }): number {
    const fate = this.#fate('write', options.at, buffer.length);
    if (fate === 'ok') return this.#inner.write(buffer, options);
    return faultyTransfer(fate, (count) => this.#inner.write(buffer.subarray(0, count), options));
  }

  /**
   * As the inner handle, or as planned.
   *
   * @throws DOMException as planned
   */
  flush(): void {
    throwIfTold(this.#fate('flush', 0, 0));
    this.#inner.flush();
  }

  /**
   * `short: n` leaves the file n bytes long without a word; `count` does nothing, without a word.
   *
   * @throws DOMException as planned
   */
  truncate(size: number): void {
    const fate = this.#fate('truncate', size, 0);
    throwIfTold(fate);
    if (fate === 'ok') this.#inner.truncate(size);
    else if ('short' in fate) this.#inner.truncate(fate.short);
  }

  /**
   * As the inner handle, or as planned.
   *
   * @throws DOMException as planned
   */
  getSize(): number {
    const fate = this.#fate('getSize', 0, 0);
    throwIfTold(fate);
    return fate !== 'ok' && 'count' in fate ? fate.count : this.#inner.getSize();
  }

  /**
   * Told to throw, it closes the handle all the same: a test must not be left with an open file.
   *
   * @throws DOMException as planned
   */
  close(): void {
    const fate = this.#fate('close', 0, 0);
    this.#inner.close();
    throwIfTold(fate);
  }

  #fate(operation: HandleOperation, offset: number, length: number): 'ok' | HandleFault {
    const nth = this.#calls[operation];
    this.#calls[operation] = nth + 1;
    return this.#plan(operation, nth, offset, length);
  }
}

function faultyTransfer(fault: HandleFault, transfer: (count: number) => number): number {
  if ('count' in fault) return fault.count;
  if ('short' in fault) return transfer(fault.short);
  if (fault.after !== undefined) transfer(fault.after);
  throw domException(fault.throw, 'as planned');
}

function throwIfTold(fate: 'ok' | HandleFault): void {
  if (fate !== 'ok' && 'throw' in fate) throw domException(fate.throw, 'as planned');
}
