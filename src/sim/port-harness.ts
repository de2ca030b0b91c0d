/** Tests only: random requests to a port, judged as an engine would have to judge them. */
import fc from 'fast-check';
import { assert } from '../base/assert.ts';
import { byteCount } from '../base/brand.ts';
import type { CompletionSink, DiskPort, Outcome } from '../sync/disk-port.ts';
import { RecordingDevice } from '../sync/recording-device.ts';
import { loadOf, pointerTo, writeOf } from '../sync/recording-sink.ts';
import { type BenchPort, openPort, type PortKind } from './port-fixture.ts';
import { Random } from './random.ts';

export interface HarnessOptions {
  readonly queueEntries: number;
  readonly drainBytes: number;
  readonly failAt: number;
  /** For how far a disk in another thread gets. */
  readonly seed: number;
}
const BLOCK = 512;
const BLOCKS = 24;
const SLOTS = 12;

type BlockState = 'free' | 'writing' | 'used' | 'freeing' | 'freed' | 'releasing';

/**
 * An engine in miniature: it keeps to the rules (an address is used again only when its free has completed and a fence
 * after that too) and holds the disk to its own: every request completes once, with what really happened.
 */
export class PortHarness implements CompletionSink {
  readonly device = new RecordingDevice(BLOCKS * BLOCK);
  readonly memory: { readonly bytes: Uint8Array };
  readonly bench: BenchPort;
  readonly port: DiskPort;
  /** What the file must hold: changed when a write is reported as landed. */
  private readonly file = new Uint8Array(BLOCKS * BLOCK);
  private readonly states: BlockState[] = new Array(BLOCKS).fill('free');
  /** Per block: the cookie of its write, which is also that of its free; -1 when it was born before the last fence. */
  private readonly cookies: number[] = new Array(BLOCKS).fill(-1);
  private readonly slotsFree = Array.from({ length: SLOTS }, (_, slot) => slot);
  private readonly pending = new Map<number, { kind: string; block: number; slot: number }>();
  private readonly cancellable = new Set<number>();
  private nextCookie = 1;
  private failed: Outcome | undefined;

  constructor(kind: PortKind, options: HarnessOptions) {
    const { queueEntries, drainBytes, failAt, seed } = options;
    const { device } = this;
    let calls = 0;
    device.failing = ({ operation }) => {
      if (operation !== 'write' && operation !== 'flush') return false;
      calls += 1;
      assert(calls <= failAt, 'I12: nothing is written or flushed after the first failure');
      return calls === failAt;
    };
    const random = new Random(seed);
    this.bench = openPort(kind, {
      device,
      blockBytes: BLOCK,
      slotCount: SLOTS,
      queueEntries,
      loadsMax: 3,
      drainBytes,
      chance: (below) => random.below(below),
    });
    this.port = this.bench.port;
    this.memory = { bytes: this.bench.bytes };
  }

  run(verb: string, number: number): void {
    if (verb === 'write') this.write(number);
    else if (verb === 'load') this.load(number, true);
    else if (verb === 'load corrupt') this.load(number, false);
    else if (verb === 'free') this.free(number);
    else if (verb === 'fence') this.fence();
    else if (verb === 'poll') this.port.poll(this);
    else if (this.port.outstanding > 0) {
      while (this.port.wait(this) === 0);
    }
    assert(this.port.outstanding === this.pending.size, 'outstanding is exact');
  }

  finish(): void {
    this.fence();
    this.port.poll(this);
    while (this.port.outstanding > 0) this.port.wait(this);
    assert(this.port.outstanding === 0 && this.pending.size === 0, 'a last fence ends everything');
    if (this.failed !== undefined) return;
    assert(Buffer.compare(this.device.bytes, this.file) === 0, 'the file is what was reported');
    assert(Buffer.compare(this.device.durable, this.file) === 0, 'I6: all of it is durable');
  }

  private submit(kind: string, block: number, slot: number): number {
    const cookie = this.nextCookie;
    this.nextCookie += 1;
    this.pending.set(cookie * 4 + KINDS.indexOf(kind), { kind, block, slot });
    return cookie;
  }

  private write(number: number): void {
    const block = this.blockIn('free', number);
    const slot = this.slotsFree.pop();
    if (block === undefined || slot === undefined) {
      if (slot !== undefined) this.slotsFree.push(slot);
      return;
    }
    const memoryOffset = slot * BLOCK;
    const cookie = this.submit('written', block, slot);
    this.memory.bytes.fill(cookie % 251, memoryOffset, memoryOffset + BLOCK);
    this.states[block] = 'writing';
    this.cookies[block] = cookie;
    this.port.write(writeOf(block * BLOCK, { memoryOffset, byteCount: BLOCK, cookie }));
  }

