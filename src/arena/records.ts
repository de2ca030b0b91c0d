/** What a commit's records do to an arena: walks over buffers that we wrote ourselves, or that replay has checked. */
import { fail } from '../base/assert.ts';
import { ARENA_BLOCKS_MAX } from '../format/geometry.ts';
import { RecordReader, type UnitBuffer } from '../format/log-records.ts';

/** A commit's records in an arena, kept while a compaction would have to repeat them. */
export interface RecentRecords {
  /** The commit's number, counted in durable commits. */
  readonly commit: number;
  readonly units: UnitBuffer;
}

function readerOf(units: UnitBuffer): RecordReader {
  return new RecordReader(units, ARENA_BLOCKS_MAX);
}

/** Free blocks gained, less free blocks taken. Growth does not count: the arena counts it when it grows. */
export function freeBalance(units: UnitBuffer): number {
  const reader = readerOf(units);
  let balance = 0;
  for (;;) {
    switch (reader.next()) {
      case 'alloc':
        balance -= 1;
        break;
      case 'allocRaw':
        balance -= reader.count;
        break;
      case 'free':
      case 'freeRaw':
        balance += reader.count;
        break;
      case 'available':
      case 'sync':
        break;
      case 'end':
        return balance;
      case 'bad':
        return fail('I3: our own records are well formed');
    }
  }
}

export function forEachAllocated(units: UnitBuffer, visit: (block: number) => void): void {
  const reader = readerOf(units);
  for (let kind = reader.next(); kind !== 'end'; kind = reader.next()) {
    if (kind === 'bad') fail('I3: our own records are well formed');
    if (kind === 'alloc') visit(reader.index);
    if (kind === 'allocRaw') visitRange(reader.index, reader.count, visit);
  }
}

export function forEachFreed(units: UnitBuffer, visit: (block: number) => void): void {
  const reader = readerOf(units);
  for (let kind = reader.next(); kind !== 'end'; kind = reader.next()) {
    if (kind === 'bad') fail('I3: our own records are well formed');
    if (kind === 'free' || kind === 'freeRaw') visitRange(reader.index, reader.count, visit);
  }
}

/** Repeats `source` verbatim, except that space which became available belongs into the base of a compacted log. */
export function appendWithoutAvailable(target: UnitBuffer, source: UnitBuffer): void {
  const reader = readerOf(source);
  for (;;) {
    const kind = reader.next();
    if (kind === 'bad') fail('I3: our own records are well formed');
    if (kind === 'end') return;
    if (kind !== 'available') target.appendUnits(source, reader.unit, reader.nextUnit);
  }
}

function visitRange(start: number, count: number, visit: (block: number) => void): void {
  for (let block = start; block < start + count; block += 1) visit(block);
}
