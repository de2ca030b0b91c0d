/** Numbers and errors in words, the same way everywhere on the page. */
import { StoreError, type StoreErrorCode } from '../src/index.ts';

const counts = new Intl.NumberFormat('en');
/** In bytes: decimal, as everywhere on the page but for sizes that a person chose. */
export const MEGABYTE = 1_000_000;
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units and three digits, as file managers show them: `104 MB`. Zero and up. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // Not 1000: what rounds to 1000 belongs to the next unit.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}\u00a0${BYTE_UNITS[unit]}`;
}

/** Powers of two that fit their unit: `16 KiB`. For sizes that a person chose. */
export function binaryText(bytes: number): string {
  if (bytes >= 2 ** 30 && bytes % 2 ** 30 === 0) return `${bytes / 2 ** 30}\u00a0GiB`;
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}\u00a0MiB`;
  if (bytes >= 2 ** 10 && bytes % 2 ** 10 === 0) return `${bytes / 2 ** 10}\u00a0KiB`;
  return bytesText(bytes);
}

export function countText(count: number): string {
  return counts.format(count);
}

/** `940`, `3k`, `12k`: where there is room for three characters. */
export function shortCountText(count: number): string {
  return count < 1000 ? String(count) : `${Math.round(count / 1000)}k`;
}

/** `1 block`, `2 blocks`. */
export function countOf(count: number, noun: string): string {
  return `${countText(count)}\u00a0${noun}${count === 1 ? '' : 's'}`;
}

/** `4.2 ms`, `1.3 s`. */
export function timeText(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1000).toFixed(1)}\u00a0s`;
  return `${ms >= 9.95 ? ms.toFixed(0) : ms.toFixed(1)}\u00a0ms`;
}

/** Ascending numbers as ranges: `0–3, 7`. */
export function rangesText(numbers: readonly number[]): string {
  const ranges: string[] = [];
  let start = 0;
  for (let n = 1; n <= numbers.length; n += 1) {
    const first = numbers[start] as number;
    const last = numbers[n - 1] as number;
    if (n < numbers.length && numbers[n] === last + 1) continue;
    ranges.push(first === last ? `${first}` : `${first}–${last}`);
    start = n;
  }
  return ranges.join(', ');
}

/** What a person reads when something failed: the library's own sentence, and its code. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError) {
    return [...error.errors.slice(0, 1).map(errorText), error.message].join(' ');
  }
  if (error instanceof StoreError) return `${error.message} (${error.code})`;
  if (error instanceof DOMException && error.name === 'AbortError') return 'Cancelled.';
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): StoreErrorCode | undefined {
  return error instanceof StoreError ? error.code : undefined;
}

/** The address that an error is about, when it says so. */
export function addressOfError(error: unknown): number | undefined {
  const address = error instanceof StoreError ? error.coordinates['address'] : undefined;
  return typeof address === 'number' ? address : undefined;
}

/** The block's hash as people compare it: 16 hexadecimal digits. */
export function hashText(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** `820 µs`, `4.2 ms`, `1.3 s`: for times of any size. */
export function shortTimeText(ms: number): string {
  return ms < 0.9995 ? `${(ms * 1000).toFixed(ms < 0.00995 ? 1 : 0)}\u00a0µs` : timeText(ms);
}

/** `4.2 %`, `87 %`, `99.9 %`: all and nothing are said only when they are meant. `share` is 0 … 1. */
export function percentText(share: number): string {
  if (share === 0 || share === 1) return `${share * 100}\u00a0%`;
  const percent = Math.min(99.9, Math.max(0.1, share * 100));
  return `${percent.toFixed(percent < 9.95 || percent >= 99.5 ? 1 : 0)}\u00a0%`;
}
