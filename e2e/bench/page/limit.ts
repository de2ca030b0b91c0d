/** The page's side of the limit, and of the floor. */
import { type Caller, callerOf } from './calls.ts';
import type { FloorVerbs } from './floor.worker.ts';
import type { LimitVerbs } from './limit.worker.ts';

export type Limit = Caller<LimitVerbs>;

/** @param byteCount the size of its file */
export async function openLimit(byteCount: number): Promise<Limit> {
  const limit = callerOf<LimitVerbs>(
    new Worker(new URL('./limit.worker.ts', import.meta.url), { type: 'module' }),
  );
  await limit.call('open', byteCount);
  return limit;
}

export async function closeLimit(limit: Limit): Promise<void> {
  await limit.call('close');
  limit.end();
}

export type Floor = Caller<FloorVerbs>;

/** Bare handles to compare with. The floor is `undefined` where threads share no memory, or cannot wait for it. */
export interface Bare {
  readonly limit: Limit;
  readonly floor: Floor | undefined;
}

export async function openFloor(byteCount: number): Promise<Floor | undefined> {
  if (!globalThis.crossOriginIsolated || !('waitAsync' in Atomics)) return undefined;
  const floor = callerOf<FloorVerbs>(
    new Worker(new URL('./floor.worker.ts', import.meta.url), { type: 'module' }),
  );
  await floor.call('open', byteCount);
  return floor;
}

export async function closeFloor(floor: Floor | undefined): Promise<void> {
  await floor?.call('close');
  floor?.end();
}
