/**
 * Completions on their way from a disk loop to the engine, first in, first out. Bounded: it starts small and doubles
 * up to its limit, because most stores never have more than a few hundred undelivered; at the limit the disk loop
 * stops working until some are taken.
 *
 * Not a list of objects: a commit of 64 MiB completes thousands of writes, and none of them should cost an allocation.
 */
import { assert, fail, unreachable } from '../base/assert.ts';
import { isCount } from '../base/brand.ts';
import type { CompletionSink, Outcome } from './disk-port.ts';

/** Which method of the sink a completion is for; `answered` is for none, it ends a plain request between threads. */
export const COMPLETION = {
  written: 0,
  freed: 1,
  fenced: 2,
  loaded: 3,
  filled: 4,
  answered: 5,
} as const;
export type CompletionKind = (typeof COMPLETION)[keyof typeof COMPLETION];

const CAPACITY_FIRST = 64;

export class CompletionList {
  /** How many may wait, at most. */
  readonly limit: number;
  private first = 0;
  private count = 0;
  /** Capacity is a power of two, so that the place in the circle is a mask away. */
  private capacity = CAPACITY_FIRST;
  private kinds = new Uint8Array(CAPACITY_FIRST);
  private cookies = new Float64Array(CAPACITY_FIRST);
  private outcomes: Outcome[] = new Array<Outcome>(CAPACITY_FIRST).fill('ok');

  /** What `shift` took last. */
  kind: CompletionKind = COMPLETION.written;
  cookie = 0;
  outcome: Outcome = 'ok';

  constructor(limit: number) {
    assert(isCount(limit) && limit > 0 && limit <= 2 ** 24, 'a completion list has a limit');
    this.limit = limit;
  }

  get length(): number {
    return this.count;
  }

  /** How many more may be pushed. */
  get room(): number {
    return this.limit - this.count;
  }

  push(kind: CompletionKind, cookie: number, outcome: Outcome): void {
    assert(this.count < this.limit, 'completions are pushed only where there is room');
    if (this.count === this.capacity) this.double();
    const place = (this.first + this.count) & (this.capacity - 1);
    this.kinds[place] = kind;
    this.cookies[place] = cookie;
    this.outcomes[place] = outcome;
    this.count += 1;
  }

  /**
   * Hands to `sink` what is there now, and returns how many that were. The sink may submit requests; what completes
   * through that waits for the next call, so that this one ends.
   */
  deliver(sink: CompletionSink): number {
    const there = this.count;
    let delivered = 0;
    while (delivered < there && this.shift()) {
      delivered += 1;
      hand(sink, this.kind, this.cookie, this.outcome);
    }
    return delivered;
  }

  /** Takes the oldest one into `kind`, `cookie` and `outcome`. Returns false when there is none. */
  shift(): boolean {
    if (this.count === 0) return false;
    const place = this.first;
    this.kind = this.kinds[place] as CompletionKind;
    this.cookie = this.cookies[place] as number;
    this.outcome = this.outcomes[place] as Outcome;
    this.first = (place + 1) & (this.capacity - 1);
    this.count -= 1;
    return true;
  }

  private double(): void {
    const { first, count, capacity } = this;
    const kinds = new Uint8Array(capacity * 2);
    const cookies = new Float64Array(capacity * 2);
    const outcomes = new Array<Outcome>(capacity * 2).fill('ok');
    for (let n = 0; n < count; n += 1) {
      const place = (first + n) & (capacity - 1);
      kinds[n] = this.kinds[place] as number;
      cookies[n] = this.cookies[place] as number;
      outcomes[n] = this.outcomes[place] as Outcome;
    }
    this.first = 0;
    this.capacity = capacity * 2;
    this.kinds = kinds;
    this.cookies = cookies;
    this.outcomes = outcomes;
  }
}

function hand(sink: CompletionSink, kind: CompletionKind, cookie: number, outcome: Outcome): void {
  switch (kind) {
    case COMPLETION.written:
      sink.written(cookie, outcome);
      break;
    case COMPLETION.freed:
      sink.freed(cookie, outcome);
      break;
    case COMPLETION.fenced:
      sink.fenced(cookie, outcome);
      break;
    case COMPLETION.loaded:
      sink.loaded(cookie, outcome);
      break;
    case COMPLETION.filled:
      sink.filled(cookie);
      break;
    case COMPLETION.answered:
      fail('an answer is taken by who asked');
      break;
    default:
      unreachable(kind);
  }
}
