/**
 * Which states the readers of all threads may still be looking at. Owns the readers' half of I4 where threads are
 * concerned: what was made unreachable at epoch e is reused when `hasPassed(e)`, and then no reader can see it.
 *
 *     the store worker                      a client's thread
 *     unpublish; freed at `current`         epoch = enter()
 *     tryAdvance() now and then             look at the published state, read blocks
 *     reuse once hasPassed(epoch)           leave(epoch)
 *
 * **Why two epochs.** The epoch moves on only when every client that is inside is at the current one. A reader that
 * could see a block was inside before the block was unpublished at e, so it is at e or earlier and keeps the epoch from
 * going to e + 2. One that enters later looks at the published state after its word was written, and sees the block no
 * more. All accesses to these words are atomic: a client's word must be seen before the client looks at anything.
 *
 * **Why `enter` looks twice.** Between reading the epoch and writing it down a thread may sleep as long as it likes.
 * The second look makes sure that what is pinned is one of the two newest epochs, so that nobody is blamed for an old
 * epoch that he has only just entered, and two counters are enough for the readers of a thread.
 *
 * The global word counts the advances so far, a client's word is that plus 1, or 0 when nobody is inside. So memory
 * that is all zeroes is ready: epoch 1, no readers. Words count in a circle of 2^31 − 1, which is no limit: what is
 * pinned is at most a step or two behind, so the owner knows which round it belongs to, and counts epochs in full.
 */
import { assert } from '../base/assert.ts';
import { atomicLoad, atomicStore } from '../shared/atomics.ts';

/** Where the words are, see `shared/control-layout`. */
export interface EpochLayout {
  readonly epoch: number;
  readonly clientCount: number;
  clientEpoch(client: number): number;
}

/** Epochs that have to begin after the one in which something was freed. */
export const EPOCHS_DEFERRED = 2;

/** Words count 0 … 2^31 − 2, and then from 0 again. */
const ROUND = 2 ** 31 - 1;

/** What a client's word says while it has pinned the epoch that the global word stands for. */
function pinOf(globalWord: number): number {
  return globalWord + 1;
}

/** The epoch that a client's word stands for; 0 when it is not inside. */
function epochOfPin(word: number, now: number): number {
  if (word === 0) return 0;
  const behind = (now - word + ROUND) % ROUND;
  return now - behind;
}

/**
 * What anybody may see: the epoch, and the oldest that each client has pinned. Of the epoch's number only its place in
 * the circle is known to others than its owner.
 */
export function lookAtEpochs(
  words: Int32Array,
  layout: EpochLayout,
): { readonly global: number; readonly pinned: readonly number[] } {
  const global = atomicLoad(words, layout.epoch) + 1;
  const pinned = placesOf(layout).map((at) => epochOfPin(atomicLoad(words, at), global));
  return { global, pinned };
}

/** The owner's side: in the store worker, and nowhere else. */
export class EpochClock {
  private readonly words: Int32Array;
  private readonly globalAt: number;
  private readonly clientsAt: readonly number[];
  private now: number;

  constructor(words: Int32Array, layout: EpochLayout) {
    this.words = words;
    this.globalAt = layout.epoch;
    this.clientsAt = placesOf(layout);
    this.now = atomicLoad(words, this.globalAt) + 1;
  }

  /** The epoch's number, from 1. */
  get current(): number {
    return this.now;
  }

  /** Goes to the next epoch, unless a client is inside and not at this one. */
  tryAdvance(): boolean {
    const globalWord = (this.now - 1) % ROUND;
    for (const at of this.clientsAt) {
      const word = atomicLoad(this.words, at);
      if (word !== 0 && word !== pinOf(globalWord)) return false;
    }
    this.now += 1;
    atomicStore(this.words, this.globalAt, (this.now - 1) % ROUND);
    return true;
  }

  /** Whether no reader can see what was unpublished before or during this epoch. */
  hasPassed(epoch: number): boolean {
    return this.now >= epoch + EPOCHS_DEFERRED;
  }

