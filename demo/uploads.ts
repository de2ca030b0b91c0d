/** Files on their way into the store: a row for each, one after the other, until it is durable or was given up. */
import { TransferRow } from './file-list.ts';
import type { Session, StoreHost } from './host.ts';
import { codeOf, errorText } from './text.ts';
import type { Job, Throughput } from './throughput.ts';

export class Uploads {
  readonly #host: StoreHost;
  readonly #throughput: Throughput;
  readonly #onStored: () => Promise<void>;
  #pending = 0;

  constructor(parts: { host: StoreHost; throughput: Throughput; onStored: () => Promise<void> }) {
    this.#host = parts.host;
    this.#throughput = parts.throughput;
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
      const session = this.#host.open;
      await session.turns.change(() => this.#store(session, file, row, abort.signal));
      await this.#onStored();
      row.remove();
    } catch (error) {
      if (codeOf(error) === 'ABORTED') row.remove();
      else row.showFailure(errorText(error));
    } finally {
      this.#pending -= 1;
    }
  }

  async #store(
    { files }: Session,
    file: File,
    row: TransferRow,
    signal: AbortSignal,
  ): Promise<void> {
    let job: Job | undefined;
    await files.put(file, {
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
