/**
 * Web Locks of an origin in memory: exclusive ones, granted in the order asked for, with `signal` and `ifAvailable`,
 * and given back when the thread that holds them ends.
 */
import type { Locks } from './locks.ts';

interface Request {
  readonly owner: LockOwner;
  readonly name: string;
  readonly grant: () => void;
}

/** One thread's locks. */
export class LockOwner implements Locks {
  readonly #locks: MemoryLocks;
  #ended = false;

  constructor(locks: MemoryLocks) {
    this.#locks = locks;
  }

  request<T>(name: string, ...rest: unknown[]): Promise<Awaited<T>> {
    // Nothing runs in a thread that has ended, so nothing is ever granted to it.
    if (this.#ended) return new Promise(() => {});
    const callback = rest.at(-1) as LockGrantedCallback<T>;
    const options = rest.length > 1 ? (rest[0] as LockOptions) : {};
    return this.#locks.request(this, name, options, callback);
  }

  /** The thread has ended: what it holds is free, what it waits for is forgotten. */
  end(): void {
    this.#ended = true;
    this.#locks.forget(this);
  }
}

export class MemoryLocks {
  /** By name: the holder first, then those who wait. */
  readonly #queues = new Map<string, Request[]>();

  owner(): LockOwner {
    return new LockOwner(this);
  }

  async request<T>(
    owner: LockOwner,
    name: string,
    options: LockOptions,
    callback: LockGrantedCallback<T>,
  ): Promise<Awaited<T>> {
    options.signal?.throwIfAborted();
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    if (options.ifAvailable === true && queue.length > 0) return await callback(null);
    const request = await this.#granted(queue, owner, name, options.signal);
    try {
      return await callback({ name, mode: 'exclusive' });
    } finally {
      this.#leave(request);
    }
  }

  forget(owner: LockOwner): void {
    for (const queue of [...this.#queues.values()]) {
      for (const request of queue.filter((one) => one.owner === owner)) this.#leave(request);
    }
  }

  #granted(
    queue: Request[],
    owner: LockOwner,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<Request> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#leave(request);
        reject(signal?.reason);
      };
      const request: Request = {
        owner,
        name,
        grant: () => {
          signal?.removeEventListener('abort', abort);
          resolve(request);
        },
      };
      signal?.addEventListener('abort', abort);
      queue.push(request);
      if (queue[0] === request) request.grant();
    });
  }

  /** The next in line is granted, unless the request only waited. */
  #leave(request: Request): void {
    const queue = this.#queues.get(request.name) ?? [];
    const at = queue.indexOf(request);
    if (at < 0) return;
    queue.splice(at, 1);
    if (at === 0) queue[0]?.grant();
  }
}
