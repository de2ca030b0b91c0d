/**
 * Random lives of a synchronous store against a model, through the public API: transactions of both durabilities, some
 * of which throw; sync, compaction, readers, closing, the worker's death. Whatever happens the store holds what the
 * model holds, a reader what it held when it was made, and after a death what it held at the last acknowledgement, or
 * something newer.
 *
 * To replay a failure:
 * OPFS_BLOCKS_SEED=<seed> OPFS_BLOCKS_PATH=<path> npx vitest run src/client/sync-store.fuzz.test.ts
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import type { BlockPointer } from '../format/pointer.ts';
import { scaled } from '../sim/scale.ts';
import { BLOCK_STATE } from '../store/report.ts';
import { TestOrigin } from '../testing.ts';
import type { SyncReader } from './sync-reader.ts';
import type { SyncStore } from './sync-store.ts';
import type { SyncTransaction } from './sync-transaction.ts';

type Step =
  | { readonly kind: 'write'; readonly count: number; readonly fill: number }
  | { readonly kind: 'replace' | 'free' | 'name'; readonly which: number; readonly fill: number };

type Command =
  | {
      readonly kind: 'transaction';
      readonly steps: readonly Step[];
      readonly relaxed: boolean;
      readonly throws: boolean;
    }
  | { readonly kind: 'sync' | 'compact' | 'reader' | 'close' | 'die' };

const fill = fc.integer({ min: 0, max: 255 });
const which = fc.nat(1000);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), count: fc.integer({ min: 1, max: 12 }), fill }),
  fc.record({
    kind: fc.constantFrom('replace' as const, 'free' as const, 'name' as const),
    which,
    fill,
  }),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      steps: fc.array(step, { minLength: 1, maxLength: 6 }),
      relaxed: fc.boolean(),
      throws: fc.nat(5).map((n) => n === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'sync' as const,
        'compact' as const,
        'reader' as const,
        'close' as const,
        'die' as const,
      ),
    }),
  },
);

interface Block {
  readonly pointer: BlockPointer;
  readonly fill: number;
}

/** What the store holds: its blocks, and the one that its root names. */
interface Model {
  readonly live: readonly Block[];
  readonly named: Block | undefined;
}

class Mine extends Error {}

class Life {
  private readonly origin: TestOrigin;
  private store: SyncStore;
  private now: Model = { live: [], named: undefined };
  /** Every state since the last acknowledged one, which is the first. */
  private possible: Model[] = [this.now];
  private pinned: { readonly reader: SyncReader; readonly model: Model } | undefined;

  private constructor(origin: TestOrigin, store: SyncStore) {
    this.origin = origin;
    this.store = store;
  }

  static async begin(): Promise<Life> {
    const origin = new TestOrigin();
    return new Life(origin, await Life.open(origin));
  }

  private static open(origin: TestOrigin): Promise<SyncStore> {
    const sizes = {
      blockSize: 512,
      arenaBytes: 2 ** 16,
      maxBytes: 3 * 2 ** 16,
      cacheBytes: 2 ** 15,
    };
    return origin.openSyncStore('life', { ...sizes, disks: 2 });
  }

  async run(command: Command): Promise<void> {
    if (command.kind === 'transaction') this.transact(command);
    else if (command.kind === 'sync') this.save(() => this.store.sync());
    else if (command.kind === 'compact') this.save(() => this.store.compactLogs());
    else if (command.kind === 'reader') this.read();
    else if (command.kind === 'close') await this.close();
    else await this.die();
  }

  private save(verb: () => void): void {
    verb();
    this.possible = [this.now];
  }

  private transact({ steps, relaxed, throws }: Command & { kind: 'transaction' }): void {
    const durability = relaxed ? 'relaxed' : 'strict';
    try {
      const after = this.store.transaction(
        (tx) => {
          let model = this.now;
          for (const each of steps) model = this.apply(tx, model, each);
          if (throws) throw new Mine();
          return model;
        },
        { durability },
      );
      this.now = after;
      this.possible = relaxed ? [...this.possible, after] : [after];
    } catch (error) {
      if (error instanceof Mine) return;
      // A full store, or a root left on a freed block: the transaction is gone, nothing else.
      if (!(error instanceof StoreError)) throw error;
      expect(['FULL', 'MISUSE']).toContain(error.code);
    }
  }

