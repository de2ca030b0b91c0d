/**
 * What a transaction says without waiting for an answer, kept until it ends or something has to be asked: so a small
 * transaction is one message, and its answer another. The page may keep it, because it is used only while nobody else
 * uses the store; whatever else the page sends takes it along.
 */
import type { Lifeline } from './lifeline.ts';
import type { ClientNote, EndRequest, Step } from './protocol.ts';
import { type StoreErrorRecord, unpackStoreError } from './transfer.ts';

interface Ending {
  resolve(): void;
  reject(error: Error): void;
}

export class Outbox {
  readonly #post: (note: ClientNote) => void;
  readonly #lifeline: Lifeline;
  #steps: Step[] = [];
  /** Transactions that were begun here and have not ended: whether nothing of them can fail. */
  readonly #open = new Map<number, boolean>();
  readonly #endings = new Map<number, Ending>();
  readonly #unbegun = new Map<number, Error>();

  /** `post` sends what it is given and nothing else. */
  constructor(post: (note: ClientNote) => void, lifeline: Lifeline) {
    this.#post = post;
    this.#lifeline = lifeline;
  }

  begin(transaction: number): void {
    this.#open.set(transaction, true);
    this.#steps.push({ step: 'begin', transaction });
  }

  has(transaction: number): boolean {
    return this.#open.has(transaction);
  }

  push(step: Step): void {
    this.#steps.push(step);
  }

  /** Its end may fail, or show something that the page looks for: the answer counts. */
  doubt(transaction: number): void {
    if (this.#open.has(transaction)) this.#open.set(transaction, false);
  }

  /**
   * Resolves when it is durable, or visible. A relaxed one of which nothing can fail is so at once: whatever the page
   * asks next is asked behind it. Should the engine refuse it, health tells, or the session ends.
   */
  async end(transaction: number, request: EndRequest): Promise<void> {
    const isSure = this.#open.get(transaction) ?? false;
    const isAnswered = !isSure || request.durability === 'strict';
    this.#open.delete(transaction);
    this.#steps.push({ step: 'end', transaction, isAnswered, ...request });
    const answer = (): Promise<void> =>
      new Promise((resolve, reject) => this.#endings.set(transaction, { resolve, reject }));
    const ended = isAnswered ? this.#lifeline.race(answer, { maybeApplied: true }) : undefined;
    this.flush();
    return ended;
  }

  /** It will not end: its rolling back is asked for. */
  forget(transaction: number): void {
    this.#open.delete(transaction);
  }

  flush(): void {
    if (this.#steps.length === 0) return;
    const steps = this.#steps;
    this.#steps = [];
    this.#post({ note: 'steps', steps });
  }

  /** Why the transaction could not begin. Known before anything else of it has failed; asked once. */
  takeFlaw(transaction: number): Error | undefined {
    const flaw = this.#unbegun.get(transaction);
    this.#unbegun.delete(transaction);
    return flaw;
  }

  done(transaction: number): void {
    this.#endings.get(transaction)?.resolve();
    this.#endings.delete(transaction);
  }

  undone(transaction: number, error: StoreErrorRecord): void {
    this.#endings.get(transaction)?.reject(unpackStoreError(error));
    this.#endings.delete(transaction);
  }

  unbegun(transaction: number, error: StoreErrorRecord): void {
    this.#unbegun.set(transaction, unpackStoreError(error));
  }
}
