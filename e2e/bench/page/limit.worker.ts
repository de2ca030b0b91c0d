/**
 * The limit: the same work on a bare sync access handle, in the best pattern there is, without allocation, log or
 * cache. Times what needs no message itself.
 */
import { createXXHash64 } from 'hash-wasm';
import type { SyncHandle } from '../../../src/device/sync-handle.ts';
import { bareChunk, openBareFile, removeBareFile, writeWhole } from './bare-file.ts';
import { answerCalls } from './calls.ts';

const MIB = 2 ** 20;
const FILE = 'bench-limit';
/** As much as a superblock. */
const HEADER_BYTES = 4096;
const chunk = bareChunk.slice();
const header = new Uint8Array(HEADER_BYTES).fill(1);
let hasher: Awaited<ReturnType<typeof createXXHash64>> | undefined;
let handle: SyncHandle | undefined;
let fileBytes = 0;
let cache = new Uint8Array();
let cacheAt = 0;

function file(): SyncHandle {
  if (handle === undefined) throw new Error('open comes first');
  return handle;
}

function write(bytes: Uint8Array, at: number): void {
  writeWhole(file(), bytes, at);
}

function read(into: Uint8Array, at: number): void {
  if (file().read(into, { at }) !== into.length) throw new Error('short read');
}

function hash(bytes: Uint8Array): void {
  hasher?.init().update(bytes).digest('binary');
}

const verbs = {
  async open(byteCount: number): Promise<void> {
    // Not at the top: a message that arrives while a script awaits there finds nobody.
    hasher = await createXXHash64();
    handle = await openBareFile(FILE, byteCount);
    fileBytes = byteCount;
  },
  /** A block and a header, one flush: what a commit cannot do without. */
  commit(block: Uint8Array, at: number): void {
    write(block, at % fileBytes);
    write(header, 0);
    file().flush();
  },
  /** Blocks anywhere, each read and hashed. */
  readBlocks(offsets: readonly number[], blockBytes: number): number {
    const into = chunk.subarray(0, blockBytes);
    const startedMs = performance.now();
    for (const at of offsets) {
      read(into, at);
      hash(into);
    }
    return performance.now() - startedMs;
  },
  /** As `readBlocks`, but each into a place of its own in so much memory, and copied out of it, as a cache has to. */
  readCopied(offsets: readonly number[], blockBytes: number, cacheBytes: number): number {
    if (cache.length !== cacheBytes) cache = new Uint8Array(cacheBytes).fill(1);
    const into = chunk.subarray(0, blockBytes);
    const startedMs = performance.now();
    for (const at of offsets) {
      const slot = cache.subarray(cacheAt, cacheAt + blockBytes);
      cacheAt = (cacheAt + blockBytes) % cacheBytes;
      read(slot, at);
      hash(slot);
      into.set(slot);
    }
    return performance.now() - startedMs;
  },
  /** As `readBlocks`, into memory that the page sees, block after block. */
  readInto(shared: Uint8Array, offsets: readonly number[], blockBytes: number): void {
    for (const [n, at] of offsets.entries()) {
      const into = shared.subarray(n * blockBytes, (n + 1) * blockBytes);
      read(into, at);
      hash(into);
    }
  },
  /** Runs of blocks side by side, each run in one call, each block hashed. */
  readRuns(offsets: readonly number[], count: number, blockBytes: number): number {
    const startedMs = performance.now();
    for (const at of offsets) {
      read(chunk.subarray(0, count * blockBytes), at);
      for (let n = 0; n < count; n += 1) hash(chunk.subarray(n * blockBytes, (n + 1) * blockBytes));
    }
    return performance.now() - startedMs;
  },
  /** The page's bytes, hashed block by block and written with one call. */
  writePiece(piece: Uint8Array, at: number, blockBytes: number): void {
    for (let n = 0; n < piece.length; n += blockBytes) hash(piece.subarray(n, n + blockBytes));
    write(piece, at % fileBytes);
  },
  /** The two flushes of a fenced commit. */
  flushTwice(): void {
    file().flush();
    write(header, 0);
    file().flush();
  },
  /** Hashes block by block and writes in calls of 1 MiB; then the two flushes of a fenced commit. */
  writeRun(from: number, byteCount: number, blockBytes: number): number {
    const startedMs = performance.now();
    for (let done = 0; done < byteCount; done += MIB) {
      for (let n = 0; n < MIB; n += blockBytes) hash(chunk.subarray(n, n + blockBytes));
      write(chunk, (from + done) % fileBytes);
    }
    verbs.flushTwice();
    return performance.now() - startedMs;
  },
  async close(): Promise<void> {
    file().close();
    await removeBareFile(FILE);
  },
};

export type LimitVerbs = typeof verbs;
answerCalls(verbs);
