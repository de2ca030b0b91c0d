/** fsck of a memory store, in one go. */
import type { Pointer } from '../format/pointer.ts';
import { Checker } from '../store/check.ts';
import type { CheckReport } from '../store/report.ts';
import type { MemoryStore } from './memory-store.ts';

export function checkStore(store: MemoryStore, reachable?: readonly Pointer[]): CheckReport {
  const checker = new Checker(store.opened, reachable === undefined ? {} : { reachable });
  while (!checker.step(1024));
  return checker.report();
}