  private free(number: number): void {
    const block = this.blockIn(number % 2 === 0 ? 'writing' : 'used', number);
    if (block === undefined) return;
    const cookie = this.cookies[block] as number;
    const mayCancel = number % 3 !== 0;
    if (mayCancel) this.cancellable.add(cookie);
    this.states[block] = 'freeing';
    this.pending.set(cookie * 4 + KINDS.indexOf('freed'), { kind: 'freed', block, slot: -1 });
    this.port.free({ fileOffset: byteCount(block * BLOCK), cookie, mayCancel });
  }

  private load(number: number, valid: boolean): void {
    const block = this.blockIn('used', number);
    const slot = this.slotsFree.pop();
    if (block === undefined || slot === undefined) {
      if (slot !== undefined) this.slotsFree.push(slot);
      return;
    }
    const bytes = this.file.slice(block * BLOCK, (block + 1) * BLOCK);
    if (!valid) bytes[number % BLOCK] = (bytes[number % BLOCK] as number) ^ 1;
    const cookie = this.submit('loaded', valid ? block : -1, slot);
    const pointer = pointerTo(bytes);
    this.port.load(loadOf(block * BLOCK, { memoryOffset: slot * BLOCK, pointer, cookie }));
  }

  private fence(): void {
    const cookie = this.submit('fenced', -1, -1);
    // The blocks whose free was reported before this fence was asked for are the ones it releases.
    const released = this.states.flatMap((state, block) => (state === 'freed' ? [block] : []));
    for (const block of released) this.states[block] = 'releasing';
    this.releases.set(cookie, released);
    this.port.fence(cookie);
  }

  private readonly releases = new Map<number, number[]>();

  private blockIn(state: BlockState, number: number): number | undefined {
    const blocks = this.states.flatMap((found, block) => (found === state ? [block] : []));
    return blocks[number % Math.max(1, blocks.length)];
  }

  private complete(kind: string, cookie: number): { block: number; slot: number } {
    const key = cookie * 4 + KINDS.indexOf(kind);
    const request = this.pending.get(key);
    this.pending.delete(key);
    assert(request !== undefined, 'a completion answers a request, once');
    if (request.slot >= 0) this.slotsFree.push(request.slot);
    return request;
  }

  /** Whether the outcome is a fault; all faults must be the first one. */
  private isFailure(outcome: Outcome): boolean {
    if (typeof outcome === 'string') {
      const allowed = this.failed === undefined || outcome === 'skipped';
      assert(allowed, 'I12: nothing succeeds after the first failure');
      return false;
    }
    this.failed ??= outcome;
    assert(outcome === this.failed, 'I12: all are told the first fault');
    return true;
  }

  written(cookie: number, outcome: Outcome): void {
    const { block, slot } = this.complete('written', cookie);
    if (this.isFailure(outcome)) return;
    const allowed = outcome === 'ok' || (outcome === 'skipped' && this.cancellable.has(cookie));
    assert(allowed, 'I8: a write is skipped only when it may be');
    if (this.states[block] === 'writing') this.states[block] = 'used';
    if (outcome === 'skipped') return;
    const from = slot * BLOCK;
    this.file.set(this.memory.bytes.subarray(from, from + BLOCK), block * BLOCK);
  }

  freed(cookie: number, outcome: Outcome): void {
    const { block } = this.complete('freed', cookie);
    assert(!this.pending.has(cookie * 4), 'I8: the write completes before the free');
    if (!this.isFailure(outcome)) this.states[block] = 'freed';
  }

  fenced(cookie: number, outcome: Outcome): void {
    this.complete('fenced', cookie);
    for (const [key, { kind }] of this.pending) {
      const overtaken = key < cookie * 4 && (kind === 'written' || kind === 'fenced');
      assert(!overtaken, 'I6: a fence passes nothing queued before it');
    }
    if (this.isFailure(outcome)) return;
    for (const block of this.releases.get(cookie) ?? []) this.states[block] = 'free';
  }

  filled(): void {
    assert(false, 'nothing was lent');
  }

  loaded(cookie: number, outcome: Outcome): void {
    const { block, slot } = this.complete('loaded', cookie);
    assert(outcome === (block < 0 ? 'corrupt' : 'ok'), 'I2: a load is ok only if it matches');
    if (block < 0) return;
    const from = slot * BLOCK;
    const got = this.memory.bytes.subarray(from, from + BLOCK);
    const wanted = this.file.subarray(block * BLOCK, (block + 1) * BLOCK);
    assert(Buffer.compare(got, wanted) === 0, 'a load brings the block into its own slot');
  }
}

const KINDS = ['written', 'freed', 'fenced', 'loaded'];

export const command = fc.tuple(
  fc.constantFrom(
    'write',
    'write',
    'write',
    'write',
    'free',
    'free',
    'load',
    'load corrupt',
    'fence',
    'poll',
    'wait',
  ),
  fc.nat({ max: 2 ** 16 }),
);
export const harnessOptions: fc.Arbitrary<HarnessOptions> = fc.record({
  seed: fc.nat(),
  queueEntries: fc.constantFrom(1, 2, 7, 64),
  drainBytes: fc.constantFrom(BLOCK, 4 * BLOCK, 2 ** 20),
  failAt: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 12 })),
});
