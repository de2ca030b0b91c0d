/**
 * Hands bytes from the store to the person's disk, and tells what they hash to. Large ones stream into a file
 * that the person picks, where the browser has a picker; everything else becomes a Blob, piece by piece, which
 * browsers keep on disk.
 */
import type { Sha256, Sha256State } from './sha256.ts';

/** From here on a picker is worth a question. */
const PICKER_FROM_BYTES = 512 * 2 ** 20;

export interface SaveRequest {
  readonly name: string;
  readonly type: string;
  /** How many bytes will come, as far as is known. */
  readonly byteCount: number;
  readonly pieces: AsyncIterable<readonly Uint8Array[]>;
  readonly onProgress: (bytes: number) => void;
  readonly hasher: Sha256;
  /** What the bytes must hash to; nothing is handed over when they do not. */
  readonly sha256?: string;
}

interface SavePicker {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/** Saves it under its name. Resolves when the browser has all of it, with its SHA-256 in hexadecimal. */
export async function save(request: SaveRequest): Promise<string> {
  const { showSaveFilePicker } = globalThis as SavePicker;
  if (request.byteCount < PICKER_FROM_BYTES || showSaveFilePicker === undefined) {
    return saveAsBlob(request);
  }
  const handle = await showSaveFilePicker.call(globalThis, { suggestedName: request.name });
  return saveToFile(request, await handle.createWritable());
}

async function saveAsBlob(request: SaveRequest): Promise<string> {
  const parts: Blob[] = [];
  const sha256 = await pass(request, async (blob) => {
    parts.push(blob);
  });
  const url = URL.createObjectURL(new Blob(parts, { type: request.type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = request.name;
  link.click();
  // The download has its own hold on the Blob once it has started, and nothing tells when that is.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
  return sha256;
}

async function saveToFile(request: SaveRequest, file: FileSystemWritableFileStream) {
  try {
    const sha256 = await pass(request, (blob) => file.write(blob));
    await file.close();
    return sha256;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Takes all pieces to `take`, and compares their hash. */
async function pass(request: SaveRequest, take: (blob: Blob) => Promise<void>): Promise<string> {
  let state: Sha256State | undefined;
  let bytes = 0;
  for await (const blocks of request.pieces) {
    const blob = new Blob(blocks as Uint8Array<ArrayBuffer>[]);
    [state] = await Promise.all([request.hasher.extend(state, blocks), take(blob)]);
    bytes += blob.size;
    request.onProgress(bytes);
  }
  const sha256 = await request.hasher.finish(state);
  if (request.sha256 !== undefined && request.sha256 !== sha256) {
    throw new Error(`“${request.name}” is not what was stored: its SHA-256 is ${sha256}.`);
  }
  return sha256;
}
