/** The panels Check and Stores: check, export, import, delete, create. */
import { type CheckReport, deleteStore, importStore, listStores } from '../src/index.ts';
import { byId, make, setText, toned } from './dom.ts';
import { Flips } from './flips.ts';
import { checkSession, type StoreHost } from './host.ts';
import { save } from './save.ts';
import type { Sha256 } from './sha256.ts';
import { binaryText, bytesText, countOf, countText, errorText, timeText } from './text.ts';
import type { Throughput } from './throughput.ts';

/** Problems shown; the report counts all. */
const PROBLEMS_SHOWN = 50;

export class Tools {
  readonly #host: StoreHost;
  readonly #throughput: Throughput;
  readonly #hasher: Sha256;
  readonly #check = byId('check', HTMLButtonElement);
  readonly #export = byId('export', HTMLButtonElement);
  readonly #import = byId('import', HTMLInputElement);
  readonly #imageReport = byId('image-report', HTMLElement);
  #deleting = false;

  constructor(parts: { host: StoreHost; throughput: Throughput; hasher: Sha256 }) {
    this.#host = parts.host;
    this.#throughput = parts.throughput;
    this.#hasher = parts.hasher;
    this.#check.addEventListener('click', () => this.#runCheck());
    this.#export.addEventListener('click', () => this.#runExport());
    this.#import.addEventListener('change', () => this.#runImport());
    byId('delete-store', HTMLButtonElement).addEventListener('click', () => this.#runDelete());
    byId('new-store', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#createStore();
    });
  }

  /** The store is being deleted, so that it closes is no accident. */
  get deleting(): boolean {
    return this.#deleting;
  }

  async #runCheck(): Promise<void> {
    const report = byId('check-report', HTMLElement);
    const progress = byId('check-progress', HTMLProgressElement);
    this.#check.disabled = true;
    progress.value = 0;
    const session = this.#host.open;
    report.replaceChildren(session.turns.busy ? 'Waits until nothing changes …' : 'Reading …');
    try {
      const startMs = performance.now();
      const found = await checkSession(session, (share) => {
        progress.value = share;
      });
      progress.value = 1;
      const ms = performance.now() - startMs;
      report.replaceChildren(...describeReport(found, ms, session.store.blockSize));
    } catch (error) {
      report.replaceChildren(toned('bad', errorText(error)));
    } finally {
      this.#check.disabled = this.#host.session === undefined;
    }
  }

  async #runExport(): Promise<void> {
    this.#export.disabled = true;
    setText(this.#imageReport, 'Exporting …');
    const job = this.#throughput.start('exported an image');
    try {
      const { store } = this.#host.open;
      const sha256 = await save({
        name: `${store.name}.opfs-blocks`,
        type: 'application/octet-stream',
        byteCount: store.telemetry().usedBytes,
        hasher: this.#hasher,
        pieces: piecesOf(store.exportImage()),
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
      const name = await freeName(this.#host.name);
      await importStore(name, file.stream().pipeThrough(counted));
      job.finish();
      await showStores(this.#host.name);
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
    const question = `Delete the store “${this.#host.name}” with all its files?`;
    if (!(await confirmed(question))) return;
    this.#deleting = true;
    try {
      await this.#host.close();
      await deleteStore(this.#host.name);
      new Flips(this.#host.name).forget();
      location.assign(addressOf('demo'));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The block size is fixed for a store's life, so another one takes another store. */
  async #createStore(): Promise<void> {
    const blockSize = byId('new-block-size', HTMLSelectElement).value;
    const name = await freeName(`demo-${binaryText(Number(blockSize)).replace(/\W/g, '')}`);
    const address = new URL(addressOf(name));
    address.searchParams.set('block', blockSize);
    location.assign(address);
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
  for (const name of ['block', 'wait']) address.searchParams.delete(name);
  return address.href;
}

async function freeName(base: string): Promise<string> {
  const taken = new Set((await listStores()).map(({ name }) => name));
  if (!taken.has(base)) return base;
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
