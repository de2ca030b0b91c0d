/** The verbs of transactions, as the page says them: asked one by one, or, where that is possible, all at once. */
import { type Remote, transfer } from 'comlink';
import type { Pointer } from '../format/pointer.ts';
import type { Durability } from '../store/report.ts';
import type { EndOptions, StoreVerbs } from '../store/verbs.ts';
import type { GrantedBlocks } from './granted-blocks.ts';
import { MessageMemory } from './message-memory.ts';
import type { Outbox } from './outbox.ts';
import { type PackedBlocks, packBlocks, packPointers, unpackPointers } from './packing.ts';
import type { ClientNote, VerbsApi, WrittenBlocks } from './protocol.ts';

export interface EndingOptions extends Pick<EndOptions, 'onEnded'> {
  /** The client has no other transaction under way. */
  readonly isLast: boolean;
}

/** The verbs that a client's transactions need. */
export interface TransactionVerbs
  extends Pick<
    StoreVerbs,
    | 'begin'
    | 'cancelBegin'
    | 'transactionRead'
    | 'transactionWrite'
    | 'transactionReplace'
    | 'transactionFree'
    | 'transactionSetRoot'
    | 'abort'
  > {
  /** Begins, and expects no answer; `false`: ask with `begin`. */
  beginUnasked(ticket: number): boolean;
  /** Resolves when it is durable (`strict`) or visible (`relaxed`). */
  end(transaction: number, durability: Durability, options: EndingOptions): Promise<void>;
  /** Why a transaction begun so could not begin; known once anything of it has failed. */
  beginFlaw(ticket: number): Error | undefined;
}

export interface TransactionVerbParts {
  readonly api: Remote<VerbsApi>;
  /** Sends what waits in the outbox, then asks; races against the session's end. */
  readonly ask: <T>(call: () => Promise<T>, options?: { maybeApplied: boolean }) => Promise<T>;
  readonly post: (note: ClientNote) => void;
  readonly outbox: Outbox;
  /** Told when the transaction's state is visible. */
  readonly ended: Map<number, () => void>;
  /** Whether the session lives. */
  readonly alive: () => boolean;
  readonly shared: () => { readonly granted: GrantedBlocks | undefined };
}

export function transactionVerbs(parts: TransactionVerbParts): TransactionVerbs {
  const { api, ask, post, outbox, alive, shared } = parts;
  return {
    begin: (ticket) => ask(() => api.begin(ticket)),
    beginUnasked: (ticket) => {
      const may = alive() && shared().granted !== undefined;
      if (may) outbox.begin(ticket);
      return may;
    },
    beginFlaw: (ticket) => outbox.takeFlaw(ticket),
    cancelBegin: (ticket) => post({ note: 'cancelBegin', ticket }),
    transactionRead: (transaction, pointers) =>
      ask(() => api.transactionRead(transaction, transferPointers(pointers))),
    ...writingVerbs(parts),
    transactionFree: (transaction, pointers) => {
      outbox.doubt(transaction);
      shared().granted?.forget(pointers);
      return ask(() => api.transactionFree(transaction, transferPointers(pointers)));
    },
    transactionSetRoot: (transaction, name, pointer) => {
      outbox.doubt(transaction);
      const words = pointer === undefined ? undefined : packPointers([pointer]);
      const isSure = pointer === undefined || shared().granted?.hasWritten(transaction, pointer);
      if (!isSure || !outbox.has(transaction)) {
        return ask(() => api.transactionSetRoot(transaction, name, words));
      }
      outbox.push({ step: 'root', transaction, name, pointer: words });
      return Promise.resolve();
    },
    abort: (transaction) => {
      outbox.forget(transaction);
      return ask(() => api.abort(transaction));
    },
  };
}

function writingVerbs({
  api,
  ask,
  outbox,
  ended,
  shared,
}: TransactionVerbParts): Pick<
  TransactionVerbs,
  'transactionWrite' | 'transactionReplace' | 'end'
> {
  const memory = new MessageMemory();
  const received = ({ pointers, bytes }: WrittenBlocks): Pointer[] => {
    memory.give(bytes);
    return unpackPointers(pointers);
  };
  return {
    transactionWrite: async (transaction, blocks) => {
      const { granted } = shared();
      const written = outbox.has(transaction) ? granted?.write(transaction, blocks) : undefined;
      if (written !== undefined) {
        const { first, pointers } = written;
        outbox.push({ step: 'written', transaction, first, pointers: packPointers(pointers) });
        return pointers;
      }
      outbox.doubt(transaction);
      granted?.giveBack();
      const packed = transferBlocks(blocks, memory);
      return received(await ask(() => api.transactionWrite(transaction, packed)));
    },
    transactionReplace: async (transaction, old, block) => {
      outbox.doubt(transaction);
      shared().granted?.giveBack();
      const packed = transferBlocks([block], memory);
      const replaced = ask(() => api.transactionReplace(transaction, packPointers([old]), packed));
      return received(await replaced)[0] as Pointer;
    },
    end: async (transaction, durability, { onEnded, isLast }) => {
      const isAwaited = onEnded !== undefined;
      if (onEnded !== undefined) ended.set(transaction, onEnded);
      const grantRound = shared().granted?.want();
      const request = { durability, isAwaited, isLast, grantRound };
      try {
        if (outbox.has(transaction)) await outbox.end(transaction, request);
        else await ask(() => api.end(transaction, request), { maybeApplied: true });
      } finally {
        if (isAwaited) ended.delete(transaction);
      }
    },
  };
}

export function transferPointers(pointers: readonly Pointer[]): Float64Array<ArrayBuffer> {
  const words = packPointers(pointers);
  return transfer(words, [words.buffer]);
}

/** Copies first: the caller's buffers are never detached. */
function transferBlocks(blocks: readonly Uint8Array[], memory: MessageMemory): PackedBlocks {
  const packed = packBlocks(blocks, memory);
  return transfer(packed, [packed.bytes.buffer]);
}
