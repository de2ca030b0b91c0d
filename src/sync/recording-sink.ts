/** Tests only: a sink that lists what it is told, and a stand-in for the hash that verifies loads. */
import type { Generation } from '../base/brand.ts';
import { type BlockAddress, byteCount } from '../base/brand.ts';
import type { Pointer } from '../format/pointer.ts';
import type { CompletionSink, LoadRequest, Outcome, WriteRequest } from './disk-port.ts';

export interface Completion {
  readonly kind: 'written' | 'freed' | 'fenced' | 'loaded' | 'filled';
  readonly cookie: number;
  readonly outcome: Outcome;
}

export class RecordingSink implements CompletionSink {
  readonly completions: Completion[] = [];

  written(cookie: number, outcome: Outcome): void {
    this.completions.push({ kind: 'written', cookie, outcome });
  }

  freed(cookie: number, outcome: Outcome): void {
    this.completions.push({ kind: 'freed', cookie, outcome });
  }

  fenced(cookie: number, outcome: Outcome): void {
    this.completions.push({ kind: 'fenced', cookie, outcome });
  }

  loaded(cookie: number, outcome: Outcome): void {
    this.completions.push({ kind: 'loaded', cookie, outcome });
  }

  filled(slot: number): void {
    this.completions.push({ kind: 'filled', cookie: slot, outcome: 'ok' });
  }

  /** `written 3 ok`, a fault by its kind. */
  lines(): string[] {
    return this.completions.map(({ kind, cookie, outcome }) => {
      return `${kind} ${cookie} ${typeof outcome === 'string' ? outcome : outcome.kind}`;
    });
  }
}

export function pointerTo(bytes: Uint8Array): Pointer {
  return {
    address: 0 as BlockAddress,
    generation: 1 as Generation,
    hashHigh: 0,
    hashLow: sumOf(bytes),
  };
}

export function sumMatches(bytes: Uint8Array, pointer: Pointer): boolean {
  return sumOf(bytes) === pointer.hashLow;
}

export function writeOf(
  fileOffset: number,
  options: { memoryOffset: number; byteCount: number; cookie: number },
): WriteRequest {
  return { fileOffset: byteCount(fileOffset), ...options };
}

export function loadOf(
  fileOffset: number,
  options: { memoryOffset: number; pointer: Pointer; cookie: number },
): LoadRequest {
  return { fileOffset: byteCount(fileOffset), ...options };
}

function sumOf(bytes: Uint8Array): number {
  let sum = bytes.length;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return sum;
}
