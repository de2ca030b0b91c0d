/**
 * Epochs: who may still look at freed blocks, and what waits for that. The slow reader is a real one: it pins the state
 * of the moment and holds it until it is switched off.
 */
import type { Reader, StoreStats } from '../src/index.ts';
import { Chart } from './charts.ts';
import { byId, make, setText, within } from './dom.ts';
import type { Session, StoreHost } from './host.ts';
import { History, type Sample } from './sampler.ts';
import { bytesText, countOf, countText, MEGABYTE } from './text.ts';

const ADVICE = 'Switch the slow reader on while blocks are replaced, and see space pile up.';

export class EpochPanel {
  readonly #switch = byId('slow-reader', HTMLInputElement);
  readonly #slots = byId('epoch-slots', HTMLElement);
  readonly #readout = byId('epoch-readout', HTMLElement);
  readonly #history = new History(2);
  readonly #chart = new Chart('chart-held', this.#history, {
    lines: [
      { name: 'freed', colour: '--state-pending', filled: true },
      { name: 'held by readers', colour: '--state-dirty', filled: true },
    ],
    least: 1,
    unit: 'MB',
  });
  #reader: Reader | undefined;

  constructor(host: StoreHost) {
    this.#switch.addEventListener('change', () => {
      if (this.#switch.checked) this.#reader = host.open.store.reader();
      else this.#letGo();
    });
    // A reader ends with its session, if only because nobody is left to read.
    host.onClose(() => this.#letGo());
    host.onOpen(() => this.#letGo());
    setText(this.#readout, ADVICE);
  }

  take(sample: Sample): void {
    this.#history.push(sample.pendingBytes / MEGABYTE, sample.heldByReadersBytes / MEGABYTE);
  }

  draw(): void {
    this.#chart.show();
  }

  show({ store }: Session, { epochs, heldByReadersBytes, pendingBytes }: StoreStats): void {
    setText(byId('epoch-global', HTMLElement), countText(epochs.global));
    const isInline = store.profile === 'inline';
    const name = isInline ? 'published states: the epochs of the inline profile' : 'global epoch';
    setText(byId('epoch-name', HTMLElement), name);
    this.#showSlots(epochs);
    const waits = [...epochs.limboBlocks, epochs.commitWaitBlocks];
    const most = Math.max(64, ...waits);
    ['0', '1', '2', 'wait'].forEach((key, n) => {
      const line = within(document, `[data-limbo="${key}"]`, HTMLElement);
      const blocks = waits[n] ?? 0;
      setText(within(line, 'output', HTMLElement), countText(blocks));
      within(line, '.meter', HTMLElement).style.transform = `scaleX(${blocks / most})`;
    });
    if (this.#reader === undefined) setText(this.#readout, ADVICE);
    else {
      const held = bytesText(heldByReadersBytes);
      const freed = bytesText(pendingBytes);
      setText(
        this.#readout,
        `The reader’s state holds back ${held} of the ${freed} that were freed.`,
      );
    }
  }

  #showSlots({ global, clients }: StoreStats['epochs']): void {
    while (this.#slots.children.length > clients.length) this.#slots.lastElementChild?.remove();
    while (this.#slots.children.length < clients.length) {
      const slot = make('li', '');
      slot.append(make('b', ''), make('span', ''));
      this.#slots.append(slot);
    }
    clients.forEach(({ client, pinned }, n) => {
      const slot = this.#slots.children[n] as HTMLElement;
      const behind = global - pinned;
      slot.classList.toggle('pinned', pinned > 0);
      setText(slot.children[0] as HTMLElement, client);
      const where =
        behind === 0
          ? `inside ${countText(pinned)}`
          : `inside ${countText(pinned)}, ${countOf(behind, 'epoch')} behind`;
      setText(slot.children[1] as HTMLElement, pinned === 0 ? 'in none' : where);
    });
  }

  #letGo(): void {
    this.#switch.checked = false;
    this.#reader?.close();
    this.#reader = undefined;
  }
}
