import { describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { TestOrigin } from '../testing.ts';
import { FAKE_BLOCK_BYTES, fakeOrigin } from './fake-session.ts';
import type { Transaction } from './transaction.ts';

const pause = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (fill: number, length = 10): Uint8Array => new Uint8Array(length).fill(fill);

describe('a transaction', () => {
  test('resolves with the callback’s value when it has ended, and its roots are seen at once', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const pointer = await store.transaction(async (tx) => {
      const written = await tx.write(bytes(1));
      tx.setRoot('main', written);
      expect(tx.root('main')).toEqual(written);
      expect(store.root('main')).toBeUndefined();
      return written;
    });
    expect(store.root('main')).toEqual(pointer);
    expect(store.generation).toBe(2);
    expect((await store.read(pointer)).subarray(0, 11)).toEqual(Uint8Array.of(...bytes(1), 0));
    expect(last().calls).toContain('end');
  });

  test('the caller’s buffers are copied before write returns, and never detached', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const input = bytes(7, FAKE_BLOCK_BYTES);
    const many = [bytes(1), bytes(2)];
    const pointers = await store.transaction(async (tx) => {
      const writing = [tx.write(input), tx.writeMany(many)] as const;
      input.fill(9);
      for (const one of many) one.fill(9);
      return [await writing[0], ...(await writing[1])];
    });
    expect(input.buffer.byteLength).toBe(FAKE_BLOCK_BYTES);
    const blocks = await store.readMany(pointers);
    expect(blocks.map((block) => block[0])).toEqual([7, 1, 2]);
  });

  test('a callback that throws rolls back, and its very error comes out', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const mine = { not: 'even an Error' };
    const failing = store.transaction(async (tx) => {
      await tx.write(bytes(1));
      throw mine;
    });
    await expect(failing).rejects.toBe(mine);
    expect(last().calls.slice(-1)).toEqual(['abort']);
    await store.transaction(() => undefined);
  });

  test('a callback without promises does as well', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    expect(await store.transaction(() => 5)).toBe(5);
    const failing = store.transaction(() => {
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
  });

  test('a failed free dooms it although nobody awaits the free, and nothing is unhandled', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const pointer = await store.transaction((tx) => tx.write(bytes(1)));
    const twice = store.transaction((tx) => {
      void tx.free(pointer);
      void tx.free(pointer);
    });
    await expect(twice).rejects.toMatchObject({
      code: 'NOT_FOUND',
      coordinates: { address: pointer.address },
    });
    expect(await store.transaction(() => 'next')).toBe('next');
  });

  test('frees leave together, and before whatever follows them', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    await store.transaction(async (tx) => {
      const pointers = await tx.writeMany([bytes(1), bytes(2), bytes(3)]);
      for (const pointer of pointers.slice(0, 2)) void tx.free(pointer);
      await tx.write(bytes(4));
      await tx.free(pointers[2] as (typeof pointers)[0]);
    });
    expect(last().calls.filter((call) => /^transaction/.test(call))).toEqual([
      'transactionWrite',
      'transactionFree 2',
      'transactionWrite',
      'transactionFree 1',
    ]);
  });

  test('replace writes and frees, and roots can be taken away', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    await store.transaction(async (tx) => {
      const first = await tx.write(bytes(1));
      const second = await tx.replace(first, bytes(2));
      expect((await tx.read(second))[0]).toBe(2);
      tx.setRoot('main', second);
      tx.setRoot('other', second);
      tx.setRoot('other', undefined);
      expect(tx.root('other')).toBeUndefined();
    });
    expect(store.root('main')).toBeDefined();
    expect(store.root('other')).toBeUndefined();
  });

  test('reads fill the caller’s arrays when it gives some', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    await store.transaction(async (tx) => {
      const pointers = await tx.writeMany([bytes(1), bytes(2)]);
      const intos = [bytes(9, FAKE_BLOCK_BYTES), bytes(9, FAKE_BLOCK_BYTES + 1)];
      expect(await tx.readMany(pointers, intos)).toEqual(intos);
      expect(intos.map((into) => [into[0], into.at(-1)])).toEqual([
        [1, 0],
        [2, 9],
      ]);
    });
  });
});

