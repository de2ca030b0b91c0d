/**
 * An engine without a disk, for tests of the client alone: it keeps blocks in a map, believes every pointer, and can be
 * told to hold its answers back. What a store really does is tested on the real engine.
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import { StoreError } from '../base/errors.ts';
import type { Pointer } from '../format/pointer.ts';
import type { BlockStates, CheckReport, StoreStats } from '../store/report.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { BegunTransaction, OpenedStore, PublishedState, StoreEvent } from '../store/verbs.ts';
import { MemoryOrigin } from './memory-origin.ts';
import { openStoreIn } from './open-store.ts';
import { type OpenOptions, PUBLIC_LIMITS } from './options.ts';
import type { Store } from './store.ts';
import type { ServedSession } from './verb-server.ts';

export const FAKE_BLOCK_BYTES = 4096;

interface Turn {
  readonly ticket: number;
  readonly resolve: (begun: BegunTransaction) => void;
  readonly reject: (error: StoreError) => void;
}

export class FakeSession implements ServedSession {
  readonly opened: OpenedStore;
  /** Names of the verbs called, in order. */
  readonly calls: string[] = [];
  /** What `seen` was told. */
  readonly seenPublications: number[] = [];
  /** While set, `end` answers only when it resolves. */
  endGate: Promise<void> | undefined;
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #turns: Turn[] = [];
  #listener: (event: StoreEvent) => void = () => {};
  #open: { roots: Map<string, Pointer>; doom?: StoreError } | undefined;
  #state: PublishedState;

  constructor(settings: StoreSettings, generation = 1) {
    this.#state = { publication: 0, generation, roots: [], health: 'ok' };
    this.opened = {
      storeId: new Uint8Array(16).fill(7),
      blockBytes: FAKE_BLOCK_BYTES,
      arenaBytes: settings.geometry.arenaBytes,
      diskCount: settings.geometry.diskCount,
      recovery: {
        created: true,
        generation,
        rejected: [],
        rolledBack: 0,
        verifiedBytes: 0,
        unverifiedBytes: 0,
        damagedBlocks: [],
        recordsReplayed: 0,
        openMs: 0,
      },
      state: this.#state,
    };
  }

  subscribe(listener: (event: StoreEvent) => void): void {
    this.#listener = listener;
    listener({ type: 'state', state: this.#state });
  }

  /** Announces a new state, as if something had happened. */
  publish(change: Partial<PublishedState>): void {
    const publication = this.#state.publication + 1;
    this.#state = { ...this.#state, publication, ...change };
    this.#listener({ type: 'state', state: this.#state });
  }

  begin(ticket: number): Promise<BegunTransaction> {
    this.calls.push('begin');
    return new Promise((resolve, reject) => {
      this.#turns.push({ ticket, resolve, reject });
      this.#startNext();
    });
  }

  cancelBegin(ticket: number): void {
    this.calls.push('cancelBegin');
    const at = this.#turns.findIndex((turn) => turn.ticket === ticket);
    const [turn] = at < 0 ? [] : this.#turns.splice(at, 1);
    turn?.reject(new StoreError('ABORTED', 'taken back'));
  }

  async transactionRead(_transaction: number, pointers: readonly Pointer[]): Promise<Uint8Array[]> {
    this.calls.push('transactionRead');
    return this.#read(pointers);
  }

  async transactionWrite(_transaction: number, blocks: readonly Uint8Array[]): Promise<Pointer[]> {
    this.calls.push('transactionWrite');
    return blocks.map((block) => this.#write(block));
  }

  onGrant(): void {}

  async writeGranted(): Promise<void> {
    throw new Error('it grants nothing');
  }

  giveBack(): void {}

  async transactionReplace(
    _transaction: number,
    old: Pointer,
    block: Uint8Array,
  ): Promise<Pointer> {
    this.calls.push('transactionReplace');
    this.#blocks.delete(old.address);
    return this.#write(block);
  }

  async transactionFree(_transaction: number, pointers: readonly Pointer[]): Promise<void> {
    this.calls.push(`transactionFree ${pointers.length}`);
    for (const { address } of pointers) {
      if (this.#blocks.delete(address)) continue;
      const error = new StoreError('NOT_FOUND', 'freed already', { coordinates: { address } });
      if (this.#open !== undefined) this.#open.doom ??= error;
      throw error;
    }
  }

  async transactionSetRoot(
    _transaction: number,
    name: string,
    pointer: Pointer | undefined,
  ): Promise<void> {
    this.calls.push('transactionSetRoot');
    if (pointer === undefined) this.#open?.roots.delete(name);
    else this.#open?.roots.set(name, pointer);
  }

  async end(): Promise<number> {
    this.calls.push('end');
    await this.endGate;
    const ended = this.#open;
    this.#finish();
    if (ended?.doom !== undefined) throw ended.doom;
    const generation = this.#state.generation + 1;
    this.publish({ generation, roots: [...(ended?.roots ?? [])] });
    this.#listener({ type: 'commit', commit: { generation, transactions: 1, ms: 1 } });
    return generation;
  }

  async abort(): Promise<void> {
    this.calls.push('abort');
    this.#finish();
  }

  async read(pointers: readonly Pointer[]): Promise<Uint8Array[]> {
    this.calls.push('read');
    return this.#read(pointers);
  }

  seen(publication: number): void {
    this.seenPublications.push(publication);
  }

  async stats(): Promise<StoreStats> {
    this.calls.push('stats');
    return { generation: this.#state.generation } as StoreStats;
  }

  async blockStates(): Promise<BlockStates> {
    this.calls.push('blockStates');
    const bytes = new Uint8Array(4);
    return { bytes, arenas: [], arenaBytes: 0, blockBytes: FAKE_BLOCK_BYTES };
  }

  async check(
    options: { readonly reachable?: readonly Pointer[] },
    onProgress?: (done: number, total: number) => void,
  ): Promise<CheckReport> {
    this.calls.push('check');
    for (let done = 0; done <= 1000; done += 1) onProgress?.(done, 1000);
    const blocksRead = options.reachable?.length ?? 0;
    return {
      clean: true,
      generation: 1,
      problems: [],
      problemCount: 0,
      blocksRead,
      blocksUsed: this.#blocks.size,
      census: [],
    };
  }

  async compactLogs(): Promise<void> {
    this.calls.push('compactLogs');
  }

  async exportStart(): Promise<number> {
    this.calls.push('exportStart');
    return 0;
  }

  async exportNext(): Promise<Uint8Array | undefined> {
    this.calls.push('exportNext');
    const sent = this.calls.filter((call) => call === 'exportNext').length;
    return sent > 3 ? undefined : new Uint8Array(8).fill(sent);
  }

  async exportCancel(): Promise<void> {
    this.calls.push('exportCancel');
  }

  async sync(): Promise<void> {
    this.calls.push('sync');
  }

  async close(): Promise<void> {
    this.calls.push('close');
  }

  #startNext(): void {
    if (this.#open !== undefined) return;
    const turn = this.#turns.shift();
    if (turn === undefined) return;
    this.#open = { roots: new Map(this.#state.roots) };
    turn.resolve({ transaction: turn.ticket, state: this.#state });
  }

  #finish(): void {
    this.#open = undefined;
    this.#startNext();
  }

  #read(pointers: readonly Pointer[]): Uint8Array[] {
    return pointers.map(({ address }) => {
      const bytes = this.#blocks.get(address);
      if (bytes !== undefined) return bytes.slice();
      throw new StoreError('CORRUPT', 'no such block', {
        coordinates: { address, arena: 3 },
        mayBeStale: true,
      });
    });
  }

  #write(block: Uint8Array): Pointer {
    const bytes = new Uint8Array(FAKE_BLOCK_BYTES);
    bytes.set(block);
    const address = (this.calls.length * 1000 + this.#blocks.size) * FAKE_BLOCK_BYTES;
    this.#blocks.set(address, bytes);
    return {
      address: address as BlockAddress,
      generation: (this.#state.generation + 1) as Generation,
      hashHigh: 0xffff_ffff,
      hashLow: 1,
    };
  }
}

export interface FakeOrigin {
  readonly origin: MemoryOrigin;
  /** Every session opened so far, the last one last. */
  readonly sessions: FakeSession[];
  readonly last: () => FakeSession;
  readonly open: (options?: OpenOptions, name?: string) => Promise<Store>;
}

/** An origin whose workers run fake sessions. `prepare` may break them before they are served. */
export function fakeOrigin(prepare: (session: FakeSession) => void = () => {}): FakeOrigin {
  const sessions: FakeSession[] = [];
  const origin = new MemoryOrigin({
    openSession: async ({ directory, settings }) => {
      const exists = (await directory.list()).length > 0;
      if (!exists && !settings.create) throw new StoreError('NOT_FOUND', 'no such store');
      await directory.open('disk-0', { create: true });
      const session = new FakeSession(settings);
      prepare(session);
      sessions.push(session);
      return session;
    },
    importImage: async (directory, next) => {
      const device = await directory.open('disk-0', { create: true });
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) {
        if (chunk.includes(0xbd)) throw new StoreError('CORRUPT', 'a bad byte');
      }
      device.close();
    },
  });
  return {
    origin,
    sessions,
    last: () => sessions.at(-1) as FakeSession,
    open: (options = {}, name = 'a') =>
      openStoreIn(origin.environment, name, options, PUBLIC_LIMITS),
  };
}
