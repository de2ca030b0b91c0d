import { describe, expect, test } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { type FakeOrigin, fakeOrigin } from './fake-session.ts';

const pause = (ms = 1): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Nothing is held any more: the next open gets everything at once. */
async function expectFree(fake: FakeOrigin): Promise<void> {
  expect(fake.origin.workerCount).toBe(0);
  expect(fake.origin.listenerCount).toBe(0);
  const store = await fake.open({ waitMs: 0 });
  await store.close();
}

/** Opening hangs in its middle, from `hanging` on, until it is to go on. */
function hangingOrigin(): FakeOrigin & { readonly hanging: Promise<void>; goOn(): void } {
  let hang = true;
  let reached = (): void => undefined;
  const hanging = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const fake = fakeOrigin((session) => {
    const stats = session.stats.bind(session);
    session.stats = () => {
      if (!hang) return stats();
      reached();
      return new Promise(() => {});
    };
  });
  const goOn = (): void => {
    hang = false;
  };
  return { ...fake, hanging, goOn };
}

describe('opening', () => {
  test('gives a store, and closing gives everything back', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    expect(store).toMatchObject({
      name: 'a',
      blockSize: 4096,
      profile: 'inline',
      health: 'ok',
      generation: 1,
      catalogue: 'ok',
      recovery: { created: true },
    });
    await store.close();
    await store.close();
    expect(fake.last().calls.at(-1)).toBe('close');
    expect(store.health).toBe('closed');
    await expectFree(fake);
  });

  test('await using closes', async () => {
    const fake = fakeOrigin();
    {
      await using store = await fake.open();
      expect(store.health).toBe('ok');
    }
    await expectFree(fake);
  });

  test('a second open of the same store is LOCKED and does not disturb the first', async () => {
    const fake = fakeOrigin();
    await using store = await fake.open();
    await expect(fake.open({ waitMs: 5 })).rejects.toMatchObject({ code: 'LOCKED' });
    expect(await store.transaction(() => 'works')).toBe('works');
  });

  test('it waits for the first to close', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    const second = fake.open({ waitMs: 1000 });
    await pause(5);
    await store.close();
    await (await second).close();
  });
});

test('what the engine announces before the page listens is not lost', async () => {
  const fake = fakeOrigin((session) => {
    const subscribe = session.subscribe.bind(session);
    session.subscribe = (listener) => {
      subscribe(listener);
      session.publish({ generation: 7 });
    };
  });
  await using store = await fake.open();
  expect(store.generation).toBe(7);
});

describe('I11: every failure gives back the lock, the worker and the listeners', () => {
  test('the engine refuses', async () => {
    let refuses = true;
    const fake = fakeOrigin(() => {
      if (refuses) throw new StoreError('CORRUPT', 'as planned');
    });
    await expect(fake.open()).rejects.toMatchObject({ code: 'CORRUPT' });
    refuses = false;
    await expectFree(fake);
  });

  test('the signal gives up while the engine opens', async () => {
    const fake = hangingOrigin();
    const controller = new AbortController();
    const opening = fake.open({ signal: controller.signal });
    await fake.hanging;
    controller.abort('enough');
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    fake.goOn();
    await expectFree(fake);
  });

  test('the signal had given up before', async () => {
    const fake = fakeOrigin();
    const opening = fake.open({ signal: AbortSignal.abort() });
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED' });
    await expectFree(fake);
  });

  test('the page goes away in the middle', async () => {
    const fake = hangingOrigin();
    const opening = fake.open();
    await fake.hanging;
    fake.origin.hidePage();
    await expect(opening).rejects.toMatchObject({ code: 'SESSION_LOST' });
    fake.goOn();
    await expectFree(fake);
  });

  test('the worker dies in the middle', async () => {
    const fake = hangingOrigin();
    const opening = fake.open();
    await fake.hanging;
    fake.origin.killWorkers();
    await expect(opening).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  test('the worker cannot even be started', async () => {
    const fake = fakeOrigin();
    const { environment } = fake.origin;
    const broken = {
      ...environment,
      startWorker: () => {
        throw new TypeError('no such script');
      },
    };
    Object.assign(fake.origin, { environment: broken });
    await expect(fake.open()).rejects.toThrow('no such script');
    Object.assign(fake.origin, { environment });
    await expectFree(fake);
  });

  test('closing fails: the error comes out, and everything is given back', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    fake.last().close = () => Promise.reject(new StoreError('POISONED', 'the last commit failed'));
    await expect(store.close()).rejects.toMatchObject({ code: 'POISONED' });
    await expectFree(fake);
  });

  test('relaxed transactions that could not be saved at closing are not passed over', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    const session = fake.last();
    session.close = async () => session.publish({ health: 'closed', reason: 'The disk is full.' });
    await expect(store.close()).rejects.toThrow(/disk is full.*may not have been saved/);
    await expectFree(fake);
  });
});

