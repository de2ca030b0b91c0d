/**
 * Several threads in one, in every order that matters. A test puts the model of `shared/atomics` (`schedule-atomics`)
 * in the real one's place; before each access the explorer decides who goes on. It enumerates all schedules with at
 * most so many *pre-emptions* (switches away from a thread that could have gone on): two or three are enough for
 * nearly every race that has ever been found, and their number stays small enough to try them all (after CHESS, by
 * Musuvathi and Qadeer).
 *
 * A thread is an ordinary synchronous function. To leave it in the middle, the explorer throws; to come back, it runs
 * the function again from its start and replays what its accesses answered, without performing them. So a thread builds
 * its own objects, sees shared memory only through the model, and has no effects but its result:
 *
 *     threads: [() => { const writer = new RingWriter(words, layout); return () => writer.claim(); }]
 *
 * The outer functions run first, one behind the other; what they return is interleaved.
 *
 * What it cannot show: that memory is sequentially consistent is taken for granted. Orders that only a weak memory
 * model allows are argued about in comments, and looked for by stress with real threads.
 */
import { Random } from './random.ts';

export type ThreadStart = () => () => unknown;

export interface Story {
  readonly threads: readonly ThreadStart[];
  /** A thread that may die at each of its accesses. */
  readonly mortal?: number;
  /** Throws when something is wrong, after all threads have ended. The dead have no result. */
  judge(results: readonly unknown[]): void;
}

export interface Bounds {
  readonly preemptions: number;
  /** Sleepers that may wake for no reason. 0 unless told. */
  readonly wakes?: number;
  /** 1: the mortal thread dies at each of its accesses, and at none. */
  readonly deaths?: number;
  /** Whether plain accesses may be pre-empted as well; true unless told. */
  readonly plain?: boolean;
}

export interface Explored {
  readonly schedules: number;
  /** Of the longest schedule. */
  readonly accesses: number;
}

/** Registered by a wait; resolved by a notification, or for no reason. */
export interface Sleep {
  readonly buffer: ArrayBufferLike;
  readonly place: number;
  resolved: boolean;
}

/** Ends a stretch of a thread: another one goes on. */
const SWITCH = new Error('another thread goes on');

const ACCESSES_MAX = 10_000;
/** Who reads the same word so often in a row, and nobody has written, spins: it goes on when somebody writes. */
const SPIN_READS = 3;

const WAKE = 16;
const DIE = 32;
const INDEX_MASK = 15;

type Choose = (optionCount: number) => number;

class Thread {
  readonly start: ThreadStart;
  readonly index: number;
  /** What its accesses answered, and where each was. */
  readonly answers: unknown[] = [];
  readonly places: number[] = [];
  cursor = 0;
  state: 'ready' | 'done' | 'dead' = 'ready';
  result: unknown;
  /** It may go on when this is so. */
  gate: (() => boolean) | undefined;
  sleep: Sleep | undefined;
  /** It was chosen, so its next access needs no decision. */
  granted = false;
  readPlace = -1;
  reads = 0;
  writesSeen = -1;

  constructor(start: ThreadStart, index: number) {
    this.start = start;
    this.index = index;
  }

  get isEnabled(): boolean {
    return this.state === 'ready' && (this.gate === undefined || this.gate());
  }
}

/** One schedule. */
class Run {
  active: Thread | undefined;
  accesses = 0;
  readonly threads: readonly Thread[];
  readonly sleeps: Sleep[] = [];
  readonly plain: boolean;
  private readonly story: Story;
  private readonly choose: Choose;
  private readonly trace: string[] | undefined;
  /** Of all words. */
  private writes = 0;
  private preemptionsLeft: number;
  private wakesLeft: number;
  private deathsLeft: number;
  private phase: 'prologue' | 'start' | 'play' = 'prologue';
  private next: Thread | undefined;

  constructor(story: Story, bounds: Bounds, choose: Choose, trace?: string[]) {
    this.story = story;
    this.threads = story.threads.map((start, index) => new Thread(start, index));
    this.choose = choose;
    this.trace = trace;
    this.plain = bounds.plain ?? true;
    this.preemptionsLeft = bounds.preemptions;
    this.wakesLeft = bounds.wakes ?? 0;
    this.deathsLeft = bounds.deaths ?? 0;
  }

