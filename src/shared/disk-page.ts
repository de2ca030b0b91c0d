/**
 * What a disk's thread lets others see without being asked, and the one thing that it is told in the same way. A page
 * of words in the control memory:
 *
 *     word        what                                                                         written by
 *     0           progress: changes whenever the thread has done something, or has woken up    disk
 *     1           0, or which call of its file it is in (I14: deep in one long call, or stuck)  disk
 *     2           not 0: another disk has failed, nothing more is written or flushed (I12)     store
 *     16          a seqlock, and from 18 the counters, a double each                           disk
 *     64          four texts of 112 words: number, length, characters; details of faults       disk
 *
 * A completion says a fault in numbers and names its text. The first fault of writing keeps its text for ever (it is
 * told to everybody who comes after); the others take turns, and a text that has gone by then reads as empty.
 */
import { assert } from '../base/assert.ts';
import type { DeviceFault } from '../device/device.ts';
import { atomicAdd, atomicLoad, atomicStore } from './atomics.ts';
import { loadDouble, storeDouble } from './double-words.ts';
import { readSeqlock, SeqlockWriter } from './seqlock.ts';

const PROGRESS = 0;
const OPERATION = 1;
const STOP = 2;
const COUNTERS_LOCK = 16;
const COUNTERS = 18;
const TEXTS = 64;
const TEXT_COUNT = 4;
const TEXT_WORDS = 112;
/** Two UTF-16 units a word, behind number and length. */
const TEXT_UNITS_MAX = 2 * (TEXT_WORDS - 2);

export const DISK_PAGE_WORDS = TEXTS + TEXT_COUNT * TEXT_WORDS;

/** A word that says which call: the place in this list, counted from 1. */
export const DEVICE_OPERATIONS = ['read', 'write', 'flush', 'resize', 'size', 'close'] as const;

/** Names the text of the first failed write or flush. Others count from 1. */
export const FIRST_FAULT = 0;
const NO_TEXT = -1;

const COUNTER_NAMES = [
  ...(['fileBytes', 'queued', 'writes', 'blocksWritten', 'bytesWritten', 'skipped'] as const),
  ...(['reads', 'blocksRead', 'flushes', 'flushesSpared', 'flushMsLast', 'flushMsMax'] as const),
];
export type PublishedCounters = Readonly<Record<(typeof COUNTER_NAMES)[number], number>>;

/** The disk's side. */
export class DiskPageWriter {
  private readonly words: Int32Array;
  private readonly start: number;
  private readonly lock: SeqlockWriter;
  private counters: PublishedCounters | undefined;

  constructor(words: Int32Array, start: number) {
    assert(words.length >= start + DISK_PAGE_WORDS, 'the disk page lies inside the memory');
    this.words = words;
    this.start = start;
    this.lock = new SeqlockWriter(words, start + COUNTERS_LOCK);
    for (let text = 0; text < TEXT_COUNT; text += 1) atomicStore(words, this.textAt(text), NO_TEXT);
  }

  progress(): void {
    atomicAdd(this.words, this.start + PROGRESS, 1);
  }

  enter(operation: DeviceFault['operation']): void {
    const code = DEVICE_OPERATIONS.indexOf(operation) + 1;
    atomicStore(this.words, this.start + OPERATION, code);
  }

  leave(): void {
    atomicStore(this.words, this.start + OPERATION, 0);
    this.progress();
  }

  get stopAsked(): boolean {
    return atomicLoad(this.words, this.start + STOP) !== 0;
  }

  publish(counters: PublishedCounters): void {
    this.counters = counters;
    this.lock.write(this.storeCounters);
  }

  private readonly storeCounters = (): void => {
    const { counters } = this;
    if (counters === undefined) return;
    for (let n = 0; n < COUNTER_NAMES.length; n += 1) {
      const name = COUNTER_NAMES[n] as keyof PublishedCounters;
      storeDouble(this.words, this.start + COUNTERS + 2 * n, counters[name]);
    }
  };

  /** Keeps the beginning of `text` for whoever reads of fault `number`. */
  describe(number: number, text: string): void {
    const at = this.textAt(placeOf(number));
    const units = Math.min(text.length, TEXT_UNITS_MAX);
    // Not readable while it is being written.
    atomicStore(this.words, at, NO_TEXT);
    atomicStore(this.words, at + 1, units);
    for (let unit = 0; unit < units; unit += 2) {
      const pair = text.charCodeAt(unit) | ((text.charCodeAt(unit + 1) || 0) << 16);
      atomicStore(this.words, at + 2 + unit / 2, pair);
    }
    atomicStore(this.words, at, number);
  }

  private textAt(text: number): number {
    return this.start + TEXTS + text * TEXT_WORDS;
  }
}

/** Anybody else's side. */
export class DiskPageReader {
  private readonly words: Int32Array;
  private readonly start: number;
  private newest: PublishedCounters | undefined;

  constructor(words: Int32Array, start: number) {
    assert(words.length >= start + DISK_PAGE_WORDS, 'the disk page lies inside the memory');
    this.words = words;
    this.start = start;
  }

  get progress(): number {
    return atomicLoad(this.words, this.start + PROGRESS);
  }

  /** The call of its file that the disk is in. */
  get operation(): DeviceFault['operation'] | undefined {
    return DEVICE_OPERATIONS[atomicLoad(this.words, this.start + OPERATION) - 1];
  }

  /** The store's: from now on the disk writes and flushes no more. Rings no bell. */
  askStop(): void {
    atomicStore(this.words, this.start + STOP, 1);
  }

  /** Those of the last time when the disk's thread sleeps, or has died, while it writes them. */
  counters(): PublishedCounters | undefined {
    const counters = readSeqlock(this.words, this.start + COUNTERS_LOCK, () => {
      const entries = COUNTER_NAMES.map((name, n) => {
        return [name, loadDouble(this.words, this.start + COUNTERS + 2 * n)] as const;
      });
      return Object.fromEntries(entries) as PublishedCounters;
    });
    this.newest = counters ?? this.newest;
    return this.newest;
  }

  /** Empty when other faults have taken its place. */
  describe(number: number): string {
    const at = this.start + TEXTS + placeOf(number) * TEXT_WORDS;
    if (atomicLoad(this.words, at) !== number) return '';
    const units = Math.min(atomicLoad(this.words, at + 1), TEXT_UNITS_MAX);
    let text = '';
    for (let unit = 0; unit < units; unit += 1) {
      const pair = atomicLoad(this.words, at + 2 + (unit >>> 1));
      text += String.fromCharCode((unit & 1) === 0 ? pair & 0xffff : pair >>> 16);
    }
    return atomicAdd(this.words, at, 0) === number ? text : '';
  }
}

function placeOf(number: number): number {
  return number === FIRST_FAULT ? 0 : 1 + (number % (TEXT_COUNT - 1));
}
