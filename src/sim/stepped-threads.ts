/**
 * Tests only: disks' threads without threads. A thread is a server and whether it sleeps: it runs when its bell has
 * rung since it last looked and found nothing. The store runs them whenever it waits, all until they sleep or, with
 * `chance`, in random order and for a random while. When everybody sleeps and the store's bell has not rung, a wake-up
 * was lost: that is a failure, not a timeout.
 */
import { assert } from '../base/assert.ts';
import type { DiskIndex } from '../base/brand.ts';
import type { Device } from '../device/device.ts';
import { Doorbell } from '../shared/doorbell.ts';
import { allocateSession, SessionMemory } from '../shared/session-memory.ts';
import { DiskLink, type Waiting } from '../sync/disk-link.ts';
import type { CompletionSink } from '../sync/disk-port.ts';
import { DiskServer, type DiskServerOptions } from '../sync/disk-server.ts';
import { RingPort } from '../sync/ring-port.ts';

/** A number from 0 up to `below`, as a random generator gives it. */
export type Chance = (below: number) => number;

interface SteppedThread {
  readonly server: DiskServer;
  readonly bell: Doorbell;
  /** What the bell said when the thread fell asleep. */
  seen: number | undefined;
}

export class SteppedThreads implements Waiting {
  readonly memory: SessionMemory;
  private readonly threads: SteppedThread[] = [];
  private readonly chance: Chance | undefined;

  constructor(options: {
    cacheBytes: number;
    blockBytesMin?: number;
    chance?: Chance | undefined;
  }) {
    const { cacheBytes, blockBytesMin = 512 } = options;
    const slotCountMax = Math.max(16, Math.ceil(cacheBytes / blockBytesMin));
    this.memory = new SessionMemory(allocateSession({ cacheBytes, slotCountMax, blockBytesMin }));
    this.chance = options.chance;
  }

  /** Starts a disk's thread over the device. */
  start(options: Omit<DiskServerOptions, 'memory'>): DiskServer {
    const { memory } = this;
    const server = new DiskServer({ ...options, memory });
    const bell = new Doorbell(memory.words, memory.control.diskBell(options.disk));
    this.threads.push({ server, bell, seen: undefined });
    return server;
  }

  link(disk: DiskIndex, device: Device): DiskLink {
    return new DiskLink({ disk, file: device.file, memory: this.memory, waiting: this });
  }

  wait(bell: Doorbell, seen: number): void {
    if (this.chance === undefined) this.runAll();
    else this.runSome();
    while (bell.value === seen) {
      assert(this.runOne(0), 'everybody sleeps: a wake-up was lost');
    }
  }

  /** Until all sleep. */
  runAll(): void {
    while (this.runOne(0));
  }

  /** A few steps, of whoever is awake; none, often enough. */
  runSome(): void {
    if (this.chance === undefined) {
      this.runAll();
      return;
    }
    for (let steps = this.chance(6); steps > 0; steps -= 1) {
      this.runOne(this.chance(this.threads.length));
    }
  }

  /** All threads look for work, rung for or not, until there is none. */
  settle(): void {
    for (const thread of this.threads) thread.bell.ring();
    this.runAll();
  }

  /** One step of whoever is awake. Returns false when all sleep. */
  step(): boolean {
    return this.runOne(0);
  }

  /** One step of the first thread that has something to do, looking from number `first` on. */
  private runOne(first: number): boolean {
    for (let n = 0; n < this.threads.length; n += 1) {
      const thread = this.threads[(first + n) % this.threads.length] as SteppedThread;
      if (thread.server.closed || thread.seen === thread.bell.value) continue;
      const seen = thread.bell.value;
      thread.seen = undefined;
      if (thread.server.step()) return true;
      thread.seen = seen;
    }
    return false;
  }
}

/** A port whose `poll` lets the disks work first, as threads might have done by then. */
export class SteppedPort extends RingPort {
  private readonly threads: SteppedThreads;

  constructor(link: DiskLink, threads: SteppedThreads) {
    super(link);
    this.threads = threads;
  }

  override poll(sink: CompletionSink): number {
    this.wake();
    this.threads.runSome();
    return super.poll(sink);
  }
}