  play(): void {
    for (const thread of this.threads) {
      this.active = thread;
      thread.start();
    }
    // Up to their first accesses, so that those who wait from the beginning are not offered.
    this.phase = 'start';
    for (const thread of this.threads) this.resume(thread);
    this.phase = 'play';
    for (let thread = this.decide(); thread !== undefined; thread = this.next ?? this.decide()) {
      this.resume(thread);
    }
    this.active = undefined;
    const stuck = this.threads.filter(({ state }) => state === 'ready');
    if (stuck.length > 0) {
      throw new Error(`nobody wakes thread ${stuck.map(({ index }) => index).join(' and ')}`);
    }
    this.story.judge(this.threads.map(({ result }) => result));
  }

  /** One access of the thread that runs: answers what it answers, now or when it was performed. */
  access(operation: string, place: number, isPoint: boolean, perform: () => unknown): unknown {
    const thread = this.active as Thread;
    if (thread.cursor < thread.answers.length) return this.replay(thread, place);
    const isRead = operation === 'load';
    if (isRead && this.isSpinning(thread, place)) {
      const { writes } = this;
      thread.gate = () => this.writes !== writes;
    }
    if (isPoint || thread.gate !== undefined) this.yieldTo(thread);
    this.count();
    const answer = perform();
    if (isRead) this.noteRead(thread, place);
    else this.noteWrite(thread);
    this.record(thread, place, answer);
    this.trace?.push(`${thread.index}: ${operation} ${place} → ${String(answer)}`);
    return answer;
  }

  /** The thread that runs goes on when `gate` is open. */
  block(gate: () => boolean, sleep?: Sleep): void {
    const thread = this.active as Thread;
    if (thread.cursor < thread.answers.length) {
      this.replay(thread, -1);
      return;
    }
    thread.gate = gate;
    thread.sleep = sleep;
    this.yieldTo(thread);
    thread.gate = undefined;
    thread.sleep = undefined;
    this.record(thread, -1, undefined);
    this.trace?.push(`${thread.index}: wakes`);
  }

  hasEnded(index: number): boolean {
    return this.threads[index]?.state !== 'ready';
  }

  private replay(thread: Thread, place: number): unknown {
    if (thread.places[thread.cursor] !== place) {
      throw new Error(`thread ${thread.index} did something else when it was run again`);
    }
    const answer = thread.answers[thread.cursor];
    thread.cursor += 1;
    return answer;
  }

  private record(thread: Thread, place: number, answer: unknown): void {
    thread.answers.push(answer);
    thread.places.push(place);
    thread.cursor += 1;
  }

  private hasReadLast(thread: Thread, place: number): boolean {
    return thread.readPlace === place && thread.writesSeen === this.writes;
  }

  private isSpinning(thread: Thread, place: number): boolean {
    return this.hasReadLast(thread, place) && thread.reads >= SPIN_READS;
  }

  private noteRead(thread: Thread, place: number): void {
    thread.reads = this.hasReadLast(thread, place) ? thread.reads + 1 : 1;
    thread.readPlace = place;
    thread.writesSeen = this.writes;
  }

  private noteWrite(thread: Thread): void {
    this.writes += 1;
    thread.readPlace = -1;
  }

  private count(): void {
    this.accesses += 1;
    if (this.accesses > ACCESSES_MAX) throw new Error('the threads come to no end');
  }

  private resume(thread: Thread): void {
    thread.cursor = 0;
    thread.granted = true;
    this.active = thread;
    this.next = undefined;
    try {
      thread.result = thread.start()();
      thread.state = 'done';
    } catch (thrown) {
      if (thrown !== SWITCH) throw thrown;
    }
  }

  /** Before an access: goes on, or leaves the thread for another one. */
  private yieldTo(thread: Thread): void {
    if (this.phase === 'prologue') return;
    if (this.phase === 'start') throw SWITCH;
    if (!thread.granted) {
      const next = this.decide(thread);
      if (next !== thread) {
        this.next = next;
        throw SWITCH;
      }
    }
    thread.granted = false;
    thread.gate = undefined;
  }

  /** Who goes on, `current` having come to an access; `undefined` when nobody can. */
  private decide(current?: Thread): Thread | undefined {
    const options = this.options(current);
    if (options.length === 0) return undefined;
    const option = options[options.length === 1 ? 0 : this.choose(options.length)] as number;
    const thread = this.threads[option & INDEX_MASK] as Thread;
    if (option & DIE) {
      this.deathsLeft -= 1;
      thread.state = 'dead';
      this.trace?.push(`${thread.index}: dies`);
      return this.decide();
    }
    if (option & WAKE) {
      this.wakesLeft -= 1;
      (thread.sleep as Sleep).resolved = true;
    }
    if (current?.isEnabled && thread !== current) this.preemptionsLeft -= 1;
    return thread;
  }

