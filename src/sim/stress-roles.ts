/**
 * What each thread of a stress run does: real threads on real shared memory, as fast as they can. Every role checks
 * what it sees and throws when something is torn, lost or out of order; its result is what it has counted. The
 * enumerated schedules find what a wrong order of steps does; these runs find what the machine's memory does besides.
 */
import { assert } from '../base/assert.ts';
import type { BlockAddress, Generation } from '../base/brand.ts';
import { Cache } from '../cache/cache.ts';
import { CacheReader } from '../cache/cache-reader.ts';
import { NO_SLOT } from '../cache/slot-list.ts';
import { EpochClock, type EpochLayout, EpochSlot } from '../epoch/epochs.ts';
import type { Pointer } from '../format/pointer.ts';
import { atomicAdd, atomicLoad, atomicStore, plainLoad, plainStore } from '../shared/atomics.ts';
import { cacheLayout } from '../shared/cache-layout.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { MailboxClient, MailboxServer } from '../shared/mailbox.ts';
import { type RingLayout, RingReader, RingWriter } from '../shared/ring.ts';
import { readSeqlock, SeqlockWriter } from '../shared/seqlock.ts';
import { readTwin, TwinWriter } from '../shared/twin.ts';
import { Random } from './random.ts';

export interface StressMemory {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
}

export const STRESS_WORDS = 32_768;
export const STRESS_BYTES = 2 ** 16;

/** Bells and flags, each on a line of its own. */
const BELL_A = 0;
const BELL_B = 16;
const DONE = 32;
/** Readers that have seen something change. Writers go on until all have: they may start late on a busy machine. */
const SEEN = 48;
const START = 64;

/** Long enough for a machine that is busy; whoever sleeps so long has missed a wake-up. */
const LOST_MS = 30_000;

/** Sleeps until `look` finds something. */
function sleepUntil(bell: Doorbell, look: () => boolean): void {
  for (;;) {
    const seen = bell.value;
    if (look()) return;
    const before = performance.now();
    bell.wait(seen, LOST_MS);
    assert(performance.now() - before < LOST_MS, 'a wake-up is lost');
  }
}

const RING: RingLayout = { start: START, cellCount: 64, cellWords: 4 };

function writeRing({ words }: StressMemory, count: number): number {
  const writer = new RingWriter(words, RING);
  const random = new Random(1);
  const [room, work] = [new Doorbell(words, BELL_A), new Doorbell(words, BELL_B)];
  let sleeps = 0;
  for (let value = 0; value < count; value += 1) {
    let at = writer.claim();
    if (at < 0) {
      work.ring();
      sleeps += 1;
      sleepUntil(room, () => {
        at = writer.claim();
        return at >= 0;
      });
    }
    for (let word = 0; word < RING.cellWords; word += 1) plainStore(words, at + word, value ^ word);
    writer.publish();
    if (random.below(16) === 0) work.ring();
  }
  work.ring();
  return sleeps;
}

function readRing({ words }: StressMemory, count: number): number {
  const reader = new RingReader(words, RING);
  const [room, work] = [new Doorbell(words, BELL_A), new Doorbell(words, BELL_B)];
  let sleeps = 0;
  for (let value = 0; value < count; value += 1) {
    let at = reader.peek();
    if (at < 0) {
      room.ring();
      sleeps += 1;
      sleepUntil(work, () => {
        at = reader.peek();
        return at >= 0;
      });
    }
    for (let word = 0; word < RING.cellWords; word += 1) {
      assert(plainLoad(words, at + word) === (value ^ word), 'a cell is whole, and in order');
    }
    reader.release();
    if ((value & 31) === 0) room.ring();
  }
  room.ring();
  return sleeps;
}

/** Rings and waits for the other one to ring; `mine` first when `serves`. */
function pingPong({ words }: StressMemory, count: number, serves: boolean): number {
  const mine = new Doorbell(words, serves ? BELL_A : BELL_B);
  const theirs = new Doorbell(words, serves ? BELL_B : BELL_A);
  for (let round = 1; round <= count; round += 1) {
    if (serves) theirs.ring();
    sleepUntil(mine, () => mine.value === (round | 0));
    if (!serves) theirs.ring();
  }
  return count;
}

const MAILBOX = { start: START, cellCount: 48 };

/** Keeps as many requests on their way as there are cells. */
function askMailbox({ words }: StressMemory, count: number): number {
  const client = new MailboxClient(words, MAILBOX);
  const [answers, requests] = [new Doorbell(words, BELL_A), new Doorbell(words, BELL_B)];
  const waiting: number[] = [];
  let asked = 0;
  const take = () => {
    const cell = waiting[0];
    if (cell === undefined || !client.isAnswered(cell)) return false;
    const at = client.payloadOf(cell);
    assert(plainLoad(words, at + 1) === ~plainLoad(words, at), 'an answer is its request’s');
    client.release(cell);
    waiting.shift();
    return true;
  };
  while (asked < count || waiting.length > 0) {
    for (let cell = asked < count ? client.claim() : -1; cell >= 0; ) {
      plainStore(words, client.payloadOf(cell), asked);
      plainStore(words, client.payloadOf(cell) + 1, asked);
      client.post(cell);
      waiting.push(cell);
      asked += 1;
      cell = asked < count ? client.claim() : -1;
    }
    requests.ring();
    sleepUntil(answers, take);
    while (take());
  }
  return asked;
}

