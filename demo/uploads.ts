/** Files on their way into the store: a row for each, one after the other, until it is durable or was given up. */
import { TransferRow } from './file-list.ts';
import type { FileStore } from './files.ts';
import { codeOf, errorText } from './text.ts';
import type { Job, Throughput } from './throughput.ts';
import type { Turns } from './turns.ts';

export class Uploads {
  readonly #files: FileStore;
  readonly #throughput: Throughput;
  readonly #turns: Turns;
  readonly #onStored: () => Promise<void>;
  #pending = 0;

  constructor(parts: {
    files: FileStore;
    throughput: Throughput;
    turns: Turns;
    onStored: () => Promise<void>;
  }) {
    this.#files = parts.files;
    this.#throughput = parts.throughput;
    this.#turns = parts.turns;
    this.#onStored = parts.onStored;
  }

  /** Files that are not stored yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Takes files in. What fails is shown in the file's row, so this never rejects. */
  async add(files: Iterable<File>): Promise<void> {
    await Promise.all(Array.from(files, (file) => this.#add(file)));
  }

  async #add(file: File): Promise<void> {
    const abort = new AbortController();
    const row = new TransferRow(file, () => abort.abort());
    this.#pending += 1;
    try {
      await this.#turns.change(() => this.#store(file, row, abort.signal));
      await this.#onStored();
      row.remove();
    } catch (error) {
      if (codeOf(error) === 'ABORTED') row.remove();
      else row.showFailure(errorText(error));
    } finally {
      this.#pending -= 1;
    }
  }

  async #store(file: File, row: TransferRow, signal: AbortSignal): Promise<void> {
    let job: Job | undefined;
    await this.#files.put(file, {
      signal,
      onProgress: (progress) => {
        job ??= this.#throughput.start(`stored “${file.name}”`);
        job.moveTo(progress.written);
        row.showProgress(progress);
      },
    });
    job?.finish();
  }
}
