/**
 * The list of stored files and the list of those on their way in. Views only: what a button does is told by the page.
 */
import { byId, make, setText } from './dom.ts';
import type { FileEntry, PutProgress } from './files.ts';
import { bytesText, countOf, rangesText } from './text.ts';

export interface FileActions {
  download(entry: FileEntry, row: FileRow): void;
  remove(entry: FileEntry, row: FileRow): void;
  /** The person points at a file or has its row in focus; `undefined`: no longer. */
  point(entry: FileEntry | undefined): void;
}

/** What a row tells while its file is being downloaded. */
export interface FileRow {
  showProgress(fraction: number): void;
  /** The bytes that left hashed to what the catalogue says. */
  showVerified(): void;
  showFailure(text: string): void;
}

export class FileList {
  readonly #list = byId('files', HTMLElement);
  readonly #empty = byId('files-empty', HTMLElement);
  readonly #actions: FileActions;
  readonly #rows = new Map<number, HTMLElement>();

  constructor(actions: FileActions) {
    this.#actions = actions;
  }

  /** Newest first. Rows that stay keep their element, and so their focus and their tick. */
  show(entries: readonly FileEntry[]): void {
    const ids = new Set(entries.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      if (row.contains(document.activeElement)) byId('pick', HTMLInputElement).focus();
      row.remove();
      this.#rows.delete(id);
    }
    for (const entry of entries) {
      if (this.#rows.has(entry.id)) continue;
      const row = this.#makeRow(entry);
      this.#rows.set(entry.id, row);
      this.#list.prepend(row);
    }
    this.#empty.hidden = entries.length > 0;
  }

  #makeRow(entry: FileEntry): HTMLElement {
    const row = make('li', 'item');
    row.dataset['file'] = entry.name;
    const name = make('span', 'item-name', entry.name);
    name.title = entry.name;
    const facts = make('div', 'item-facts');
    const arenas = entry.arenas.length === 1 ? 'arena' : 'arenas';
    facts.append(
      make('span', '', bytesText(entry.byteCount)),
      ' · ',
      make('span', '', countOf(entry.blockCount, 'block')),
      ' · ',
      make('span', '', `${arenas}\u00a0${rangesText(entry.arenas)}`),
    );
    const hash = make('div', 'item-hash');
    const code = make('code', '', entry.sha256);
    code.title = `SHA-256 ${entry.sha256}`;
    const verdict = make('span', 'item-verdict');
    verdict.setAttribute('role', 'status');
    hash.append('SHA-256', code, verdict);
    row.append(name, facts, this.#makeActions(entry, verdict), hash);
    const point = (): void => this.#actions.point(entry);
    const leave = (): void => this.#actions.point(undefined);
    row.addEventListener('pointerenter', point);
    row.addEventListener('pointerleave', leave);
    row.addEventListener('focusin', point);
    row.addEventListener('focusout', leave);
    return row;
  }

  #makeActions(entry: FileEntry, verdict: HTMLElement): HTMLElement {
    const download = make('button', 'quiet', 'Download');
    const remove = make('button', 'quiet', 'Delete');
    download.setAttribute('aria-label', `Download ${entry.name}`);
    remove.setAttribute('aria-label', `Delete ${entry.name}`);
    const tell = (text: string, tone: 'good' | 'bad'): void => {
      download.disabled = false;
      setText(verdict, text);
      verdict.dataset['tone'] = tone;
    };
    const view: FileRow = {
      showProgress: (fraction) => setText(verdict, `${Math.floor(fraction * 100)}\u00a0%`),
      showVerified: () => tell('✓ verified', 'good'),
      showFailure: (text) => tell(text, 'bad'),
    };
    download.addEventListener('click', () => {
      download.disabled = true;
      delete verdict.dataset['tone'];
      this.#actions.download(entry, view);
    });
    remove.addEventListener('click', () => this.#actions.remove(entry, view));
    const actions = make('div', 'item-actions');
    actions.append(download, remove);
    return actions;
  }
}

/** One file on its way in: a row above the list until its last transaction is durable. */
export class TransferRow {
  readonly #row = make('li', 'item');
  readonly #facts = make('div', 'item-facts', 'waiting');
  readonly #written = make('i', 'written');
  readonly #durable = make('i', 'durable');
  readonly #byteCount: number;
  readonly #button = make('button', 'quiet', 'Cancel');

  constructor(file: File, onCancel: () => void) {
    this.#byteCount = file.size;
    const name = make('span', 'item-name', file.name);
    const bar = make('div', 'item-bar');
    bar.append(this.#written, this.#durable);
    bar.setAttribute('aria-hidden', 'true');
    this.#row.append(name, this.#facts, this.#button, bar);
    this.#button.setAttribute('aria-label', `Cancel ${file.name}`);
    const cancel = (): void => {
      setText(this.#facts, 'giving up …');
      onCancel();
    };
    this.#button.addEventListener('click', cancel, { once: true });
    byId('transfers', HTMLElement).append(this.#row);
  }

  showProgress({ written, durable }: PutProgress): void {
    const total = Math.max(1, this.#byteCount);
    this.#written.style.transform = `scaleX(${written / total})`;
    this.#durable.style.transform = `scaleX(${durable / total})`;
    const of = `${bytesText(written)} of ${bytesText(this.#byteCount)} written`;
    setText(this.#facts, `${of}, ${bytesText(durable)} durable`);
  }

  showFailure(text: string): void {
    this.#row.classList.add('failed');
    setText(this.#facts, text);
    setText(this.#button, 'Dismiss');
    this.#button.addEventListener('click', () => this.remove(), { once: true });
  }

  remove(): void {
    this.#row.remove();
  }
}