describe('misuse is refused before any message, and harms nothing', () => {
  const pointer = { address: FAKE_BLOCK_BYTES, hash: 5n, generation: 1 };
  const misuses: [string, (tx: Transaction) => unknown, RegExp][] = [
    ['more than a block', (tx) => tx.write(bytes(1, FAKE_BLOCK_BYTES + 1)), /do not fit/],
    ['no bytes', (tx) => tx.write('text' as never), /Uint8Array/],
    ['one of many too long', (tx) => tx.writeMany([bytes(1), bytes(1, 5000)]), /5000/],
    ['a replacement too long', (tx) => tx.replace(pointer, bytes(1, 5000)), /5000/],
    ['no pointer', (tx) => tx.read(undefined as never), /not a block pointer/],
    ['a pointer between blocks', (tx) => tx.read({ ...pointer, address: 1 }), /multiple/],
    ['a negative address', (tx) => tx.free({ ...pointer, address: -4096 }), /address/],
    ['a hash that is a number', (tx) => tx.free({ ...pointer, hash: 5 as never }), /bigint/],
    ['half a generation', (tx) => tx.read({ ...pointer, generation: 0.5 }), /generation/],
    ['no room', (tx) => tx.read(pointer, bytes(0, 10)), /no room/],
    ['too few arrays', (tx) => tx.readMany([pointer], []), /need 1 arrays/],
    ['a root without a name', (tx) => tx.setRoot('', pointer), /empty/],
    ['a root with a long name', (tx) => tx.setRoot('x'.repeat(33), pointer), /32 bytes/],
    ['a root that is no pointer', (tx) => tx.setRoot('a', {} as never), /not a block pointer/],
  ];

  test.each(misuses)('%s', async (_, misuse, words) => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    await store.transaction(async (tx) => {
      const error = await (async () => misuse(tx))().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'MISUSE', message: expect.stringMatching(words) });
    });
    expect(last().calls.filter((call) => /^transaction/.test(call))).toEqual([]);
  });

  test('after the end every operation is MISUSE', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const tx = await store.transaction((open) => open);
    const uses = [
      () => tx.root('a'),
      () => tx.read(pointer),
      () => tx.write(bytes(1)),
      () => tx.replace(pointer, bytes(1)),
      () => tx.free(pointer),
      () => tx.setRoot('a', pointer),
    ];
    for (const use of uses) {
      const error = await (async () => use())().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'MISUSE', message: expect.stringMatching(/ended/) });
    }
  });

  test('a transaction inside another, before and after its first await', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const early = store.transaction(() => store.transaction(() => 1));
    await expect(early).rejects.toMatchObject({ code: 'MISUSE' });
    const late = store.transaction(async (tx) => {
      await tx.write(bytes(1));
      return store.transaction(() => 1);
    });
    await expect(late).rejects.toThrow(/inside a transaction/);
    expect(await store.transaction(() => 'beside')).toBe('beside');
  });

  test('but two beside each other take turns', async () => {
    const { open } = fakeOrigin();
    await using store = await open();
    const order: string[] = [];
    const one = store.transaction(async (tx) => {
      await tx.write(bytes(1));
      order.push('one');
    });
    const two = store.transaction(async () => void order.push('two'));
    await Promise.all([one, two]);
    expect(order).toEqual(['one', 'two']);
  });
});

