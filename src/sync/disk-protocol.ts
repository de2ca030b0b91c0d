/**
 * The cells of the rings between the store's thread and a disk's, and of the clients' mailboxes: which word is what.
 * Written and read by plain accesses, for the ring's tail and the mailbox's state hand them over.
 *
 *     request     0 operation   1 bytes, flag or slot   2, 3 file offset   4, 5 memory offset   6, 7 cookie
 *                 8, 9 address   10, 11 generation   12, 13 hash
 *     completion  0 kind   1 outcome   2, 3 cookie, or the value of an answer
 *                 of a fault: 4 number of its text   5 kind   6 operation   8 offset   10 expected   12 actual
 *     miss        0 outcome   2, 3 file offset   8 … 13 the pointer, as in a request
 *
 * Plain operations (`raw…`, `resize`, `size`, `close`, `configure`) are answered one by one, with a completion of kind
 * `answered`; their bytes travel through the disk's raw piece of the contents. They are done where they stand in the
 * ring, behind everything that was pushed before.
 *
 * Stopping a disk (I12) is no request but a word of the disk page: it must not wait behind what it is to prevent.
 */
import type { BlockAddress, Generation } from '../base/brand.ts';
import type { DeviceFault } from '../device/device.ts';
import type { Pointer } from '../format/pointer.ts';
import { plainLoad, plainStore } from '../shared/atomics.ts';
import { highWord, joinWords, lowWord } from '../shared/cache-layout.ts';
import { DEVICE_OPERATIONS, FIRST_FAULT } from '../shared/disk-page.ts';
import { loadDouble, storeDouble } from '../shared/double-words.ts';
import type { CompletionKind } from './completion-list.ts';
import type { Outcome } from './disk-port.ts';

export const REQUEST = {
  write: 1,
  free: 2,
  fence: 3,
  load: 4,
  /** A cache slot for the disk to fill with what a client missed. Answered by `filled`, some day. */
  lend: 5,
  /** Write what is kept back. No answer of its own. */
  drain: 6,
  /** The store's blocks: length, and the hash domain in the raw piece. From now on there is a queue. */
  configure: 7,
  rawRead: 8,
  rawWrite: 9,
  rawFlush: 10,
  resize: 11,
  size: 12,
  close: 13,
} as const;
export type RequestOperation = (typeof REQUEST)[keyof typeof REQUEST];
/** Submissions: each completes, or has no answer of its own. */
type SubmittedOperation = (typeof REQUEST)['write' | 'free' | 'fence' | 'load' | 'lend' | 'drain'];
/** Answered one by one. */
export type PlainOperation = Exclude<RequestOperation, SubmittedOperation>;

const OPERATION = 0;
const DETAIL = 1;
const FILE_OFFSET = 2;
const MEMORY_OFFSET = 4;
const COOKIE = 6;
const POINTER = 8;

const KIND = 0;
const OUTCOME = 1;
const VALUE = 2;
const FAULT_NUMBER = 4;
const FAULT_KIND = 5;
const FAULT_OPERATION = 6;
const FAULT_OFFSET = 8;
const FAULT_EXPECTED = 10;
const FAULT_ACTUAL = 12;

const OUTCOMES = ['ok', 'skipped', 'corrupt', 'fault'] as const;
const OUTCOME_FAULT = 3;
const FAULT_KINDS = ['short', 'count', 'quota', 'gone', 'io'] as const;

/** In the place of a text's number: the fault that the store itself has stopped the disk with. */
export const FAULT_TOLD = -1;

// ---- requests

export function putRequest(
  words: Int32Array,
  at: number,
  operation: RequestOperation,
  detail: number,
): void {
  plainStore(words, at + OPERATION, operation);
  plainStore(words, at + DETAIL, detail);
}

export function operationAt(words: Int32Array, at: number): RequestOperation {
  return plainLoad(words, at + OPERATION) as RequestOperation;
}

/** Bytes of a write, whether a free may cancel, the slot that is lent, the length of a block. */
export function detailAt(words: Int32Array, at: number): number {
  return plainLoad(words, at + DETAIL);
}

export function putFileOffset(words: Int32Array, at: number, offset: number): void {
  putNumber(words, at + FILE_OFFSET, offset);
}

export function fileOffsetAt(words: Int32Array, at: number): number {
  return numberAt(words, at + FILE_OFFSET);
}

export function putMemoryOffset(words: Int32Array, at: number, offset: number): void {
  putNumber(words, at + MEMORY_OFFSET, offset);
}

export function memoryOffsetAt(words: Int32Array, at: number): number {
  return numberAt(words, at + MEMORY_OFFSET);
}

export function putCookie(words: Int32Array, at: number, cookie: number): void {
  putNumber(words, at + COOKIE, cookie);
}

