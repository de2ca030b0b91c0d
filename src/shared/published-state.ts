/**
 * What readers see, in shared words: the last published state. Written by the store worker after every transaction that
 * has ended, and read by everyone without a message, and without waiting for a worker that was put to sleep over it.
 *
 *     word      what
 *     0         version (see `twin`)
 *     8 …       a copy of the state
 *     976 …     another
 *
 *     of a copy what
 *     0 … 1     publication
 *     2 … 3     last durable generation
 *     4         health, as a number of the writer's
 *     5         roots
 *     8 …       15 words a root: bytes of its name, the name (32 bytes), address, generation, hash low, hash high
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { ROOT_NAME_BYTES_MAX, ROOTS_MAX } from '../format/geometry.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { highWord, joinWords, lowWord } from './cache-layout.ts';
import { type Half, readTwin, TwinWriter } from './twin.ts';

const COPIES = 8;
const PUBLICATION = 0;
const GENERATION = 2;
const HEALTH = 4;
const ROOT_COUNT = 5;
const ROOTS = 8;
const ROOT_WORDS = 15;
const NAME_WORDS = ROOT_NAME_BYTES_MAX / 4;
const COPY_WORDS = ROOTS + ROOTS_MAX * ROOT_WORDS;
export const PUBLISHED_STATE_WORDS = COPIES + 2 * COPY_WORDS;

function copyAt(start: number, half: Half): number {
  return start + COPIES + half * COPY_WORDS;
}

export interface SharedState {
  readonly publication: number;
  readonly generation: number;
  /** Whatever number the writer uses for it. */
  readonly health: number;
  readonly roots: readonly (readonly [name: string, pointer: Pointer])[];
}

export class PublishedStateWriter {
  private readonly words: Int32Array;
  private readonly start: number;
  private readonly twin: TwinWriter;
  /** Of the copy that is being written. */
  private copy = 0;
  private readonly encoder = new TextEncoder();
  private readonly name = new Uint8Array(ROOT_NAME_BYTES_MAX);
  private readonly nameWords = new Int32Array(this.name.buffer);

  constructor(words: Int32Array, start: number) {
    this.words = words;
    this.start = start;
    this.twin = new TwinWriter(words, start);
  }

  write(state: SharedState): void {
    assert(state.roots.length <= ROOTS_MAX, 'a state has at most 64 roots');
    this.twin.write((half) => {
      this.copy = copyAt(this.start, half);
      this.put(PUBLICATION, state.publication);
      this.put(GENERATION, state.generation);
      this.store(HEALTH, state.health);
      this.store(ROOT_COUNT, state.roots.length);
      let at = ROOTS;
      for (const [name, pointer] of state.roots) {
        this.putRoot(at, name, pointer);
        at += ROOT_WORDS;
      }
    });
  }

  private putRoot(at: number, name: string, pointer: Pointer): void {
    this.name.fill(0);
    const { read, written } = this.encoder.encodeInto(name, this.name);
    assert(read === name.length, 'the name of a root has at most 32 bytes');
    this.store(at, written);
    for (let n = 0; n < NAME_WORDS; n += 1) this.store(at + 1 + n, this.nameWords[n] as number);
    this.put(at + 9, pointer.address);
    this.put(at + 11, pointer.generation);
    this.store(at + 13, pointer.hashLow | 0);
    this.store(at + 14, pointer.hashHigh | 0);
  }

  private put(at: number, value: number): void {
    this.store(at, lowWord(value));
    this.store(at + 1, highWord(value));
  }

  private store(at: number, value: number): void {
    atomicStore(this.words, this.copy + at, value);
  }
}

export class PublishedStateReader {
  private readonly words: Int32Array;
  private readonly start: number;
  /** Of the copy that is being read. */
  private copy = 0;
  private readonly decoder = new TextDecoder();
  private readonly name = new Uint8Array(ROOT_NAME_BYTES_MAX);
  private readonly nameWords = new Int32Array(this.name.buffer);

  constructor(words: Int32Array, start: number) {
    this.words = words;
    this.start = start;
  }

  /** Changes with every write. */
  get version(): number {
    return atomicLoad(this.words, this.start);
  }

  read(): SharedState {
    return readTwin(this.words, this.start, (half) => {
      this.copy = copyAt(this.start, half);
      return this.readOnce();
    });
  }

  /** Total: under the writer's hands it may see anything. */
  private readOnce(): SharedState {
    const count = Math.min(ROOTS_MAX, Math.max(0, this.load(ROOT_COUNT)));
    const roots: [string, Pointer][] = [];
    for (let n = 0; n < count; n += 1) roots.push(this.root(ROOTS + n * ROOT_WORDS));
    return {
      publication: this.number(PUBLICATION),
      generation: this.number(GENERATION),
      health: this.load(HEALTH),
      roots,
    };
  }

  private root(at: number): [string, Pointer] {
    const byteCount = Math.min(ROOT_NAME_BYTES_MAX, Math.max(0, this.load(at)));
    for (let n = 0; n < NAME_WORDS; n += 1) this.nameWords[n] = this.load(at + 1 + n);
    return [
      this.decoder.decode(this.name.subarray(0, byteCount)),
      {
        address: this.number(at + 9) as BlockAddress,
        generation: this.number(at + 11) as Generation,
        hashLow: this.load(at + 13) >>> 0,
        hashHigh: this.load(at + 14) >>> 0,
      },
    ];
  }

  private number(at: number): number {
    return joinWords(this.load(at), this.load(at + 1));
  }

  private load(at: number): number {
    return atomicLoad(this.words, this.copy + at);
  }
}
