/** Check, export, import, delete: the panels below the map. */
import {
  type CheckReport,
  deleteStore,
  importStore,
  listStores,
  type Store,
} from '../src/index.ts';
import { byId, make, setText } from './dom.ts';
import type { FileStore } from './files.ts';
import { save } from './save.ts';
import type { Sha256 } from './sha256.ts';
import { bytesText, countOf, countText, errorText, timeText } from './text.ts';
import type { Throughput } from './throughput.ts';
import type { Turns } from './turns.ts';

/** Problems shown; the report counts all. */
const PROBLEMS_SHOWN = 50;

export class Tools {
  readonly #store: Store;
  readonly #files: FileStore;
  readonly #turns: Turns;
  readonly #throughput: Throughput;
  readonly #hasher: Sha256;
  readonly #check = byId('check', HTMLButtonElement);
  readonly #export = byId('export', HTMLButtonElement);
  readonly #import = byId('import', HTMLInputElement);
  readonly #delete = byId('delete-store', HTMLButtonElement);
  readonly #imageReport = byId('image-report', HTMLElement);
  #deleting = false;

  constructor(parts: {
    store: Store;
    files: FileStore;
    turns: Turns;
    throughput: Throughput;
    hasher: Sha256;
  }) {
    this.#store = parts.store;
    this.#files = parts.files;
    this.#turns = parts.turns;
    this.#throughput = parts.throughput;
    this.#hasher = parts.hasher;
    this.#check.addEventListener('click', () => this.#runCheck());
    this.#export.addEventListener('click', () => this.#runExport());
    this.#import.addEventListener('change', () => this.#runImport());
    this.#delete.addEventListener('click', () => this.#runDelete());
    this.enable(true);
  }

  /** The store is being deleted, so that it closes is no accident. */
  get deleting(): boolean {
    return this.#deleting;
  }

  enable(enabled: boolean): void {
    for (const control of [this.#check, this.#export, this.#import, this.#delete]) {
      control.disabled = !enabled;
    }
  }

  async #runCheck(): Promise<void> {
    const report = byId('check-report', HTMLElement);
    const progress = byId('check-progress', HTMLProgressElement);
    this.#check.disabled = true;
    progress.value = 0;
    report.replaceChildren(this.#turns.busy ? 'Waits until nothing changes …' : 'Reading …');
    const options = {
      reachable: this.#files.reachable(),
      onProgress: (done: number, total: number) => {
        progress.value = total === 0 ? 1 : done / total;
      },
    };
    try {
      const found = await this.#turns.alone(async () => {
        const startMs = performance.now();
        const checked = await this.#store.check(options);
        return { checked, ms: performance.now() - startMs };
      });
      progress.value = 1;
      report.replaceChildren(...describeReport(found.checked, found.ms, this.#store.blockSize));
    } catch (error) {
      report.replaceChildren(toned('bad', errorText(error)));
    } finally {
      this.#check.disabled = false;
    }
  }

  async #runExport(): Promise<void> {
    this.#export.disabled = true;
    setText(this.#imageReport, 'Exporting …');
    const job = this.#throughput.start('exported an image');
    try {
      const sha256 = await save({
        name: `${this.#store.name}.opfs-blocks`,
        type: 'application/octet-stream',
        byteCount: this.#store.telemetry().usedBytes,
        hasher: this.#hasher,
        pieces: piecesOf(this.#store.exportImage()),
        onProgress: (bytes) => {
          job.moveTo(bytes);
          setText(this.#imageReport, `Exported ${bytesText(bytes)} …`);
        },
      });
      job.finish();
      setText(this.#imageReport, `Exported. SHA-256 ${sha256.slice(0, 16)}…`);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#export.disabled = false;
    }
  }

  /** An image becomes a store of its own: a store that exists is never written over. */
  async #runImport(): Promise<void> {
    const file = this.#import.files?.[0];
    if (file === undefined) return;
    this.#import.value = '';
    this.#import.disabled = true;
    const job = this.#throughput.start('imported an image');
    let bytes = 0;
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.length;
        job.moveTo(bytes);
        setText(this.#imageReport, `Read ${bytesText(bytes)} of ${bytesText(file.size)} …`);
        controller.enqueue(chunk);
      },
    });
    try {
      const name = await freeName(this.#store.name);
      await importStore(name, file.stream().pipeThrough(counted));
      job.finish();
      await showStores(this.#store.name);
      const link = make('a', '', `Open “${name}”.`);
      link.href = addressOf(name);
      this.#imageReport.replaceChildren('Imported, every block verified. ', link);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#import.disabled = false;
    }
  }

  async #runDelete(): Promise<void> {
    const question = `Delete the store “${this.#store.name}” with all its files?`;
    if (!(await confirmed(question))) return;
    this.#deleting = true;
    try {
      await this.#store.close();
      await deleteStore(this.#store.name);
      location.assign(addressOf('demo'));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#imageReport.replaceChildren(toned('bad', errorText(error)));
  }
}

/** Fills the list of stores. The one that is open is in it in any case. */
export async function showStores(open: string): Promise<void> {
  const names = new Set([open]);
  for (const { name } of await listStores()) names.add(name);
  const options = [...names].map((name) => new Option(name, name, false, name === open));
  byId('stores', HTMLSelectElement).replaceChildren(...options);
}

/** This page with another store. */
export function addressOf(store: string): string {
  const address = new URL(location.href);
  address.searchParams.set('store', store);
  return address.href;
}

async function freeName(base: string): Promise<string> {
  const taken = new Set((await listStores()).map(({ name }) => name));
  let n = 2;
  while (taken.has(`${base}-${n}`)) n += 1;
  return `${base}-${n}`;
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  // Not `for await` on the stream itself: Safari's streams cannot be iterated.
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield [next.value];
  } finally {
    await reader.cancel();
  }
}

function confirmed(question: string): Promise<boolean> {
  const dialog = byId('confirm', HTMLDialogElement);
  setText(byId('confirm-text', HTMLElement), question);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

function describeReport(report: CheckReport, ms: number, blockSize: number): Node[] {
  const what =
    `Generation ${countText(report.generation)}: ${countOf(report.blocksRead, 'block')} ` +
    `(${bytesText(report.blocksRead * blockSize)}) read in ${timeText(ms)}.`;
  if (report.clean) {
    return [
      toned('good', 'Clean. '),
      document.createTextNode(`${what} Every hash is right, nothing has leaked.`),
    ];
  }
  const list = make('ul', '');
  for (const problem of report.problems.slice(0, PROBLEMS_SHOWN)) {
    list.append(make('li', '', `${problem.kind}: ${problem.message}`));
  }
  const count = toned('bad', `${countOf(report.problemCount, 'problem')}. `);
  return [count, document.createTextNode(what), list];
}

function toned(tone: 'good' | 'bad', text: string): HTMLElement {
  const element = make('strong', '', text);
  element.dataset['tone'] = tone;
  return element;
}
