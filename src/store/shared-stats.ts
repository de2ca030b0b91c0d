/**
 * A store's figures in shared memory: the engine's thread writes them now and then, everyone else reads them whenever
 * it likes, without a message. Doubles under a seqlock, each two atomic words, in a buffer of their own that has room
 * for all arenas.
 *
 * The order of fields is that of the lists below; both sides are this file, of the same version, so nothing describes
 * it in the bytes.
 */
import { assert } from '../base/assert.ts';
import { ARENAS_MAX, DISKS_MAX } from '../format/geometry.ts';
import { CLIENTS_MAX } from '../shared/control-layout.ts';
import { loadDouble, storeDouble } from '../shared/double-words.ts';
import { readSeqlock, SeqlockWriter } from '../shared/seqlock.ts';
import type {
  ArenaStats,
  CacheStats,
  CommitStats,
  DiskStats,
  Health,
  StoreStats,
} from './report.ts';

const HEALTHS: readonly Health[] = ['ok', 'poisoned', 'evicted', 'stalled', 'closed'];
const SIZES = [
  ...(['generation', 'blockBytes', 'fileBytes', 'maxBytes', 'grownBytes', 'usedBytes'] as const),
  ...(['pendingBytes', 'freeBytes', 'heldByReadersBytes', 'roots'] as const),
];
const CACHE = [
  ...(['slots', 'used', 'dirty', 'hits', 'misses', 'evictions'] as const),
] satisfies (keyof CacheStats)[];
const COMMITS = [
  ...(['count', 'transactions', 'msLast', 'msMax'] as const),
] satisfies (keyof CommitStats)[];
const DISK = [
  ...(['disk', 'fileBytes', 'queued', 'writes', 'blocksWritten', 'bytesWritten'] as const),
  ...(['skipped', 'reads', 'blocksRead', 'flushes', 'flushMsLast', 'flushMsMax'] as const),
] satisfies (keyof DiskStats)[];
const ARENA = [
  ...(['arena', 'disk', 'grownBytes', 'usedBytes', 'pendingBytes', 'freeBytes'] as const),
  ...(['freeRanges', 'largestFreeBytes', 'logBlocks', 'logRecords', 'reserveBytes'] as const),
  'compactions',
] satisfies (keyof ArenaStats)[];

const EPOCHS = 5;
const READERS_MAX = CLIENTS_MAX + 1;
const HEADER = 1 + SIZES.length + CACHE.length + COMMITS.length + EPOCHS + 1 + READERS_MAX + 2;
const DOUBLES_MAX = HEADER + DISKS_MAX * DISK.length + ARENAS_MAX * ARENA.length;
/** The seqlock's version, in front of the doubles. */
const LOCK_WORDS = 2;

export function allocateSharedStats(): SharedArrayBuffer {
  return new SharedArrayBuffer(LOCK_WORDS * 4 + DOUBLES_MAX * 8);
}

class SharedStatsSide {
  protected readonly words: Int32Array;
  /** How many doubles have been written or read. */
  protected at = 0;

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }
}

export class SharedStatsWriter extends SharedStatsSide {
  private readonly lock: SeqlockWriter;

  constructor(buffer: ArrayBufferLike) {
    super(buffer);
    this.lock = new SeqlockWriter(this.words, 0);
  }

  write(stats: StoreStats): void {
    this.lock.write(() => this.putAll(stats));
  }

  private putAll(stats: StoreStats): void {
    const { epochs, disks, arenas } = stats;
    this.at = 0;
    this.put(HEALTHS.indexOf(stats.health));
    this.putFields(stats, SIZES);
    this.putFields(stats.cache, CACHE);
    this.putFields(stats.commits, COMMITS);
    this.put(epochs.global);
    for (const blocks of epochs.limboBlocks) this.put(blocks);
    this.put(epochs.commitWaitBlocks);
    this.putList(epochs.clients, READERS_MAX, ({ pinned }) => this.put(pinned));
    this.putList(disks, DISKS_MAX, (disk) => this.putFields(disk, DISK));
    this.putList(arenas, ARENAS_MAX, (arena) => this.putFields(arena, ARENA));
  }

  private putList<Item>(items: readonly Item[], most: number, put: (item: Item) => void): void {
    assert(items.length <= most, 'there is room for all figures');
    this.put(items.length);
    for (const item of items) put(item);
  }

  private putFields<Key extends string>(from: Readonly<Record<Key, number>>, keys: readonly Key[]) {
    for (const key of keys) this.put(from[key]);
  }

  private put(value: number): void {
    storeDouble(this.words, LOCK_WORDS + 2 * this.at, value);
    this.at += 1;
  }
}

/** What is text, and the same for as long as the store is open. */
export interface StatsNames {
  readonly clients: readonly string[];
  readonly files: readonly string[];
}

export class SharedStatsReader extends SharedStatsSide {
  private readonly names: StatsNames;

  constructor(buffer: ArrayBufferLike, names: StatsNames) {
    super(buffer);
    this.names = names;
  }

  /** `undefined` when the engine's thread has died while it wrote. */
  read(): StoreStats | undefined {
    return readSeqlock(this.words, 0, () => this.takeAll());
  }

  private takeAll(): StoreStats {
    this.at = 0;
    const { names } = this;
    const health = HEALTHS[this.take()] ?? 'ok';
    const sizes = this.fields(SIZES);
    const cache = this.fields(CACHE);
    const commits = this.fields(COMMITS);
    const global = this.take();
    const limboBlocks = [this.take(), this.take(), this.take()] as const;
    const commitWaitBlocks = this.take();
    const clients = this.list(READERS_MAX, (client) => {
      return { client: names.clients[client] ?? '', pinned: this.take() };
    });
    const epochs = { global, clients, limboBlocks, commitWaitBlocks };
    const disks = this.list(DISKS_MAX, (disk) => {
      return { file: names.files[disk] ?? '', ...this.fields(DISK) };
    });
    const arenas = this.list(ARENAS_MAX, () => this.fields(ARENA));
    return { ...sizes, health, cache, commits, epochs, disks, arenas };
  }

  /** Bounded: under the writer's hands the count may be anything. */
  private list<Item>(most: number, take: (n: number) => Item): Item[] {
    const count = Math.min(most, Math.max(0, this.take()));
    return Array.from({ length: count }, (_, n) => take(n));
  }

  private fields<Key extends string>(keys: readonly Key[]): Record<Key, number> {
    const fields = {} as Record<Key, number>;
    for (const key of keys) fields[key] = this.take();
    return fields;
  }

  private take(): number {
    const value = loadDouble(this.words, LOCK_WORDS + 2 * this.at);
    this.at += 1;
    return value;
  }
}