  private apply(tx: SyncTransaction, model: Model, each: Step): Model {
    const bytes = new Uint8Array(512).fill(each.fill);
    if (each.kind === 'write') {
      const pointers = tx.writeMany(Array.from({ length: each.count }, () => bytes));
      const born = pointers.map((pointer) => ({ pointer, fill: each.fill }));
      return { ...model, live: [...model.live, ...born] };
    }
    const target = model.live[each.which % Math.max(1, model.live.length)];
    if (target === undefined) return model;
    expect(tx.read(target.pointer)[511]).toBe(target.fill);
    const rest = model.live.filter((block) => block !== target);
    if (each.kind === 'free') {
      tx.free(target.pointer);
      return { ...model, live: rest };
    }
    if (each.kind === 'name') {
      tx.setRoot('named', target.pointer);
      return { ...model, named: target };
    }
    const pointer = tx.replace(target.pointer, bytes);
    return { ...model, live: [...rest, { pointer, fill: each.fill }] };
  }

  private read(): void {
    this.dropReader();
    this.pinned = { reader: this.store.reader(), model: this.now };
  }

  private dropReader(): void {
    this.pinned?.reader[Symbol.dispose]();
    this.pinned = undefined;
  }

  private async close(): Promise<void> {
    this.dropReader();
    await this.store[Symbol.asyncDispose]();
    this.possible = [this.now];
    await this.reopen();
  }

  private async die(): Promise<void> {
    this.pinned = undefined;
    this.origin.browser.killWorkers();
    await this.reopen();
  }

  /** The store must be one of the states that it may be in; that one it is from now on. */
  private async reopen(): Promise<void> {
    this.store = await Life.open(this.origin);
    expect(this.store.recovery.rejected).toEqual([]);
    const states = this.store.blockStates();
    const data = states.bytes.filter((state) => state === BLOCK_STATE.data).length;
    const root = this.store.root('named');
    const found = this.possible.findLast(
      ({ live, named }) =>
        live.length === data && named?.pointer.hash === root?.hash && this.isThere(live),
    );
    expect(found).toBeDefined();
    this.now = found as Model;
    this.possible = [this.now];
  }

  private isThere(live: readonly Block[]): boolean {
    return live.every(({ pointer, fill: value }) => {
      try {
        return this.store.read(pointer)[0] === value;
      } catch (error) {
        if (error instanceof StoreError) return false;
        throw error;
      }
    });
  }

  verify(): void {
    const blocks = this.store.readMany(this.now.live.map(({ pointer }) => pointer));
    expect(blocks.map((block) => block[0])).toEqual(this.now.live.map((block) => block.fill));
    expect(this.store.root('named')).toEqual(this.now.named?.pointer);
    if (this.pinned === undefined) return;
    const { reader, model } = this.pinned;
    expect(reader.root('named')).toEqual(model.named?.pointer);
    for (const { pointer, fill: value } of model.live) {
      expect(reader.read(pointer)[511]).toBe(value);
    }
  }

  async finish(): Promise<void> {
    this.verify();
    const { problems } = this.store.check({ reachable: this.now.live.map((one) => one.pointer) });
    expect(problems).toEqual([]);
    await this.close();
    this.verify();
    this.store.close();
  }
}

test('I1–I6, I9: random lives of a synchronous store', async () => {
  const { OPFS_BLOCKS_SEED: seed, OPFS_BLOCKS_PATH: path } = process.env;
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const life = await Life.begin();
      for (const each of commands) {
        await life.run(each);
        life.verify();
      }
      await life.finish();
    }),
    {
      numRuns: scaled(150),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  );
});