export function cookieAt(words: Int32Array, at: number): number {
  return numberAt(words, at + COOKIE);
}

export function putPointer(words: Int32Array, at: number, pointer: Pointer): void {
  putNumber(words, at + POINTER, pointer.address);
  putNumber(words, at + POINTER + 2, pointer.generation);
  plainStore(words, at + POINTER + 4, pointer.hashLow | 0);
  plainStore(words, at + POINTER + 5, pointer.hashHigh | 0);
}

/** Allocates: once a load, which costs a read. */
export function pointerAt(words: Int32Array, at: number): Pointer {
  return {
    address: numberAt(words, at + POINTER) as BlockAddress,
    generation: numberAt(words, at + POINTER + 2) as Generation,
    hashLow: plainLoad(words, at + POINTER + 4) >>> 0,
    hashHigh: plainLoad(words, at + POINTER + 5) >>> 0,
  };
}

// ---- completions

/** The rest of a completion with a fault follows by `putFault`. */
export function putCompletion(
  words: Int32Array,
  at: number,
  kind: CompletionKind,
  outcome: Outcome,
): void {
  plainStore(words, at + KIND, kind);
  putOutcome(words, at + OUTCOME, outcome);
}

export function putValue(words: Int32Array, at: number, value: number): void {
  putNumber(words, at + VALUE, value);
}

export function kindAt(words: Int32Array, at: number): CompletionKind {
  return plainLoad(words, at + KIND) as CompletionKind;
}

/** The cookie, or what an answer says. */
export function valueAt(words: Int32Array, at: number): number {
  return numberAt(words, at + VALUE);
}

export function outcomeAt(words: Int32Array, at: number): (typeof OUTCOMES)[number] {
  return OUTCOMES[plainLoad(words, at + OUTCOME)] ?? 'fault';
}

/** @param number of its text in the disk page, or `FAULT_TOLD`. */
export function putFault(words: Int32Array, at: number, number: number, fault: DeviceFault): void {
  plainStore(words, at + FAULT_NUMBER, number);
  plainStore(words, at + FAULT_KIND, FAULT_KINDS.indexOf(fault.kind));
  plainStore(words, at + FAULT_OPERATION, DEVICE_OPERATIONS.indexOf(fault.operation));
  // As doubles: an impossible count is told as the browser gave it.
  storeDouble(words, at + FAULT_OFFSET, fault.offset);
  storeDouble(words, at + FAULT_EXPECTED, fault.expected);
  storeDouble(words, at + FAULT_ACTUAL, fault.actual);
}

export function faultNumberAt(words: Int32Array, at: number): number {
  return plainLoad(words, at + FAULT_NUMBER);
}

export function faultAt(
  words: Int32Array,
  at: number,
  text: { file: string; detail: string },
): DeviceFault {
  return {
    kind: FAULT_KINDS[plainLoad(words, at + FAULT_KIND)] ?? 'io',
    operation: DEVICE_OPERATIONS[plainLoad(words, at + FAULT_OPERATION)] ?? 'read',
    offset: loadDouble(words, at + FAULT_OFFSET),
    expected: loadDouble(words, at + FAULT_EXPECTED),
    actual: loadDouble(words, at + FAULT_ACTUAL),
    ...text,
  };
}

/** Whether the text's number says: the fault of this disk that ended writing, the same one for all. */
export function isFirstFault(number: number): boolean {
  return number === FIRST_FAULT;
}

// ---- misses

/** `at` is the payload of a mailbox cell. */
export function putMiss(
  words: Int32Array,
  at: number,
  miss: { pointer: Pointer; fileOffset: number },
): void {
  putFileOffset(words, at, miss.fileOffset);
  putPointer(words, at, miss.pointer);
}

export function putMissOutcome(words: Int32Array, at: number, outcome: Outcome): void {
  putOutcome(words, at, outcome);
}

/** What the disk has answered; its landing place holds the block when it is `ok`. Nothing else is final. */
export function missOutcomeAt(words: Int32Array, at: number): 'ok' | 'corrupt' | 'fault' {
  const outcome = OUTCOMES[plainLoad(words, at)];
  return outcome === 'ok' || outcome === 'corrupt' ? outcome : 'fault';
}

function putOutcome(words: Int32Array, at: number, outcome: Outcome): void {
  const code = typeof outcome === 'string' ? OUTCOMES.indexOf(outcome) : OUTCOME_FAULT;
  plainStore(words, at, code);
}

function putNumber(words: Int32Array, at: number, value: number): void {
  plainStore(words, at, lowWord(value));
  plainStore(words, at + 1, highWord(value));
}

function numberAt(words: Int32Array, at: number): number {
  return joinWords(plainLoad(words, at), plainLoad(words, at + 1));
}