  /** What may happen next; first what costs nothing. Nothing, when only a wake for no reason could help. */
  private options(current: Thread | undefined): number[] {
    const options: number[] = [];
    const goesOn = current?.isEnabled === true;
    if (goesOn) options.push(current.index);
    for (const thread of this.threads) {
      if (thread === current || !thread.isEnabled) continue;
      if (!goesOn || this.preemptionsLeft > 0) options.push(thread.index);
    }
    if (options.length === 0) return options;
    if (this.wakesLeft > 0 && (!goesOn || this.preemptionsLeft > 0)) {
      for (const { index, sleep, state } of this.threads) {
        if (state === 'ready' && sleep?.resolved === false) options.push(index | WAKE);
      }
    }
    if (this.deathsLeft > 0 && current !== undefined && current.index === this.story.mortal) {
      options.push(current.index | DIE);
    }
    return options;
  }
}

/** The schedule that is being played, for the model. */
let run: Run | undefined;

export function currentRun(): Run | undefined {
  return run?.active === undefined ? undefined : run;
}

/** In a thread: goes on when that one has ended, or died. */
export function awaitEnd(thread: number): void {
  const it = currentRun();
  it?.block(() => it.hasEnded(thread));
}

function play(story: Story, bounds: Bounds, choose: Choose, trace?: string[]): number {
  run = new Run(story, bounds, choose, trace);
  try {
    run.play();
    return run.accesses;
  } finally {
    run = undefined;
  }
}

/** Plays again what has failed, for its trace, and throws. */
function explain(
  start: () => Story,
  bounds: Bounds,
  choices: readonly number[],
  thrown: unknown,
): never {
  const trace: string[] = [];
  let at = 0;
  try {
    play(start(), bounds, () => choices[at++] ?? 0, trace);
  } catch (again) {
    const lines = trace.slice(-TRACE_LINES).join('\n');
    const message = again instanceof Error ? again.message : String(again);
    throw new Error(`${message}\nin the schedule ${choices.join('.')}:\n${lines}`, {
      cause: again,
    });
  }
  throw new Error('a schedule went well when it was played again', { cause: thrown });
}

const TRACE_LINES = 80;

/** Plays all schedules within the bounds. Throws at the first that goes wrong, with what happened in it. */
export function explore(bounds: Bounds, start: () => Story): Explored {
  let schedules = 0;
  let accesses = 0;
  /** The decisions of the schedule, each with how many options it had. */
  const choices: number[] = [];
  const counts: number[] = [];
  for (;;) {
    let at = 0;
    const choose: Choose = (optionCount) => {
      if (at === choices.length) choices.push(0);
      counts[at] = optionCount;
      at += 1;
      return choices[at - 1] as number;
    };
    try {
      accesses = Math.max(accesses, play(start(), bounds, choose));
    } catch (thrown) {
      explain(start, bounds, choices.slice(0, at), thrown);
    }
    schedules += 1;
    let last = at - 1;
    while (last >= 0 && (choices[last] as number) + 1 >= (counts[last] as number)) last -= 1;
    if (last < 0) return { schedules, accesses };
    choices.length = last + 1;
    choices[last] = (choices[last] as number) + 1;
  }
}

/** Plays random schedules, without a limit to pre-emptions. Counts those that differ. */
export function sample(
  bounds: Omit<Bounds, 'preemptions'> & { readonly count: number; readonly seed: number },
  start: () => Story,
): Explored {
  const random = new Random(bounds.seed);
  const seen = new Set<string>();
  let accesses = 0;
  const unbounded = { ...bounds, preemptions: Number.POSITIVE_INFINITY };
  for (let n = 0; n < bounds.count; n += 1) {
    const choices: number[] = [];
    const choose: Choose = (optionCount) => {
      const choice = random.below(optionCount);
      choices.push(choice);
      return choice;
    };
    try {
      accesses = Math.max(accesses, play(start(), unbounded, choose));
    } catch (thrown) {
      explain(start, unbounded, choices, thrown);
    }
    seen.add(choices.join('.'));
  }
  return { schedules: seen.size, accesses };
}
