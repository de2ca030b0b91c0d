/**
 * The store's end of one disk that lives in another thread: its request ring and completion ring, the bells of both,
 * and plain requests that are answered before they return. `RingPort` and `RemoteDevice` both stand on it, for a ring
 * has one writer.
 *
 * Nothing here hangs when the other thread is gone: whoever ends the session says so in its page and rings all bells,
 * and from then on (as after `close`) every request is met by a fault of kind `gone`.
 *
 * Why no wake-up is lost: each side reads its bell before it looks for work and sleeps on what it read. The disk rings
 * when it has published something that this side acts on, and when it has made room in a full ring. That writes have
 * landed it tells only while this side says that it waits for any completion, which it says before it looks. This side
 * rings when it has pushed something that the disk should see, and when it has emptied a completion ring that was full,
 * for then the disk may be waiting for room.
 */
import { assert } from '../base/assert.ts';
import type { DiskIndex } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import { atomicLoad, atomicStore } from '../shared/atomics.ts';
import { COMPLETION_CELLS, SESSION } from '../shared/control-layout.ts';
import { DiskPageReader } from '../shared/disk-page.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { RingReader, RingWriter } from '../shared/ring.ts';
import type { SessionMemory } from '../shared/session-memory.ts';
import { COMPLETION, CompletionList } from './completion-list.ts';
import type { Outcome } from './disk-port.ts';
import {
  FAULT_TOLD,
  faultAt,
  faultNumberAt,
  isFirstFault,
  kindAt,
  outcomeAt,
  type PlainOperation,
  putRequest,
  type RequestOperation,
  valueAt,
} from './disk-protocol.ts';

/** How a thread sleeps on a bell: really, or, in tests, by running the other threads meanwhile. */
export interface Waiting {
  /** Until somebody has rung since the bell was `seen`, or for a while. */
  wait(bell: Doorbell, seen: number): void;
}

/** Between two looks at whether the session has ended; bells are rung for it, this is for whoever dies at that. */
const LOOK_MS = 500;
/** The most that a list can have: this thread both fills and empties it, and a ring must not fill up over it. */
const COMPLETIONS_MAX = 2 ** 24;

export const BLOCKING: Waiting = { wait: (bell, seen) => bell.waitAwake(seen, LOOK_MS) };

export interface DiskLinkOptions {
  readonly disk: DiskIndex;
  /** The file's name, for messages. */
  readonly file: string;
  readonly memory: SessionMemory;
  readonly waiting: Waiting;
}

export class DiskLink {
  readonly disk: DiskIndex;
  readonly file: string;
  readonly memory: SessionMemory;
  readonly page: DiskPageReader;
  /** The store's bell: rung by all disks. */
  readonly bell: Doorbell;
  /** Taken from the ring and not yet delivered. */
  readonly completions = new CompletionList(COMPLETIONS_MAX);
  /** What the store has stopped the disk with; the disk answers with its number only. */
  told: DeviceFault | undefined;

  private readonly waiting: Waiting;
  private readonly diskBell: Doorbell;
  private readonly requests: RingWriter;
  private readonly answers: RingReader;
  /** The fault that ended writing, as first told: the same object for all. */
  private first: DeviceFault | undefined;
  private lost: DeviceFault | undefined;
  private answered = false;
  private answer = 0;
  private answerOutcome: Outcome = 'ok';

  constructor({ disk, file, memory, waiting }: DiskLinkOptions) {
    const { words, control } = memory;
    this.disk = disk;
    this.file = file;
    this.memory = memory;
    this.waiting = waiting;
    this.page = new DiskPageReader(words, control.diskPage(disk));
    this.bell = new Doorbell(words, control.storeBell);
    this.diskBell = new Doorbell(words, control.diskBell(disk));
    this.requests = new RingWriter(words, control.requestRing(disk));
    this.answers = new RingReader(words, control.completionRing(disk));
  }

