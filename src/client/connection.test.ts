import type { Endpoint } from 'comlink';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { StoreError } from '../base/errors.ts';
import { Connection, type WorkerLike } from './connection.ts';
import { type LockOwner, MemoryLocks } from './memory-locks.ts';
import { serve } from './serve.ts';

const pause = (ms = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const closed = new StoreError('CLOSED', 'over');

const WELL = { opfs: true, syncAccessHandles: true };

/** A worker without an engine. */
class TestWorker extends EventTarget implements WorkerLike {
  readonly received: unknown[] = [];
  readonly #channel = new MessageChannel();
  readonly #owner: LockOwner;
  terminated = false;
  hangs = false;

  constructor(locks: MemoryLocks) {
    super();
    this.#owner = locks.owner();
    const { port1, port2 } = this.#channel;
    port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent('message', { data }));
    port2.addEventListener('message', ({ data }) => {
      if ('note' in data) this.received.push(data);
    });
    const noEngine = (): never => {
      throw new StoreError('IO', 'there is no engine');
    };
    serve(port2 as unknown as Endpoint, {
      locks: this.#owner,
      openDirectory: noEngine,
      openSession: noEngine,
      importImage: noEngine,
      probe: () => (this.hangs ? new Promise(() => {}) : Promise.resolve(WELL)),
      exit: () => this.terminate(),
    });
  }

  postMessage(message: unknown, transferables: Transferable[] = []): void {
    this.#channel.port1.postMessage(message, transferables);
  }

  fail(type: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(type), fields));
  }

  terminate(): void {
    this.terminated = true;
    this.#channel.port1.close();
    this.#channel.port2.close();
    this.#owner.end();
  }
}

function connected(workerLocks?: MemoryLocks) {
  const locks = new MemoryLocks();
  void locks.owner().request('opfs-blocks:a', () => new Promise(() => {}));
  const worker = new TestWorker(workerLocks ?? locks);
  const inForeground = () => true;
  const options = { worker, locks: locks.owner(), store: 'a', signOfLife: 'alive', inForeground };
  const connection = new Connection(options);
  open.push(worker);
  return { connection, worker };
}

const open: TestWorker[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const worker of open.splice(0)) worker.terminate();
});

describe('I14: a worker’s death is noticed', () => {
  test('by the loss of its sign of life', async () => {
    const { connection, worker } = connected();
    await connection.start();
    expect(await connection.remote.call((api) => api.probe())).toEqual(WELL);
    expect(connection.lifeline.ended).toBeUndefined();
    worker.terminate();
    await pause();
    expect(connection.lifeline.ended).toMatchObject({ code: 'SESSION_LOST' });
  });

  test('by an uncaught error in it', async () => {
    const { connection, worker } = connected();
    await connection.remote.call((api) => api.probe());
    worker.fail('error', { message: 'Uncaught RangeError: no memory' });
    expect(connection.lifeline.ended).toMatchObject({
      code: 'SESSION_LOST',
      message: expect.stringMatching(/no memory/),
    });
  });

  test('by an answer that cannot be read', async () => {
    const { connection, worker } = connected();
    await connection.remote.call((api) => api.probe());
    worker.hangs = true;
    const call = connection.remote.call((api) => api.probe());
    worker.fail('messageerror');
    await expect(call).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  test('one that never started is UNSUPPORTED, and the message names the remedy', () => {
    const { connection, worker } = connected();
    worker.fail('error');
    expect(connection.lifeline.ended).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/worker-src/),
    });
  });
});

describe('I11: the files are free only when the worker is gone', () => {
  test('destroying waits for the sign of life', async () => {
    const { connection, worker } = connected();
    await connection.start();
    let gone = false;
    worker.terminate = () => undefined;
    const destroying = connection.destroy(closed).then(() => {
      gone = true;
    });
    await pause();
    expect(gone).toBe(false);
    TestWorker.prototype.terminate.call(worker);
    await destroying;
  });

  test('but one that is stuck in the browser is not waited for longer than 10 s', async () => {
    const { connection, worker } = connected();
    await connection.start();
    worker.terminate = () => undefined;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let over = false;
    const destroying = connection.destroy(closed).then(() => {
      over = true;
    });
    await vi.advanceTimersByTimeAsync(9999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await destroying;
    TestWorker.prototype.terminate.call(worker);
  });

  test('a retiring worker is asked to close, and ends itself', async () => {
    const { connection, worker } = connected();
    await connection.start();
    connection.retire(closed);
    const destroying = connection.destroy(closed);
    expect(worker.terminated).toBe(false);
    await destroying;
    expect(worker.received).toEqual([{ note: 'release' }]);
    expect(worker.terminated).toBe(true);
  });

  test('after site data was cleared, locks of page and worker are strangers: it works without', async () => {
    const { connection } = connected(new MemoryLocks());
    await connection.start();
    await pause();
    expect(await connection.remote.call((api) => api.probe())).toEqual(WELL);
    expect(connection.lifeline.ended).toBeUndefined();
    await connection.destroy(closed);
  });
});