  /**
   * The oldest epoch that a client has pinned; 0 when it is not inside. A client that is just about to enter may be
   * seen with an old one for a moment.
   */
  pinned(client: number): number {
    return epochOfPin(atomicLoad(this.words, this.placeOf(client)), this.now);
  }

  /** The oldest epoch that any client has pinned. */
  oldestPinned(): number | undefined {
    let oldest: number | undefined;
    for (let client = 0; client < this.clientsAt.length; client += 1) {
      const epoch = this.pinned(client);
      if (epoch !== 0 && (oldest === undefined || epoch < oldest)) oldest = epoch;
    }
    return oldest;
  }

  /** The client is dead: what it had pinned is not any more. */
  clear(client: number): void {
    atomicStore(this.words, this.placeOf(client), 0);
  }

  private placeOf(client: number): number {
    const at = this.clientsAt[client];
    assert(at !== undefined, 'I4: a client has a word for its epoch');
    return at;
  }
}

/** A client's side. One per client; its readers overlap as they like. */
export class EpochSlot {
  private readonly words: Int32Array;
  private readonly globalAt: number;
  private readonly at: number;
  /** What the client's word says: the oldest epoch that one of its readers entered; 0: nobody is inside. */
  private oldest = 0;
  private oldestCount = 0;
  /** The one epoch that can follow while the oldest is pinned; 0: nobody is there. */
  private newest = 0;
  private newestCount = 0;

  constructor(words: Int32Array, layout: EpochLayout, client: number) {
    assert(client >= 0 && client < layout.clientCount, 'I4: a client has a word for its epoch');
    this.words = words;
    this.globalAt = layout.epoch;
    this.at = layout.clientEpoch(client);
    assert(atomicLoad(words, this.at) === 0, 'I4: nobody else is inside under this word');
  }

  /** What the word says: 0, or the oldest epoch pinned, as `enter` gave it. */
  get pinnedOldest(): number {
    return this.oldest;
  }

  /**
   * From now on nothing is reused that can be reached from what is published from now on. Answers what to `leave`
   * with: the epoch's number, in a circle of 2^31 − 1.
   */
  enter(): number {
    if (this.oldest === 0) return this.enterAlone();
    const epoch = pinOf(atomicLoad(this.words, this.globalAt));
    if (epoch === this.oldest) {
      this.oldestCount += 1;
      return epoch;
    }
    // The older pin holds until all of its readers have left, and there is no gap to this one. A reader in its place
    // would keep the older one alive: readers that overlap without end would stop the epochs.
    assert(this.newest === 0 || this.newest === epoch, 'I4: at most two epochs are pinned');
    this.newest = epoch;
    this.newestCount += 1;
    return epoch;
  }

  leave(epoch: number): void {
    assert(epoch !== 0, 'I4: a reader leaves the epoch that it entered');
    if (epoch === this.oldest) {
      this.oldestCount -= 1;
      if (this.oldestCount === 0) this.moveOn();
    } else {
      assert(epoch === this.newest, 'I4: a reader leaves the epoch that it entered');
      this.newestCount -= 1;
      if (this.newestCount === 0) this.newest = 0;
    }
  }

  private enterAlone(): number {
    // Ends after a few rounds: once an old epoch stands in the word, the clock moves on by no more than the step that
    // it had begun.
    for (;;) {
      const globalWord = atomicLoad(this.words, this.globalAt);
      atomicStore(this.words, this.at, pinOf(globalWord));
      if (atomicLoad(this.words, this.globalAt) !== globalWord) continue;
      this.oldest = pinOf(globalWord);
      this.oldestCount = 1;
      return this.oldest;
    }
  }

  private moveOn(): void {
    this.oldest = this.newest;
    this.oldestCount = this.newestCount;
    this.newest = 0;
    this.newestCount = 0;
    atomicStore(this.words, this.at, this.oldest);
  }
}

function placesOf(layout: EpochLayout): number[] {
  return Array.from({ length: layout.clientCount }, (_, client) => layout.clientEpoch(client));
}
