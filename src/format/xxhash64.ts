/**
 * xxhash64 in WebAssembly: the algorithm is hash-wasm's, see `xxhash64-wasm.ts`; here is only how to call it. Without
 * allocation: what is hashed is copied into the module's buffer, and the result is read out of it.
 */
import { XXHASH64_WASM } from './xxhash64-wasm.ts';

/** Of the module's buffer; what is longer goes through it in pieces. */
const BUFFER_BYTES = 16_384;
const SEED_BYTES = 8;

interface WasmExports {
  readonly memory: WebAssembly.Memory;
  /** Where the buffer is in the memory. All calls take from it, or leave there, what they take or give. */
  Hash_GetBuffer(): number;
  /** Takes the seed. */
  Hash_Init(): void;
  /** Takes so many bytes. */
  Hash_Update(byteCount: number): void;
  /** Leaves the hash, eight bytes, big-endian as xxhash defines it. */
  Hash_Final(): void;
}

/** One hash at a time: `begin`, any number of `update`, `end`. The result stays until the next `begin`. */
export interface XxHash64 {
  begin(): void;
  /** `bytes` may lie in shared memory. */
  update(bytes: Uint8Array): void;
  end(): void;
  /** The halves of the hash, each a u32. */
  readonly high: number;
  readonly low: number;
}

/** Compiles and instantiates the WebAssembly. Rejects where a content policy forbids that. */
export async function createXxHash64(): Promise<XxHash64> {
  const binary = Uint8Array.from(atob(XXHASH64_WASM), (byte) => byte.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(binary);
  const wasm = instance.exports as unknown as WasmExports;
  const buffer = new Uint8Array(wasm.memory.buffer, wasm.Hash_GetBuffer(), BUFFER_BYTES);
  const xxhash = {
    high: 0,
    low: 0,
    begin(): void {
      // The seed is zero.
      buffer.fill(0, 0, SEED_BYTES);
      wasm.Hash_Init();
    },
    update(bytes: Uint8Array): void {
      if (bytes.length <= BUFFER_BYTES) {
        buffer.set(bytes);
        wasm.Hash_Update(bytes.length);
        return;
      }
      for (let at = 0; at < bytes.length; at += BUFFER_BYTES) {
        const piece = bytes.subarray(at, at + BUFFER_BYTES);
        buffer.set(piece);
        wasm.Hash_Update(piece.length);
      }
    },
    end(): void {
      wasm.Hash_Final();
      xxhash.high = wordAt(buffer, 0);
      xxhash.low = wordAt(buffer, 4);
    },
  };
  return xxhash;
}

/** Big-endian. Not through a DataView: making one for each hash costs more than all else around it. */
function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return high * 2 ** 16 + low;
}