describe('a signal gives up with ABORTED', () => {
  test('while waiting for its turn, which is taken back', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const controller = new AbortController();
    let finish = (): void => undefined;
    const first = store.transaction(() => new Promise<void>((resolve) => (finish = resolve)));
    const second = store.transaction(() => 'never', { signal: controller.signal });
    await pause(5);
    controller.abort(new Error('enough'));
    await expect(second).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
    // The engine has never heard of it.
    expect(last().calls.filter((call) => call === 'begin').length).toBe(1);
    finish();
    await first;
  });

  test('inside a callback that waits for ever, and its later operations are ABORTED too', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const controller = new AbortController();
    let late: Promise<unknown> | undefined;
    const stuck = store.transaction(
      async (tx) => {
        controller.abort();
        await pause(5);
        late = tx.write(bytes(1));
        await late.catch(() => undefined);
        await new Promise(() => {});
      },
      { signal: controller.signal },
    );
    await expect(stuck).rejects.toMatchObject({ code: 'ABORTED' });
    expect(last().calls.at(-1)).toBe('abort');
    await pause(10);
    await expect(late).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await store.transaction(() => 'next')).toBe('next');
  });

  test('before it begins, without a message', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    const given = store.transaction(() => 1, { signal: AbortSignal.abort() });
    await expect(given).rejects.toMatchObject({ code: 'ABORTED' });
    expect(last().calls).not.toContain('begin');
  });
});

describe('I14: when the worker dies', () => {
  test('a callback that is running is left at once, and its operations reject', async () => {
    const { open, origin } = fakeOrigin();
    await using store = await open();
    let late: unknown;
    const running = store.transaction(async (tx) => {
      await tx.write(bytes(1));
      origin.killWorkers();
      await pause(20);
      late = await tx.write(bytes(2)).catch((error: unknown) => error);
    });
    await expect(running).rejects.toMatchObject({ code: 'SESSION_LOST', maybeApplied: false });
    await pause(40);
    expect(late).toBeInstanceOf(StoreError);
    expect(late).toMatchObject({ code: 'SESSION_LOST' });
  });

  test('one that is being committed says that it may have been applied', async () => {
    const { open, origin, last } = fakeOrigin((session) => {
      session.endGate = new Promise(() => {});
    });
    await using store = await open();
    const ending = store.transaction((tx) => tx.write(bytes(1)));
    await vi.waitFor(() => expect(last().calls).toContain('end'));
    origin.killWorkers();
    await expect(ending).rejects.toMatchObject({ code: 'SESSION_LOST', maybeApplied: true });
  });
});

describe('what is known need not be asked', () => {
  test('a callback begins before the engine has answered, the next one when its end is on its way', async () => {
    const { open, last } = fakeOrigin();
    await using store = await open();
    let release = (): void => {};
    last().endGate = new Promise((resolve) => {
      release = resolve;
    });
    const begun: string[] = [];
    const first = store.transaction(async (tx) => {
      begun.push('first');
      await tx.write(new Uint8Array(1));
    });
    expect(begun).toEqual(['first']);
    const second = store.transaction(() => void begun.push('second'));
    await vi.waitFor(() => expect(begun).toEqual(['first', 'second']));
    release();
    await Promise.all([first, second]);
  });

  test('roots set by the one before are seen by the next, so it waits for them', async () => {
    const origin = new TestOrigin('threaded');
    const options = { blockSize: 512, maxBytes: 2 ** 20, cacheBytes: 2 ** 20 };
    await using store = await origin.openStore('a', options);
    const seen: (number | undefined)[] = [];
    const steps = Array.from({ length: 20 }, () =>
      store.transaction(async (tx) => {
        seen.push(tx.root('main')?.address);
        tx.setRoot('main', await tx.write(new Uint8Array(1)));
      }),
    );
    await Promise.all(steps);
    expect(seen[0]).toBeUndefined();
    expect(new Set(seen).size).toBe(20);
    expect(store.root('main')?.address).not.toBe(seen.at(-1));
  });

  test('a store that is read only refuses before the callback runs', async () => {
    const origin = new TestOrigin('threaded');
    const options = { blockSize: 512, maxBytes: 2 ** 20, cacheBytes: 2 ** 20 };
    await (await origin.openStore('a', options)).close();
    await using store = await origin.openStore('a', { readOnly: true, cacheBytes: 2 ** 20 });
    let ran = false;
    await expect(
      store.transaction(() => {
        ran = true;
      }),
    ).rejects.toMatchObject({ code: 'READ_ONLY' });
    expect(ran).toBe(false);
  });
});