  /** Why nothing more comes from this disk, if so. What it has told until now is taken, and nothing after that. */
  get gone(): DeviceFault | undefined {
    if (this.lost === undefined && this.sessionEnded()) {
      this.take();
      this.lost = this.goneFault('the session ended');
    }
    return this.lost;
  }

  /**
   * The next request's cell, with its operation in it, waiting for room if need be: completions taken meanwhile are
   * kept. −1 when the disk is gone.
   */
  claim(operation: RequestOperation, detail: number): number {
    for (;;) {
      if (this.gone !== undefined) return -1;
      const seen = this.bell.value;
      const at = this.requests.claim();
      if (at >= 0) {
        putRequest(this.memory.words, at, operation, detail);
        return at;
      }
      this.ring();
      if (this.take() === 0) this.sleep(seen);
    }
  }

  /** Hands the claimed cell over. */
  publish(): void {
    this.requests.publish();
  }

  ring(): void {
    this.diskBell.ring();
  }

  sleep(seen: number): void {
    this.waiting.wait(this.bell, seen);
  }

  /** From now on the bell is rung for writes too. */
  beginWaiting(): void {
    const { words, control } = this.memory;
    atomicStore(words, control.storeWaits, 1);
  }

  endWaiting(): void {
    const { words, control } = this.memory;
    atomicStore(words, control.storeWaits, 0);
  }

  /** Moves what the ring has into `completions`. Returns how many cells that were. */
  take(): number {
    if (this.lost !== undefined) return 0;
    const { words } = this.memory;
    let count = 0;
    for (let at = this.answers.peek(); at >= 0; at = this.answers.peek()) {
      const kind = kindAt(words, at);
      const outcome = this.outcomeAt(at);
      if (kind === COMPLETION.answered) {
        this.answered = true;
        this.answer = valueAt(words, at);
        this.answerOutcome = outcome;
      } else {
        this.completions.push(kind, valueAt(words, at), outcome);
      }
      this.answers.release();
      count += 1;
    }
    if (count >= COMPLETION_CELLS) this.ring();
    return count;
  }

  /**
   * A plain request, to its end: what it answers, or why not. `fill` puts into the cell what the operation needs.
   */
  call(
    operation: PlainOperation,
    detail: number,
    fill?: (at: number) => void,
  ): number | DeviceFault {
    const at = this.claim(operation, detail);
    if (at < 0) return this.gone as DeviceFault;
    fill?.(at);
    this.answered = false;
    this.publish();
    this.ring();
    for (;;) {
      const seen = this.bell.value;
      this.take();
      const { gone } = this;
      if (this.answered) break;
      if (gone !== undefined) return gone;
      this.sleep(seen);
    }
    assert(this.answerOutcome !== 'corrupt', 'a plain request is done or has failed');
    return typeof this.answerOutcome === 'object' ? this.answerOutcome : this.answer;
  }

  /** After this nobody asks any more; its thread ends. */
  closed(): void {
    this.lost ??= this.goneFault('closed');
  }

  goneFault(detail: string): DeviceFault {
    const numbers = { offset: 0, expected: 0, actual: 0 };
    return { kind: 'gone', operation: 'close', file: this.file, ...numbers, detail };
  }

  private sessionEnded(): boolean {
    const { words, control } = this.memory;
    return atomicLoad(words, control.session + SESSION.ended) !== 0;
  }

  private outcomeAt(at: number): Outcome {
    const outcome = outcomeAt(this.memory.words, at);
    return outcome === 'fault' ? this.faultAt(at) : outcome;
  }

  private faultAt(at: number): DeviceFault {
    const number = faultNumberAt(this.memory.words, at);
    if (number === FAULT_TOLD) {
      assert(this.told !== undefined, 'I12: a disk is stopped with a fault');
      return this.told;
    }
    if (isFirstFault(number) && this.first !== undefined) return this.first;
    const text = { file: this.file, detail: this.page.describe(number) };
    const fault = faultAt(this.memory.words, at, text);
    if (isFirstFault(number)) this.first = fault;
    return fault;
  }
}
