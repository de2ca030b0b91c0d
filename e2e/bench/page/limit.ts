/** The page's side of the limit. */
import { type Caller, callerOf } from './calls.ts';
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
