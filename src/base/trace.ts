/**
 * A ring of the last things that happened to blocks, told with an assertion that fails (after gefs' `_trace` and
 * `_babort`). Writing an entry allocates nothing and costs a few stores, so it is always on. Each thread has its own.
 */
const ENTRY_COUNT = 1024;

export type TraceEvent =
  | 'alloc'
  | 'defer'
  | 'release'
  | 'enqueue'
  | 'load'
  | 'evict'
  | 'freeze'
  | 'fence'
  | 'durable'
  | 'compact'
  | 'grow'
  | 'poison';

const events: (TraceEvent | undefined)[] = new Array(ENTRY_COUNT).fill(undefined);
const addresses = new Float64Array(ENTRY_COUNT);
const details = new Float64Array(ENTRY_COUNT);
let written = 0;

/** Notes that `event` happened to the block at `address`; `detail` is the event's own number (generation, count). */
export function trace(event: TraceEvent, address: number, detail = 0): void {
  const at = written % ENTRY_COUNT;
  events[at] = event;
  addresses[at] = address;
  details[at] = detail;
  written += 1;
}

/** The last `limit` entries, oldest first; with `address`, only that block's. */
export function dumpTrace(address?: number, limit = 32): string[] {
  const lines: string[] = [];
  for (let n = written - 1; n >= 0 && n >= written - ENTRY_COUNT && lines.length < limit; n -= 1) {
    const at = n % ENTRY_COUNT;
    if (address !== undefined && addresses[at] !== address) continue;
    lines.push(`#${n} ${events[at]} ${addresses[at]} ${details[at]}`);
  }
  return lines.reverse();
}

/** For `describeFailuresWith`: the message, and under it what happened last in this thread, oldest first. */
export function withTrace(message: string): string {
  return [message, ...dumpTrace()].join('\n  ');
}