function serveMailbox({ words }: StressMemory, count: number): number {
  const server = new MailboxServer(words, MAILBOX);
  const [answers, requests] = [new Doorbell(words, BELL_A), new Doorbell(words, BELL_B)];
  let served = 0;
  while (served < count) {
    sleepUntil(requests, () => {
      const taken = server.takePosted((cell) => {
        const at = server.payloadOf(cell);
        plainStore(words, at + 1, ~plainLoad(words, at));
        server.answer(cell);
      });
      served += taken;
      return taken > 0;
    });
    answers.ring();
  }
  return served;
}

const LOCKED_WORDS = 32;
const PAUSE = START + 64;

function writeLocked({ words }: StressMemory, count: number): number {
  const lock = new SeqlockWriter(words, START);
  for (let n = 1; n <= count || atomicLoad(words, SEEN) < 1; n += 1) {
    lock.write(() => {
      for (let word = 1; word <= LOCKED_WORDS; word += 1) atomicStore(words, START + word, n);
    });
    // As long again: without a pause readers would hardly ever come to an end.
    for (let word = 1; word <= LOCKED_WORDS; word += 1) atomicStore(words, PAUSE, n);
  }
  atomicStore(words, DONE, 1);
  return count;
}

/** Without a pause: readers need none. */
function writeTwin({ words }: StressMemory, count: number): number {
  const twin = new TwinWriter(words, START);
  for (let n = 1; n <= count || atomicLoad(words, SEEN) < 1; n += 1) {
    twin.write((half) => {
      const at = START + 16 + half * LOCKED_WORDS;
      for (let word = 0; word < LOCKED_WORDS; word += 1) atomicStore(words, at + word, n);
    });
  }
  atomicStore(words, DONE, 1);
  return count;
}

/** Its result: how many different writes it saw. */
function readTwins({ words }: StressMemory): number {
  const seen = new Int32Array(LOCKED_WORDS);
  let last = 0;
  let changes = 0;
  while (atomicLoad(words, DONE) === 0) {
    readTwin(words, START, (half) => {
      const at = START + 16 + half * LOCKED_WORDS;
      for (let word = 0; word < LOCKED_WORDS; word += 1) seen[word] = plainLoad(words, at + word);
    });
    const [first = 0] = seen;
    assert(
      seen.every((word) => word === first),
      'no read is torn',
    );
    assert(first >= last, 'no reader goes back');
    if (first !== last) changes = noteChange(words, changes);
    last = first;
  }
  return changes;
}

/** Its result: how many different writes it saw. */
function readLocked({ words }: StressMemory): number {
  const seen = new Int32Array(LOCKED_WORDS);
  let last = 0;
  let changes = 0;
  while (atomicLoad(words, DONE) === 0) {
    const hasRead = readSeqlock(words, START, () => {
      for (let word = 0; word < LOCKED_WORDS; word += 1) {
        seen[word] = plainLoad(words, START + 1 + word);
      }
      return true;
    });
    // The system put the writer to sleep in the middle.
    if (hasRead === undefined) continue;
    const [first = 0] = seen;
    assert(
      seen.every((word) => word === first),
      'no read is torn',
    );
    assert(first >= last, 'no reader goes back');
    if (first !== last) changes = noteChange(words, changes);
    last = first;
  }
  return changes;
}

function noteChange(words: Int32Array, changes: number): number {
  if (changes === 0) atomicAdd(words, SEEN, 1);
  return changes + 1;
}

const BLOCK_BYTES = 4096;
const SLOTS = 8;
const ADDRESSES = 16;
const CACHE = cacheLayout({ slotCount: SLOTS, blockBytes: BLOCK_BYTES });
const CONTROL = 1024;
/** The newest generation of each address. */
const NEWEST = CONTROL + CACHE.wordCount;

function pointerTo(block: number, generation: number): Pointer {
  return {
    address: (block * BLOCK_BYTES) as BlockAddress,
    generation: generation as Generation,
    hashHigh: Math.imul(generation, 0x9e3779b1) >>> 0,
    hashLow: Math.imul(block + 1, 0x85ebca6b) >>> 0,
  };
}

/** What every word of a block is. */
function contentOf({ address, hashHigh }: Pointer): number {
  return (hashHigh ^ address) >>> 0;
}

