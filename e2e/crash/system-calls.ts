/**
 * From the record of system calls that `strace` makes of a browser to the trace of disks that the crash explorer knows.
 * Guarantees: of the store's files nothing is left out and nothing reordered; what is not understood is an error.
 *
 * strace sees the calls of a process one after the other, so the order of its lines respects cause and effect: a
 * promise that is marked in the record came after every call whose end stands before the mark.
 */
import type { TraceOperation } from '../../src/sim/disk-trace.ts';
import { SIM_SECTOR_BYTES } from '../../src/sim/sector-file.ts';
import { type AskedOperation, MARK_PREFIX } from './plan.ts';

/** A promise, and how many operations on the store's files had been done when it was made. */
export interface Mark {
  readonly kind: 'submitted' | 'acked';
  readonly state: number;
  readonly operation: number;
}

export interface BrowserTrace {
  readonly seed: number;
  readonly diskCount: number;
  readonly operations: readonly TraceOperation[];
  readonly marks: readonly Mark[];
}

export interface SystemCall {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly byteCount: number;
}

/** What a recording must watch, and no more: everything else runs at full speed. */
export const STRACE = [
  ...['strace', '-f', '--seccomp-bpf', '-y', '-xx', '-s', String(2 ** 21), '-e', 'signal=none'],
  ...['-e', 'trace=pwrite64,pwritev,pwritev2,fdatasync,fsync,ftruncate,fallocate,sync_file_range'],
];

const FILES_FOLDER = 'File System';

/** Calls on files of the origin's file system, in the order in which they ended. */
export function parseSystemCalls(record: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of record.split('\n')) {
    const match = /^(\d+) +(.*)$/.exec(line);
    const [, pid = '', text = ''] = match ?? [];
    if (text.endsWith('<unfinished ...>')) {
      begun.set(pid, text.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const whole = resumed === null ? text : `${begun.get(pid) ?? ''}${resumed[1] ?? ''}`;
    const call = parseCall(whole);
    if (call !== undefined) calls.push(call);
  }
  return calls;
}

/** `name(fd<path>, arguments) = result` */
function parseCall(text: string): SystemCall | undefined {
  const match = /^(\w+)\((\d+)<([^>]*)>(?:\([^)]*\))?(?:, (.*?))? *\) += (-?\d+)/.exec(text);
  if (match === null) return undefined;
  const [, name = '', , pathText = '', rest = '', resultText = ''] = match;
  const path = unescapeText(pathText);
  if (!path.includes(`/${FILES_FOLDER}/`) || !/\/\d{8}$/.test(path)) return undefined;
  const result = Number(resultText);
  if (result < 0) throw new Error(`a system call failed: ${text.slice(0, 200)}`);
  const nothing = new Uint8Array(0);
  if (name === 'fdatasync' || name === 'fsync') {
    return { name, path, bytes: nothing, offset: 0, byteCount: 0 };
  }
  if (name === 'ftruncate') {
    return { name, path, bytes: nothing, offset: 0, byteCount: Number(rest) };
  }
  const write = /^"([^"]*)", (\d+), (\d+)$/.exec(rest);
  if (name !== 'pwrite64' || write === null) {
    throw new Error(`not a call that the engine's work leads to: ${text.slice(0, 200)}`);
  }
  const [, hex = '', countText = '', offsetText = ''] = write;
  const bytes = unescapeBytes(hex);
  const byteCount = Number(countText);
  if (bytes.length !== byteCount || result !== byteCount) {
    throw new Error(`a write of ${byteCount} bytes wrote ${result}, ${bytes.length} are on record`);
  }
  return { name, path, bytes, offset: Number(offsetText), byteCount };
}

function unescapeBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll('\\x', ''), 'hex'));
}

function unescapeText(text: string): string {
  return text.startsWith('\\x') ? Buffer.from(unescapeBytes(text)).toString('utf8') : text;
}

/**
 * The trace of one store, with the promises. `asked` is what the engine asked of its handles: it tells which file is
 * which, and must be the same list, call by call.
 */
export function traceOf(
  calls: readonly SystemCall[],
  asked: readonly AskedOperation[],
  seed: number,
): BrowserTrace {
  const operations: TraceOperation[] = [];
  const marks: Mark[] = [];
  const names = new Map<string, string>();
  const done: string[] = [];
  for (const call of calls) {
    const text = Buffer.from(call.bytes.subarray(0, 80)).toString('latin1');
    if (text.startsWith(MARK_PREFIX)) {
      marks.push(...parseMark(text.slice(MARK_PREFIX.length), operations.length));
      continue;
    }
    const file = nameOf(call.path, names, asked[operations.length]);
    operations.push(operationOf(call, Number(file.slice('disk-'.length))));
    done.push(callText({ kind: KINDS[call.name] ?? 'write', file, ...call }));
  }
  const wrong = asked.findIndex((operation, n) => callText(operation) !== done[n]);
  if (wrong >= 0 || asked.length !== done.length) {
    const at = wrong < 0 ? asked.length : wrong;
    const one = asked[at];
    throw new Error(
      `operation ${at} of ${asked.length}: asked for ${one && callText(one)}, done was ${done[at]}`,
    );
  }
  return { seed, diskCount: names.size, operations, marks };
}

const KINDS: Readonly<Record<string, AskedOperation['kind']>> = {
  fdatasync: 'flush',
  ftruncate: 'resize',
};

function callText({ kind, file, offset, byteCount }: AskedOperation): string {
  return `${kind} ${file} ${offset} ${byteCount}`;
}

/** The file's name in the store: by the first call on it, which must be the one that the engine asked for. */
function nameOf(
  path: string,
  names: Map<string, string>,
  asked: AskedOperation | undefined,
): string {
  if (!names.has(path) && asked !== undefined) names.set(path, asked.file);
  return names.get(path) ?? 'a file nobody asked for';
}

function parseMark(text: string, operation: number): Mark[] {
  const [, kind, state] = /^(submitted|acked) (\d+);/.exec(text) ?? [];
  if (kind !== 'submitted' && kind !== 'acked') return [];
  return [{ kind, state: Number(state), operation }];
}

function operationOf(call: SystemCall, file: number): TraceOperation {
  if (call.name === 'fdatasync') return { kind: 'flush', file };
  if (call.name === 'ftruncate') return { kind: 'resize', file, byteCount: call.byteCount };
  if (call.name !== 'pwrite64') throw new Error(`a flush is one fdatasync, not ${call.name}`);
  const { bytes, offset } = call;
  if (offset % SIM_SECTOR_BYTES !== 0 || bytes.length % SIM_SECTOR_BYTES !== 0) {
    throw new Error('the engine writes whole sectors');
  }
  const sectors: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += SIM_SECTOR_BYTES) {
    sectors.push(bytes.slice(at, at + SIM_SECTOR_BYTES));
  }
  return { kind: 'write', file, sector: offset / SIM_SECTOR_BYTES, sectors };
}