test('I11: the store’s lock outlives a worker that is slow to die', async () => {
  const fake = fakeOrigin();
  const { environment } = fake.origin;
  const startWorker: typeof environment.startWorker = (...start) => {
    const worker = environment.startWorker(...start);
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => void setTimeout(terminate, 30);
    return worker;
  };
  Object.assign(fake.origin, { environment: { ...environment, startWorker } });
  const store = await fake.open();
  let closed = false;
  const closing = store.close().then(() => {
    closed = true;
  });
  await pause(10);
  expect(closed).toBe(false);
  await expect(fake.open({ waitMs: 0 })).rejects.toMatchObject({ code: 'LOCKED' });
  await closing;
  expect(fake.origin.workerCount).toBe(0);
  Object.assign(fake.origin, { environment });
  await expectFree(fake);
});

test('what fails in a call is that call’s, and the store goes on', async () => {
  const fake = fakeOrigin();
  const store = await fake.open();
  fake.last().stats = () => {
    throw new StoreError('IO', 'an odd thing');
  };
  await expect(store.stats()).rejects.toMatchObject({ code: 'IO' });
  expect(store.health).toBe('ok');
  await store.close();
});

describe('after the end', () => {
  test('every use is CLOSED', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    await store.close();
    const pointer = { address: 0, hash: 0n, generation: 0 };
    const uses = [
      () => store.root('a'),
      () => store.read(pointer),
      () => store.readMany([pointer]),
      () => store.readCached(pointer, new Uint8Array(4096)),
      () => store.reader(),
      () => store.transaction(() => 1),
      () => store.stats(),
      () => store.telemetry(),
      () => store.blockStates(),
      () => store.check(),
      () => store.compactLogs(),
      () => store.exportImage(),
      () => store.share(),
    ];
    for (const use of uses) {
      const error = await (async () => use())().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'CLOSED', message: expect.stringMatching(/openStore/) });
    }
  });

  test('I14: the worker dies: pending calls are SESSION_LOST, and the store opens again', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    const healths: string[] = [];
    store.on('health', ({ health, reason }) => healths.push(`${health}: ${reason}`));
    fake.last().read = () => new Promise(() => {});
    const reading = store.read({ address: 0, hash: 0n, generation: 0 });
    await pause(5);
    fake.origin.killWorkers();
    await expect(reading).rejects.toMatchObject({
      code: 'SESSION_LOST',
      coordinates: { store: 'a' },
      message: expect.stringMatching(/Open the store again/),
    });
    expect(store.health).toBe('closed');
    expect(healths).toEqual([expect.stringMatching(/^closed: .*terminated/)]);
    await expect(store.stats()).rejects.toMatchObject({ code: 'SESSION_LOST' });
    await store.close();
    await expectFree(fake);
  });
});

describe('the life of the page', () => {
  test('when it goes away the worker commits, closes and ends; calls are SESSION_LOST', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    fake.last().read = () => new Promise(() => {});
    const reading = store.read({ address: 0, hash: 0n, generation: 0 });
    fake.origin.hidePage();
    await expect(reading).rejects.toMatchObject({ code: 'SESSION_LOST' });
    await pause(10);
    expect(fake.last().calls.at(-1)).toBe('close');
    expect(store.health).toBe('closed');
    await expectFree(fake);
  });

  test('in the background relaxed transactions are committed', async () => {
    const fake = fakeOrigin();
    await using store = await fake.open();
    fake.origin.coverPage();
    await store.stats();
    expect(fake.last().calls).toContain('sync');
  });
});

describe('the catalogue', () => {
  test('a store whose files are gone is EVICTED, never created anew', async () => {
    const fake = fakeOrigin();
    await (await fake.open()).close();
    fake.origin.evict('a');
    await expect(fake.open()).rejects.toMatchObject({
      code: 'EVICTED',
      coordinates: { store: 'a' },
      message: expect.stringMatching(/deleteStore/),
    });
    expect(fake.origin.folder('a')).toBeUndefined();
    expect(fake.sessions.length).toBe(1);
  });

  test('files of another store in their place are EVICTED too', async () => {
    const fake = fakeOrigin((session) => {
      (session.opened as { storeId: Uint8Array }).storeId = new Uint8Array(16).fill(
        fake.sessions.length,
      );
    });
    await (await fake.open()).close();
    await expect(fake.open()).rejects.toThrow(/not the one that was here before/);
  });

  test('a generation that is older than the one remembered is reported', async () => {
    const fake = fakeOrigin();
    const store = await fake.open();
    for (let count = 0; count < 3; count += 1) await store.transaction(() => count);
    expect(store.generation).toBe(4);
    await store.close();
    const again = await fake.open();
    expect(again.recovery).toMatchObject({ generation: 1, expectedGeneration: 4 });
    await again.close();
  });

  test('without IndexedDB the store works, and says that losing it would not be noticed', async () => {
    const fake = fakeOrigin();
    fake.origin.catalogueWorks = false;
    await using store = await fake.open();
    expect(store.catalogue).toBe('unavailable');
    expect(await store.transaction(() => 1)).toBe(1);
  });
});