function fillCache({ words, bytes }: StressMemory, count: number): number {
  const control = words.subarray(CONTROL, NEWEST);
  const sizes = { slotCount: SLOTS, blockBytes: BLOCK_BYTES };
  const cache = new Cache({ ...sizes, memory: { bytes }, control });
  const random = new Random(2);
  for (let n = 1; n <= count || atomicLoad(words, SEEN) < 1; n += 1) {
    const block = random.below(ADDRESSES);
    const pointer = pointerTo(block, n);
    const slot = cache.pluck();
    assert(slot !== NO_SLOT, 'nothing is held');
    const content = cache.bytesOf(slot);
    new Uint32Array(content.buffer, content.byteOffset, BLOCK_BYTES / 4).fill(contentOf(pointer));
    cache.insertDirty(slot, pointer);
    cache.written(slot);
    atomicStore(words, NEWEST + block, n);
  }
  atomicStore(words, DONE, 1);
  return count;
}

/** Its result: hits. */
function readCache({ words, bytes }: StressMemory): number {
  const control = words.subarray(CONTROL, NEWEST);
  const reader = new CacheReader({ layout: CACHE, control, memory: { bytes } });
  const random = new Random(3);
  const into = new Uint8Array(BLOCK_BYTES);
  const contents = new Uint32Array(into.buffer);
  let hits = 0;
  while (atomicLoad(words, DONE) === 0) {
    const block = random.below(ADDRESSES);
    const pointer = pointerTo(block, atomicLoad(words, NEWEST + block));
    if (pointer.generation === 0 || !reader.copy(pointer, into)) continue;
    const content = contentOf(pointer);
    for (const word of contents) assert(word === content, 'I2: a hit is the pointer’s block');
    hits = noteChange(words, hits);
  }
  return hits;
}

const EPOCHS: EpochLayout = {
  epoch: START,
  clientCount: 2,
  clientEpoch: (client) => START + 16 * (client + 1),
};
const PUBLISHED = START + 64;
const POOL = START + 128;
const POOL_BLOCKS = 8;
const POOL_BLOCK_WORDS = 16;
const REUSED = -1;

/** Publishes block after block; frees the old one, and spoils it before it is used again. Counts those times. */
function publishBlocks({ words }: StressMemory, count: number): number {
  const clock = new EpochClock(words, EPOCHS);
  // Fresh words say that block 0 is published: readers may look at it before anything else is.
  let published = 0;
  const free = Array.from({ length: POOL_BLOCKS - 1 }, (_, block) => block + 1);
  const limbo: { block: number; epoch: number }[] = [];
  const fill = (block: number, value: number) => {
    const at = POOL + block * POOL_BLOCK_WORDS;
    for (let word = 0; word < POOL_BLOCK_WORDS; word += 1) plainStore(words, at + word, value);
  };
  let reuses = 0;
  for (let n = 1; n <= count || atomicLoad(words, SEEN) < 2; n += 1) {
    while (free.length === 0) {
      clock.tryAdvance();
      for (let old = limbo[0]; old !== undefined && clock.hasPassed(old.epoch); old = limbo[0]) {
        limbo.shift();
        fill(old.block, REUSED);
        free.push(old.block);
        reuses += 1;
      }
    }
    const next = free.pop() as number;
    fill(next, n);
    atomicStore(words, PUBLISHED, next);
    limbo.push({ block: published, epoch: clock.current });
    published = next;
  }
  atomicStore(words, DONE, 1);
  return reuses;
}

/** Its result: how many different blocks it saw. */
function readBlocks({ words }: StressMemory, client: number): number {
  const slot = new EpochSlot(words, EPOCHS, client);
  let changes = 0;
  let last = 0;
  while (atomicLoad(words, DONE) === 0) {
    const epoch = slot.enter();
    const at = POOL + atomicLoad(words, PUBLISHED) * POOL_BLOCK_WORDS;
    const first = plainLoad(words, at);
    for (let word = POOL_BLOCK_WORDS - 1; word >= 0; word -= 1) {
      assert(plainLoad(words, at + word) === first, 'I4: a block is not reused while it is read');
    }
    slot.leave(epoch);
    assert(first >= last, 'I4: what is published does not go back');
    if (first !== last) changes = noteChange(words, changes);
    last = first;
  }
  return changes;
}

export const ROLES = {
  writeRing,
  readRing,
  ping: (memory: StressMemory, count: number) => pingPong(memory, count, true),
  pong: (memory: StressMemory, count: number) => pingPong(memory, count, false),
  askMailbox,
  serveMailbox,
  writeLocked,
  readLocked,
  writeTwin,
  readTwins,
  fillCache,
  readCache,
  publishBlocks,
  readBlocks: (memory: StressMemory) => readBlocks(memory, 0),
  readBlocksToo: (memory: StressMemory) => readBlocks(memory, 1),
} as const;

export type Role = keyof typeof ROLES;
