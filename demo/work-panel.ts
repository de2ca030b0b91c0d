/** The workloads' controls: start, stop, sliders, and what each of them has done. */
import { byId, setText, within } from './dom.ts';
import type { Session, StoreHost } from './host.ts';
import { bytesText, countText, timeText } from './text.ts';
import {
  gentleSettings,
  WORKLOAD_KINDS,
  type WorkloadKind,
  type WorkloadSettings,
} from './workloads.ts';

interface SliderRange {
  /** Powers of two; one step further is without limit, where that makes sense. */
  readonly from: number;
  readonly to: number;
  readonly unlimited: boolean;
}

const RATE: SliderRange = { from: 4, to: 15, unlimited: true };
const BATCH: Record<WorkloadKind, SliderRange> = {
  fill: { from: 0, to: 10, unlimited: false },
  replace: { from: 0, to: 9, unlimited: false },
  storm: { from: 4, to: 12, unlimited: false },
  commits: { from: 0, to: 6, unlimited: false },
};

class WorkCard {
  readonly #kind: WorkloadKind;
  readonly #host: StoreHost;
  readonly #button: HTMLButtonElement;
  readonly #note: HTMLElement;
  readonly #name: string;
  readonly #element: HTMLElement;
  readonly #rateText: HTMLElement;

  constructor(kind: WorkloadKind, host: StoreHost, settings: WorkloadSettings) {
    this.#kind = kind;
    this.#host = host;
    this.#element = within(document, `[data-work="${kind}"]`, HTMLElement);
    this.#button = within(this.#element, '.start', HTMLButtonElement);
    this.#note = within(this.#element, '.work-note', HTMLElement);
    this.#name = within(this.#element, '.work-name', HTMLElement).textContent ?? '';
    this.#rateText = byId(`${kind}-rate-text`, HTMLElement);
    this.#button.addEventListener('click', () => {
      const { workloads } = host.open;
      if (workloads.state(kind).running) workloads.stop(kind);
      else workloads.start(kind);
      this.show(host.open);
    });
    if (kind !== 'commits') {
      slider(`${kind}-rate`, RATE, settings.rate, (rate) => {
        settings.rate = rate;
        setText(this.#rateText, this.#rateInWords(rate));
      });
    }
    const batchText = byId(`${kind}-batch-text`, HTMLElement);
    slider(`${kind}-batch`, BATCH[kind], settings.batch, (batch) => {
      settings.batch = batch;
      setText(batchText, countText(batch));
    });
  }

  show(session: Session): void {
    const state = session.workloads.state(this.#kind);
    this.#element.classList.toggle('running', state.running);
    const verb = state.running ? 'Stop' : 'Start';
    setText(this.#button, verb);
    this.#button.setAttribute('aria-label', `${verb}: ${this.#name}`);
    const done = `${countText(state.blocks)} blocks, last in ${timeText(state.lastMs)}`;
    setText(this.#note, state.note !== '' || state.transactions === 0 ? state.note : done);
  }

  /** What the last second was like. */
  showRate(perSecond: number): void {
    if (this.#kind === 'commits') setText(this.#rateText, `${countText(Math.round(perSecond))}/s`);
  }

  #rateInWords(rate: number): string {
    if (rate === Number.POSITIVE_INFINITY) return 'no limit';
    const blockSize = this.#host.session?.store.blockSize ?? 16_384;
    if (this.#kind === 'storm') return `${countText(rate)} blocks/s`;
    return `${bytesText(rate * blockSize)}/s`;
  }
}

export class WorkPanel {
  readonly #cards = new Map<WorkloadKind, WorkCard>();
  /** They outlive the session: a store that was opened again is worked on as before. */
  readonly #settings = gentleSettings();
  #smallCommits = 0;
  #shownMs = 0;

  constructor(host: StoreHost) {
    for (const kind of WORKLOAD_KINDS) {
      this.#cards.set(kind, new WorkCard(kind, host, this.#settings[kind]));
    }
    byId('mix', HTMLButtonElement).addEventListener('click', () => {
      for (const kind of WORKLOAD_KINDS) host.open.workloads.start(kind);
    });
    byId('stop-all', HTMLButtonElement).addEventListener('click', () => {
      void host.open.workloads.stopAll();
    });
    host.onOpen(({ workloads }) => {
      for (const kind of WORKLOAD_KINDS) workloads.settings[kind] = this.#settings[kind];
      workloads.onSmallCommit = () => {
        this.#smallCommits += 1;
      };
    });
  }

  /** Rates are over the time since the last time. */
  show(session: Session, nowMs: number): void {
    for (const card of this.#cards.values()) card.show(session);
    const seconds = (nowMs - this.#shownMs) / 1000;
    this.#cards.get('commits')?.showRate(this.#smallCommits / seconds);
    this.#smallCommits = 0;
    this.#shownMs = nowMs;
    byId('mix', HTMLButtonElement).classList.toggle('primary', !session.workloads.anyRunning);
  }
}

/** A slider over powers of two. */
function slider(
  id: string,
  { from, to, unlimited }: SliderRange,
  value: number,
  onChange: (value: number) => void,
): void {
  const input = byId(id, HTMLInputElement);
  input.min = String(from);
  input.max = String(unlimited ? to + 1 : to);
  const isUnlimited = value === Number.POSITIVE_INFINITY;
  input.value = isUnlimited ? input.max : String(Math.round(Math.log2(value)));
  const read = (): void => {
    const step = Number(input.value);
    onChange(step > to ? Number.POSITIVE_INFINITY : 2 ** step);
    input.setAttribute('aria-valuetext', byId(`${id}-text`, HTMLElement).textContent ?? '');
  };
  input.addEventListener('input', read);
  read();
}
