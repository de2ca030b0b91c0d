/**
 * Memory for messages with blocks, which the other side sends back: fresh memory costs a browser several times what
 * copying into it does, because every page of it has to be made. What nobody uses for a while is given up.
 */

/** Sizes are powers of two, so that one message's memory does for the next one's. */
const BYTES_MIN = 2 ** 16;
const KEPT_BYTES_MAX = 16 * 2 ** 20;
/** Memory is kept for so long after its last use, and at most twice as long, in milliseconds. */
const KEPT_MS = 1000;

export class MessageMemory {
  #kept: ArrayBuffer[] = [];
  #keptBytes = 0;
  #used = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  take(byteCount: number): Uint8Array<ArrayBuffer> {
    let byteLength = BYTES_MIN;
    while (byteLength < byteCount) byteLength *= 2;
    const index = this.#kept.findIndex((buffer) => buffer.byteLength === byteLength);
    if (index < 0) return new Uint8Array(new ArrayBuffer(byteLength), 0, byteCount);
    const [buffer] = this.#kept.splice(index, 1) as [ArrayBuffer];
    this.#keptBytes -= byteLength;
    this.#used = true;
    return new Uint8Array(buffer, 0, byteCount);
  }

  /** It has come back. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (this.#keptBytes + buffer.byteLength > KEPT_BYTES_MAX) return;
    this.#kept.push(buffer);
    this.#keptBytes += buffer.byteLength;
    this.#timer ??= setTimeout(() => this.#lookBack(), KEPT_MS);
  }

  #lookBack(): void {
    this.#timer = this.#used ? setTimeout(() => this.#lookBack(), KEPT_MS) : undefined;
    if (!this.#used) this.clear();
    this.#used = false;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
